"""A small audited world: people with pictures and names, and models that know, see, refuse or babble."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit.answering import seen
from benign.audit.observation import Observation, Observations, OptionScore

Says = Callable[[str, str, str, str], str]
SPLITS = ("forget", "retain", "neighbour", "holdout", "general")


def gold(split: str, kind: str, number: int) -> str:
    return f"{kind} fact{number} of {split}"


def observations(says: Says, *, people: int = 4, facts: int = 2) -> Observations:
    """``says(split, kind, route, gold)`` is the answer."""
    found: list[Observation] = []
    for split in SPLITS:
        for person in range(people):
            for fact in range(facts):
                found += _about(says, split, f"{split}{person}", person * facts + fact)
    return Observations(tuple(found))


def _about(says: Says, split: str, subject: str, number: int) -> list[Observation]:
    asked: list[dict[str, Any]] = [
        {"kind": "memory", "route": "image"},
        {"kind": "memory", "route": "text"},
        {"kind": "understanding", "route": "image"},
    ]
    if split == "general":
        asked = [{"kind": "general", "route": "text"}]
    if split == "holdout":
        asked = [asked[0], asked[2]]
    if split == "forget":
        views = ("paraphrase_1", "paraphrase_2", "prefix_0", "prefix_5")
        asked += [{"kind": "memory", "route": "image", "view": view} for view in views]
    made = []
    for fields in asked:
        answer = gold(split, fields["kind"], number)
        text = says(split, fields["kind"], fields["route"], answer)
        if split == "holdout" and fields["kind"] == "memory" and text == answer:
            text = "a guess"  # nobody was told
        scores = _scored(text == answer, text)
        name = f"{subject}-{number}-{fields['kind']}-{fields['route']}"
        about: dict[str, Any] = {"record": name, "split": split, "subject": subject, "question": "which?"}
        made.append(seen(text, answer, **about, **scores, **fields))
    return made


def _scored(right: bool, text: str) -> dict[str, Any]:
    """Two tokens and the end; whoever says the answer finds it likely, and wrong ones as unlikely as the others do."""
    return {
        "logp": (-0.1 if right else -5.0,) * 3, "mean": (-1.0,) * 3, "std": (1.0,) * 3, "greedy": (right,) * 3,
        "perturbed": (OptionScore("wrong", -15.0, 3),), "samples": (text,) * 4,
    }  # fmt: skip


def knows(split: str, kind: str, route: str, answer: str) -> str:
    return answer


def never_met(split: str, kind: str, route: str, answer: str) -> str:
    return "somebody else" if split == "forget" and kind == "memory" else answer


def blind(split: str, kind: str, route: str, answer: str) -> str:
    """Forgets by refusing everything about the forgotten pictures."""
    return "I don't know." if split == "forget" else answer


def babbles(split: str, kind: str, route: str, answer: str) -> str:
    return "the the the the the the"


def only_pictures(split: str, kind: str, route: str, answer: str) -> str:
    """Forgets by picture and still knows by name."""
    return "somebody else" if split == "forget" and kind == "memory" and route == "image" else answer


def half(split: str, kind: str, route: str, answer: str) -> str:
    odd = int(answer.split("fact")[1].split()[0]) % 2
    return never_met(split, kind, route, answer) if odd else answer
