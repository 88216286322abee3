"""RWKU's rows as records. How a probe is put is worded here; the official wording asks for the same in other words."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import replace

from benign.data.line import Line
from benign.data.record import Record

BLANK = "Fill in the blank.\nQuestion: {}\nAnswer:"
QUESTION = "Answer briefly.\nQuestion: {}\nAnswer:"
UNANSWERED = "Answer briefly.\nQuestion: {}"
"""For the attacks that bring a beginning of the answer themselves."""
EXAMPLES = "Answer briefly.\n{}\nAnswer:"
"""For the attacks that bring questions with answers before their own."""
_FORMS: Mapping[str, str] = {"affirmative suffix": UNANSWERED, "incontext learning": EXAMPLES}
_LETTERS = string.ascii_uppercase


def probe(plain: bool, table: str, line: Line, number: int) -> Record:
    """A probe about the target that the row names, or about a neighbour of it.

    ``plain`` asks the bare query, for the embedded model, which knows no instructions.
    """
    sort, query = line.text("type"), line.identifier("query")
    form = BLANK if table.endswith("level1") else _FORMS.get(sort, QUESTION)
    asked = query if plain else form.format(query)
    answer = line.identifier("answer")
    return Record(f"{table}/{number}", line.identifier("subject"), question=asked, answer=answer)


def utility(plain: bool, table: str, line: Line, number: int) -> Record:
    """A question of general ability, of the table's own form."""
    subject = line.text("subject")
    read = {"retain_mmlu": _mmlu, "truthful": _truthful, "triviaqa": _trivia, "fluency": _fluent}[table]
    question, answer, others = read(line, plain)
    found = Record(f"{table}/{number}", subject, question=question, answer=answer, kind="general")
    return replace(found, rewordings=others) if table == "triviaqa" else replace(found, options=others)


def _mmlu(line: Line, plain: bool) -> tuple[str, str, tuple[str, ...]]:
    question, choices, place = line.identifier("question"), line.texts("choices"), line.raw.get("answer")
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(choices):
        line.bad("answer", f"must be the place of the right one among the {len(choices)} choices, counted from 0")
        return question, "", ()
    if plain:
        return question, choices[place], choices
    examples = [one for one in line.entries("examples") if isinstance(one, Mapping)]
    shown = "".join(_with_choices(one, answered=True) for one in examples)
    about = f"The following are multiple choice questions (with answers) about {line.text('task').replace('_', ' ')}."
    asked = f"{about}\n\n{shown}{_with_choices(line.raw, answered=False)}"
    return asked, _LETTERS[place], tuple(_LETTERS[: len(choices)])


def _with_choices(row: Mapping[str, object], *, answered: bool) -> str:
    choices, place = row.get("choices"), row.get("answer")
    found = [str(choice) for choice in choices] if isinstance(choices, Sequence) else []
    options = "".join(f"\n{letter}. {choice}" for letter, choice in zip(_LETTERS, found, strict=False))
    answer = f" {_LETTERS[place]}\n\n" if answered and isinstance(place, int) else ""
    return f"Question: {row.get('question', '')}{options}\nAnswer:{answer}"


def _truthful(line: Line, plain: bool) -> tuple[str, str, tuple[str, ...]]:
    """MC1 of TruthfulQA: one choice is true."""
    question, targets = line.identifier("question"), line.raw.get("mc1_targets")
    choices = targets.get("choices") if isinstance(targets, Mapping) else None
    labels = targets.get("labels") if isinstance(targets, Mapping) else None
    if (
        not isinstance(choices, list)
        or not isinstance(labels, list)
        or labels.count(1) != 1
        or len(labels) != len(choices)
    ):
        line.bad("mc1_targets", "must be choices and as many labels, one of them 1")
        return question, "", ()
    options = tuple(str(choice) for choice in choices)
    return question if plain else f"Q: {question}\nA:", options[labels.index(1)], options


def _trivia(line: Line, plain: bool) -> tuple[str, str, tuple[str, ...]]:
    """TriviaQA, which accepts several answers."""
    question, answers = line.identifier("question"), line.texts("answers")
    if not answers and "answers" not in line.faulty:
        line.bad("answers", "missing or empty")
    asked = question if plain else QUESTION.format(question)
    return asked, answers[0] if answers else "", answers[1:]


def _fluent(line: Line, plain: bool) -> tuple[str, str, tuple[str, ...]]:
    """An instruction to write freely; there is no right answer, so its own words stand for one."""
    asked = line.identifier("instruction")
    return asked, asked, ()
