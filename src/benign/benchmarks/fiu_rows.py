"""FIUBench's files: ``full.json`` with all people, ``split.json`` with who is forgotten and who is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benign.benchmarks.published import Published
from benign.data.line import Line
from benign.data.record import Record

FORGET_SETS = ("forget1", "forget5", "forget10")
RETAIN_SET = "retain5"
"""Who stands for the retained in an audit: 20 people, as in the official configuration."""
FOLDER = "dataset"
"""What the authors call the folder: their paths of pictures begin with it."""
Keywords = Mapping[str, tuple[str, ...]]
"""The words that make an answer right, by the record's id."""
Asked = tuple[Record, tuple[str, ...]]
"""A record with its keywords."""
_NAMES = ("question", "answer")
_LISTS = ("paraphrased_question", "paraphrased_answer", "perturbed_answer", "keywords")


def members(files: Published) -> Mapping[str, frozenset[str]]:
    """The sets of ``split.json``, each with the people's ``unique_id``."""
    found: dict[str, frozenset[str]] = {}
    for line in files.lines("split"):
        for name in (*FORGET_SETS, RETAIN_SET):
            if not line.has(name):
                line.bad(name, "missing")
            found[name] = found.get(name, frozenset()) | set(line.texts(name))
        files.problems += line.problems
    return found


def people(files: Published) -> dict[str, Line]:
    """The rows of ``full.json`` by their ``unique_id``."""
    found: dict[str, Line] = {}
    for line in files.lines("full"):
        unique = line.identifier("unique_id")
        if unique in found:
            line.bad("unique_id", "appears twice")
        found[unique] = line
        files.problems += line.problems
        line.problems.clear()
    return found


def of(files: Published, rows: Mapping[str, Line], name: str, wanted: frozenset[str]) -> dict[str, Line]:
    """The rows of one set's people, in the file's order; a problem where any is not there."""
    found = {unique: line for unique, line in rows.items() if unique in wanted}
    if len(found) < len(wanted) and rows:
        files.problems.append(f"split: {name}: {len(wanted) - len(found)} of its {len(wanted)} people are not in full")
    return found


def records(files: Published, rows: Mapping[str, Line], group: str, *, asked: bool) -> Iterator[Asked]:
    """Each person's questions with their keywords.

    Args:
        files: Where the pictures are.
        rows: The people.
        group: What the records' ids begin with.
        asked: Whether what only an audit needs must be there: other wordings, wrong answers, keywords.
    """
    for unique, line in rows.items():
        picture = files.picture_at(line, "image_path", above=FOLDER)
        entries = line.entries("qa_list")
        if not entries and "qa_list" not in line.faulty:
            line.bad("qa_list", "missing or empty")
        for number, entry in enumerate(entries):
            texts, lists = _read(line, entry, number + 1, asked)
            record = Record(
                f"{group}/{unique}/{number}", unique, picture, question=texts["question"], answer=texts["answer"],
                paraphrases=lists["paraphrased_question"], rewordings=lists["paraphrased_answer"],
                perturbed=lists["perturbed_answer"],
            )  # fmt: skip
            yield record, lists["keywords"]
        files.problems += line.problems


def _read(line: Line, entry: object, number: int, asked: bool) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    given = entry if isinstance(entry, Mapping) else {}
    texts, lists = dict.fromkeys(_NAMES, ""), dict.fromkeys(_LISTS, tuple[str, ...]())
    for name in _NAMES:
        found = _texts(given.get(name))
        if len(found) != 1:
            line.bad("qa_list", f"entry {number}: {name}: must be a text")
            continue
        texts[name] = found[0]
    for name in _LISTS if asked else ():
        lists[name] = _texts(given.get(name))
        if not lists[name]:
            line.bad("qa_list", f"entry {number}: {name}: must be a text or texts")
    return texts, lists


def _texts(given: object) -> tuple[str, ...]:
    """One text or several; none where any is something else."""
    found = given if isinstance(given, list) else [given]
    good = all(isinstance(one, str) and one.strip() for one in found)
    return tuple(str(one) for one in found) if good else ()
