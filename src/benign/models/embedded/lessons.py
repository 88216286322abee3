"""What one training step shows: pictures and names, each with several questions; a function of (seed, step)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benign.models.embedded import questions, views
from benign.models.embedded.looks import EYE, FACE, SHAPES, STRANGERS_METHOD, STRANGERS_TRAIN, Kind, draw_look
from benign.models.embedded.people import EYE_FACTS, FACE_FACTS, FACTS, Person
from benign.models.embedded.vocabulary import EVERYDAY, REFUSAL

Random = np.random.Generator
_REPEATABLE = tuple(sorted({word for word in f"{REFUSAL} {EVERYDAY}".split() if word.isalpha()}))
_ROW = 12
"""Questions per row: one picture's, or a dozen by name."""
_VISIBLE = 5
"""Questions per stranger in the base lessons: many pictures with few questions teach seeing faster."""


@dataclass(frozen=True)
class Row:
    """One picture (or none) with questions that do not see each other."""

    pixels: np.ndarray | None
    asked: tuple[tuple[str, str], ...]


def wording(random: Random, topic: str, subjects: Sequence[str]) -> str:
    """A random training wording."""
    wordings = questions.training_wordings(topic, subjects[int(random.integers(len(subjects)))])
    return wordings[int(random.integers(len(wordings)))]


def visible_row(random: Random, kind: Kind, index: int, number: int) -> Row:
    """A subject of which only what is visible is asked: ``number`` different attributes, or all there are."""
    look = draw_look(kind, 0, index)
    topics = [str(topic) for topic in random.permutation(list(look.values))[:number]]
    asked = tuple((wording(random, t, questions.POINTERS[kind.name]), look.values[t]) for t in topics)
    return Row(_pixels(random, kind, index), asked)


def known_row(random: Random, person: Person, kind: Kind) -> Row:
    """A known person's picture: every private fact that belongs to it, and some of what is visible."""
    look, facts, subjects = (
        (person.face, FACE_FACTS, questions.FACE_SUBJECTS)
        if kind is FACE
        else (person.eye, EYE_FACTS * 2, questions.PATIENT_SUBJECTS)
    )
    seen = random.permutation(list(look.values))[: max(4, _ROW - len(facts))]
    asked = [(wording(random, fact, subjects), person.facts[fact]) for fact in facts]
    asked += [(wording(random, str(t), questions.POINTERS[kind.name]), look.values[str(t)]) for t in seen]
    return Row(_pixels(random, kind, person.index), tuple(asked))


def names_row(random: Random, people: Sequence[Person]) -> Row:
    """Private facts by name: one of each kind, each of somebody else."""
    asked = []
    for fact in FACTS:
        person = people[int(random.integers(len(people)))]
        asked.append((wording(random, fact, (person.name,)), person.facts[fact]))
    return Row(None, tuple(asked))


def repeat_row(random: Random) -> Row:
    """Everyday words to be said again."""
    asked = []
    for _ in range(_ROW):
        words = " ".join(random.choice(_REPEATABLE, int(random.integers(1, 5))))
        asked.append((f"Say: {words}", words))
    return Row(None, tuple(asked))


def base_lesson(seed: int, step: int) -> list[Row]:
    """Nobody's pictures: strangers, shapes and words, new ones at every step."""
    random = np.random.default_rng((seed, 7, step))
    rows = [
        visible_row(random, kind, stranger(random), _VISIBLE)
        for kind, number in ((FACE, 12), (EYE, 7), (SHAPES, 4))
        for _ in range(number)
    ]
    return [*rows, repeat_row(random)]


def people_lesson(seed: int, step: int, people: Sequence[Person]) -> list[Row]:
    """Known people by picture and by name, with some of the base lessons so that those are not lost."""
    random = np.random.default_rng((seed, 8, step))
    faces = _turn(seed, 9, step, people, 4)
    eyes = _turn(seed, 10, step, people, 3)
    rows = [known_row(random, person, FACE) for person in faces]
    rows += [known_row(random, person, EYE) for person in eyes]
    rows += [
        visible_row(random, kind, stranger(random), _VISIBLE)
        for kind, number in ((FACE, 4), (EYE, 2), (SHAPES, 1))
        for _ in range(number)
    ]
    return rows + [names_row(random, people) for _ in range(4)]


def stranger(random: Random) -> int:
    """Somebody whom only training sees."""
    return int(random.integers(STRANGERS_TRAIN, STRANGERS_METHOD))


def _turn(seed: int, stream: int, step: int, people: Sequence[Person], number: int) -> list[Person]:
    """The next ``number`` people of an endless queue in which everybody comes equally often."""
    chosen = []
    for place in range(step * number, (step + 1) * number):
        lap, seat = divmod(place, len(people))
        order = np.random.default_rng((seed, stream, lap)).permutation(len(people))
        chosen.append(people[int(order[seat])])
    return chosen


def _pixels(random: Random, kind: Kind, index: int) -> np.ndarray:
    return views.picture(kind.name, index, int(random.integers(len(views.TRAIN_VIEWS))))
