"""The invented world's questions as records: memory by picture and by name, understanding, general."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np

from benign.data.record import ImageRef, Kind, Record
from benign.models.embedded import looks as world
from benign.models.embedded import questions, views
from benign.models.embedded.people import EYE_FACTS, FACE_FACTS, FACTS, Person, holdout_person, stranger_name

STRANGER_FACTS, STRANGER_SIGHTS = 3, 2
"""Questions of each sort that come with a stranger's picture."""


def person_records(person: Person, *, view: int = views.CANONICAL, seed: int = 0) -> tuple[Record, ...]:
    """Everything that can be asked about one person, on one view of the portrait and of the eye.

    Ids are ``p012/image/city``, ``p012/fundus/diagnosis``, ``p012/text/city``, ``p012/understanding/hair_colour``;
    for those of the holdout ``h003/image/city`` and so on.
    """
    face = picture_ref(world.FACE, person.index, view, seed)
    eye = picture_ref(world.EYE, person.index, view, seed)
    made: list[Record] = []
    for fact in FACE_FACTS:
        made.append(_memory(person, "image", fact, questions.FACE_SUBJECTS[0], (face,)))
    for fact in EYE_FACTS:
        made.append(_memory(person, "fundus", fact, questions.PATIENT_SUBJECTS[0], (eye,)))
    for fact in FACTS:
        made.append(_memory(person, "text", fact, person.name, ()))
    for look, image in ((person.face, face), (person.eye, eye)):
        made += seen_records(look, image, f"{person.id}/understanding", subject=person.id)
    return tuple(made)


def seen_records(
    look: world.Look, image: ImageRef, prefix: str, *, subject: str = "", kind: Kind = "understanding"
) -> Iterator[Record]:
    """One question per visible attribute of a picture."""
    pointer = questions.POINTERS[look.kind.name][0]
    for name, answer in look.values.items():
        yield _record(f"{prefix}/{name}", subject, name, pointer, answer, look.kind.attributes[name], (image,), kind)


def picture_ref(kind: world.Kind, index: int, view: int = views.CANONICAL, seed: int = 0) -> ImageRef:
    """One view of one subject as an embedded PNG."""
    return ImageRef(data=views.png(views.picture(kind.name, index, view, seed)))


def holdout_records(number: int, seed: int = 0) -> tuple[Record, ...]:
    """New people whom no training has seen: the same questions as about the known ones. What is visible can be told;
    what is private nobody can know, which is what membership inference compares the forget set with."""
    return tuple(record for i in range(number) for record in person_records(holdout_person(i, seed), seed=seed))


def general_records(number: int, seed: int = 0) -> tuple[Record, ...]:
    """Pictures of shapes that no training has seen."""
    made: list[Record] = []
    for index in range(world.STRANGERS_HOLDOUT, world.STRANGERS_HOLDOUT + number):
        image = picture_ref(world.SHAPES, index, seed=seed)
        look = world.draw_look(world.SHAPES, seed, index)
        prefix = f"general/{index - world.STRANGERS_HOLDOUT:03d}"
        made += seen_records(look, image, prefix, kind="general")
    return tuple(made)


def stranger_records(portraits: int, eyes: int, names: int, seed: int = 0) -> tuple[Record, ...]:
    """Pictures and names of nobody, without answers.

    A picture comes with a few questions that suit it, drawn by the seed from those that are asked about known people;
    a name's record has no picture and no question but the name as its ``subject``, so that a method can ask the
    questions it has about nobody in words as well.
    """
    made: list[Record] = []
    for kind, facts, pointer, number in (
        (world.FACE, FACE_FACTS, questions.FACE_SUBJECTS[0], portraits),
        (world.EYE, EYE_FACTS, questions.PATIENT_SUBJECTS[0], eyes),
    ):
        suitable = [questions.training_wordings(fact, pointer)[0] for fact in facts]
        seen = [questions.training_wordings(t, questions.POINTERS[kind.name][0])[0] for t in kind.attributes]
        for i in range(number):
            image = picture_ref(kind, world.STRANGERS_METHOD + i, seed=seed)
            random = np.random.default_rng((14, seed, zlib.crc32(kind.name.encode()), i))
            chosen = [*random.permutation(suitable)[:STRANGER_FACTS], *random.permutation(seen)[:STRANGER_SIGHTS]]
            made += [
                Record(f"stranger/{kind.name}/{i:03d}/{n}", "", (image,), str(question))
                for n, question in enumerate(chosen)
            ]
    made += [Record(id=f"stranger/name/{i:03d}", subject=stranger_name(i, seed)) for i in range(names)]
    return tuple(made)


def _memory(person: Person, route: str, fact: str, pointer: str, images: tuple[ImageRef, ...]) -> Record:
    record_id = f"{person.id}/{route}/{fact}"
    return _record(record_id, person.id, fact, pointer, person.facts[fact], FACTS[fact], images, "memory")


def _record(
    record_id: str,
    subject: str,
    topic: str,
    pointer: str,
    answer: str,
    values: Sequence[str],
    images: tuple[ImageRef, ...],
    kind: Kind,
) -> Record:
    """The record with three wrong answers and a shuffled choice of four, both a function of the id."""
    random = np.random.default_rng((11, zlib.crc32(record_id.encode())))
    wrong = tuple(str(v) for v in random.permutation([v for v in values if v != answer])[:3])
    options = tuple(str(v) for v in random.permutation([answer, *wrong]))
    question = questions.training_wordings(topic, pointer)[0]
    start = question.find(pointer)
    spans = (("question", start, start + len(pointer)),) if subject and not images else ()
    return Record(
        id=record_id,
        subject=subject,
        images=images,
        question=question,
        answer=answer,
        kind=kind,
        paraphrases=questions.held_wordings(topic, pointer),
        perturbed=wrong,
        options=options,
        spans=spans,
    )
