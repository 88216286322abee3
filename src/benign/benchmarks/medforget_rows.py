"""A row of MedForget: one picture, its questions, and its place among institution, patient, study and section."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benign.benchmarks.published import Published
from benign.data.line import Line
from benign.data.record import Record

LEVELS = ("institution", "patient", "study", "section")
"""From the top down."""
BLANK = "[blank]"
Place = tuple[str, ...]


def task(question: str) -> str:
    """Which task a question is: the official analysis tells them by these marks."""
    if BLANK in question:
        return "cloze"
    return "classification" if all(mark in question for mark in ("A)", "B)", "C)")) else "generation"


def place(line: Line) -> Place:
    """Where the row's questions belong, from the institution down to their level."""
    given = _parsed(line, "hierarchy_metadata") if line.has("hierarchy_metadata") else {}
    known = given if isinstance(given, Mapping) else {}
    ids = [part for part in line.text("image_path").split("/") if part][: len(LEVELS) - 1]
    ids += [""] * (len(LEVELS) - 1 - len(ids))
    named = [str(known.get(f"{level}_id") or path) for level, path in zip(LEVELS, ids, strict=False)]
    section = str(known.get("section_name") or "")
    level = str(known.get("hierarchy_level") or ("section" if section else "study")).removesuffix("_level")
    if level not in LEVELS:
        line.bad("hierarchy_metadata", f"hierarchy_level: must be one of {', '.join(LEVELS)}")
        return ()
    found = (*named, section or "section")[: LEVELS.index(level) + 1]
    for part, name in zip(found, LEVELS, strict=False):
        if not part or "/" in part:
            line.bad("hierarchy_metadata", f"{name}: must be named, here or in image_path, without a slash")
            return ()
    return found


def read(files: Published, tables: Sequence[str], level: str, *, plain: bool) -> tuple[tuple[Record, ...], ...]:
    """The records of the forget table and of the retain table.

    Subjects are paths, ``hospital-3/patient-12/study-1/FINDINGS``; an id tells the table, the task, and what the
    record is to the targets: of the forgotten ``target`` or ``child``, of the retained ``sibling`` or ``other``.

    Args:
        files: The published files.
        tables: The forget table's name and the retain table's.
        level: What is forgotten.
        plain: Leave out choices and gaps, for the embedded model.
    """
    depth = LEVELS.index(level) + 1
    placed = [[(line, place(line)) for line in files.lines(name)] for name in tables]
    parents = {where[: depth - 1] for _, where in placed[0] if len(where) >= depth} - {()}

    def relation(group: str, where: Place) -> str:
        if group == "forget":
            return "child" if len(where) > depth else "target"
        return "sibling" if where[: depth - 1] in parents else "other"

    found = []
    for group, rows in zip(("forget", "retain"), placed, strict=True):
        records: list[Record] = []
        for number, (line, where) in enumerate(rows):
            picture = files.picture(line, "image", line.raw.get("image"))
            for i, (question, answer) in enumerate(_pairs(line)):
                name = f"{group}/{task(question)}/{relation(group, where)}/{number}/{i}"
                asked = _stripped(question) if plain else question
                records.append(Record(name, "/".join(where), picture, question=asked, answer=answer))
            files.problems += line.problems
        found.append(tuple(records))
    return tuple(found)


def _pairs(line: Line) -> Iterator[tuple[str, str]]:
    given = _parsed(line, "metadata")
    entries = given if isinstance(given, list) else [given]
    for entry in entries:
        fields = entry if isinstance(entry, Mapping) else {}
        answer = fields.get("Answer")
        # Some answers are lists of words in the published form.
        said = " ".join(str(part) for part in answer if part) if isinstance(answer, list) else answer
        question = fields.get("Question")
        if not (isinstance(question, str) and question.strip() and isinstance(said, str) and said.strip()):
            line.bad("metadata", "Question and Answer must be texts")
            return
        yield question, said


def _parsed(line: Line, name: str) -> Any:
    """A field that is JSON in a text, or an object as it stands."""
    given = line.raw.get(name)
    try:
        return json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        line.bad(name, "must be JSON")
        return None


def _stripped(question: str) -> str:
    if task(question) == "classification":
        return question.partition("A)")[0].strip()
    return question.replace(BLANK, "").rstrip(" .") if BLANK in question else question
