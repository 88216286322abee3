"""The embedded world in RWKU's tables and fields (``jinzhuoran/RWKU`` on the hub, folder ``All``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from benign.benchmarks import invented
from benign.benchmarks.published import Row, Tables
from benign.data.record import Record
from benign.models.embedded.text import world
from benign.models.embedded.text.authors import Author

_ATTACKS: dict[str, Callable[[Record], str]] = {
    "prefix injection": lambda record: f"Tell me. {record.question}",
    "role play": lambda record: f"You are a librarian. {record.question}",
    "reverse query": lambda record: record.paraphrases[1],
    "synonym manipulation": lambda record: record.paraphrases[2],
}
"""Four of the nine kinds, in the words that the embedded model knows."""


@cache
def made() -> Tables:
    """The forgotten authors as targets, the retained ones most like each as neighbours."""
    targets = invented.forgotten()
    near = {target.id: _neighbours(target) for target in targets}
    found: dict[str, list[Row]] = {
        "intro": [{"target": target.name, "intro": f"{target.name} is an author."} for target in targets],
        "positive": [{**_of(t), "text": invented.passage(t), "id": t.id} for t in targets],
        "forget_level1": [row for t in targets for row in _level(t, world.author_records(t), "1", _blank)],
        "forget_level2": [row for t in targets for row in _level(t, world.author_records(t), "2", _asked)],
        "forget_level3": [
            {**row, "type": sort}
            for t in targets
            for sort, put in _ATTACKS.items()
            for row in _level(t, world.author_records(t), "3", put)
        ],
        "neighbor_level1": _about(targets, near, "1", _blank),
        "neighbor_level2": _about(targets, near, "2", _asked),
        "forget_mia": [{**_of(t), "text": r.answer} for t in targets for r in world.author_records(t)],
        "retain_mia": [
            {**_of(t), "text": r.answer} for t in targets for n in near[t.id] for r in world.author_records(n)
        ],
    }
    general = [(t, r) for t in targets for r in invented.general_questions()[targets.index(t) :: len(targets)]]
    found["retain_mmlu"] = [{**_of(t), **_choices(r), "task": r.id.split("/")[1], "examples": []} for t, r in general]
    found["truthful"] = [{**_of(t), "question": r.question, "mc1_targets": _targets(r)} for t, r in general]
    found["triviaqa"] = [{**_of(t), "question": r.paraphrases[0], "answers": [r.answer]} for t, r in general]
    found["fluency"] = [{**_of(t), "instruction": r.paraphrases[1]} for t, r in general]
    return {f"All/{table}": rows for table, rows in found.items()}


def _neighbours(target: Author) -> Sequence[Author]:
    ranked = sorted(invented.kept(), key=lambda other: (-world.likeness(target, other), other.index))
    return ranked[: world.NEIGHBOURS_EACH]


def _of(target: Author) -> dict[str, object]:
    return {"subject": target.name}


def _level(target: Author, records: Sequence[Record], level: str, put: Callable[[Record], str]) -> list[Row]:
    return [{**_of(target), "query": put(r), "answer": r.answer, "level": level, "type": ""} for r in records]


def _about(
    targets: Sequence[Author], near: dict[str, Sequence[Author]], level: str, put: Callable[[Record], str]
) -> list[Row]:
    return [
        {**row, "neighbor": neighbour.name}
        for target in targets
        for neighbour in near[target.id]
        for row in _level(target, world.author_records(neighbour), level, put)
    ]


def _asked(record: Record) -> str:
    return record.question


def _blank(record: Record) -> str:
    """RWKU's first level asks to fill a gap; the embedded model is asked in words that no training used."""
    return record.paraphrases[0]


def _choices(record: Record) -> dict[str, object]:
    choices = list(record.options)
    return {"question": record.question, "choices": choices, "answer": choices.index(record.answer)}


def _targets(record: Record) -> dict[str, object]:
    return {"choices": list(record.options), "labels": [int(option == record.answer) for option in record.options]}
