"""A row of UMU-Bench: one person, every fact by picture and by name, in three tasks."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from typing import Any

from benign.data.line import Line
from benign.data.record import ImageRef, Record

MODALITIES = {"muitimodal": "image", "unimodal": "text"}
"""The published names, the first as it is spelt there."""
TASKS = {"Classify": "choice", "Cloze": "gap", "Generation": "answer"}
BLANK = "[Blank]"
Picture = tuple[ImageRef, ...]


def trained(split: str, line: Line, picture: Picture) -> Iterator[Record]:
    """What the model was trained on: the same facts with the picture and with the name."""
    subject = line.identifier("ID")
    for name, modality in (("MM_QA", "image"), ("UM_QA", "text")):
        given = _object(line, name)
        questions, answers = (_mapping(given.get(part)) for part in ("question", "answer"))
        if not questions or questions.keys() != answers.keys():
            line.bad(name, "must have a question and an answer of the same keys")
            continue
        for key, question in questions.items():
            at = f"{split}/{modality}/{subject}/{key}"
            yield Record(at, subject, picture if modality == "image" else (),
                         question=_text(line, name, question), answer=_text(line, name, answers[key]))  # fmt: skip


def asked(group: str, plain: bool, line: Line, picture: Picture) -> Iterator[Record]:
    """All that is asked about one person; ``plain`` leaves out instructions, for the embedded model."""
    subject = line.identifier("ID")
    for name, task in TASKS.items():
        given = _object(line, name)
        facts = {modality: _mapping(given.get(modality)) for modality in MODALITIES}
        keys = facts["unimodal"].keys()
        if not keys or keys != facts["muitimodal"].keys():
            line.bad(name, "must have the same keys in unimodal and muitimodal")
            continue
        for published, modality in MODALITIES.items():
            for key, entry in facts[published].items():
                question, answer, options = _put(line, name, _mapping(entry), plain)
                yield Record(f"{group}/{task}/{modality}/{subject}/{key}", subject,
                             picture if modality == "image" else (), question=question, answer=answer,
                             options=options, kind="general" if group == "real" else "memory")  # fmt: skip


def _put(line: Line, name: str, entry: Mapping[str, Any], plain: bool) -> tuple[str, str, tuple[str, ...]]:
    """Question, expected answer and choices of one entry."""
    question, answer = _text(line, name, entry.get("question")), _text(line, name, entry.get("answer"))
    if name == "Classify":
        options = {str(key): str(text) for key, text in _mapping(entry.get("options")).items()}
        letter = answer.split(".")[0].strip()
        if letter not in options:
            line.bad(name, "answer: must begin with the letter of one of the options")
            return question, answer, ()
        listed = "" if plain else "\nAnswer with one of: " + "; ".join(options.values())
        return question + listed, options[letter], tuple(options.values())
    if name == "Cloze":
        # The embedded model goes on from the gap; the official code compares up to the first full stop.
        put = question.replace(BLANK, "").rstrip(" .?") if plain else f"{question}\nGive only the words for the gap."
        return put, answer.split(".")[0], ()
    return (question if plain else f"{question}\nAnswer in one sentence."), answer, ()


def _object(line: Line, name: str) -> Mapping[str, Any]:
    """A field that holds an object as Python prints it; JSON will do as well."""
    given = line.raw.get(name)
    for parse in (json.loads, ast.literal_eval):
        if isinstance(given, str):
            try:
                given = parse(given)
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                continue
    if not isinstance(given, Mapping):
        line.bad(name, "must be an object, as Python or JSON writes one")
        return {}
    return given


def _mapping(given: object) -> Mapping[str, Any]:
    """An object's fields; those that Parquet had to fill with null were not there."""
    return {str(k): v for k, v in given.items() if v is not None} if isinstance(given, Mapping) else {}


def _text(line: Line, name: str, given: object) -> str:
    if not isinstance(given, str) or not given.strip():
        if name not in line.faulty:
            line.bad(name, "question and answer must be texts")
        return ""
    return given
