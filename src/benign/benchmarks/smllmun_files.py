"""S-MLLMUn Bench as files: one folder, one JSON list per split and ratio.

The authors' repository could not be read when this was written, so the reader takes several names for each field; it
says which file or field it misses and never skips an entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benign.data.images import BadPicture, Pictures
from benign.data.record import Data, ImageRef, Kind, Record
from benign.errors import BadRecords, UserError

Entry = Mapping[str, Any]
_SUBJECT = ("subject", "subject_id", "profile_id", "uid", "name", "id")
_IMAGE = ("image", "image_path", "images", "img", "img_path")
_QUESTION = ("question", "q", "query", "prompt")
_ANSWER = ("answer", "a", "ground_truth", "gt", "response")
_SORT = ("kind", "type", "task", "question_type")
_LISTS: tuple[tuple[tuple[str, ...], Kind, bool], ...] = (
    (("image_memory", "image_memory_qa", "im", "multimodal_memory"), "memory", True),
    (("text_memory", "text_memory_qa", "tm"), "memory", False),
    (("image_understanding", "image_understanding_qa", "iu"), "understanding", True),
)


def read_official(folder: Path, *, ratio: int, seed: int, few_subjects: int) -> Data:
    """The benchmark's splits at one ratio; ``few`` from its file, or so many retained subjects drawn by the seed.

    Raises:
        UserError: Files are missing (all of them are named).
        BadRecords: Entries cannot be read (all of them are named).
    """
    forget, retain, few = (folder / f"{split}_{ratio:02d}.json" for split in ("forget", "retain", "few"))
    missing = [path.name for path in (forget, retain) if not path.is_file()]
    if missing:
        raise UserError(
            f"S-MLLMUn files are missing: {', '.join(missing)}",
            where=str(folder),
            fix="get the benchmark from its authors (arXiv 2511.20196) and lay it out as docs/benchmarks.md says",
        )
    problems: list[str] = []
    pictures = Pictures(folder)
    read = {path.stem: _File(path, pictures, problems).records() for path in (forget, retain, few) if path.is_file()}
    if problems:
        raise BadRecords(problems)
    kept = read[retain.stem]
    at_hand = read.get(few.stem) or _drawn(kept, seed, few_subjects)
    return Data(forget=read[forget.stem], retain=kept, few=at_hand)


def _drawn(retain: Sequence[Record], seed: int, count: int) -> tuple[Record, ...]:
    """All records of ``count`` subjects, chosen by hash so that a larger count contains a smaller one."""
    subjects = {record.subject for record in retain}
    order = sorted(subjects, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest())
    return tuple(record for record in retain if record.subject in order[:count])


@dataclass(frozen=True)
class _File:
    path: Path
    pictures: Pictures
    problems: list[str] = field(repr=False)

    def records(self) -> tuple[Record, ...]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            self.problems.append(f"{self.path.name}: not JSON: {error}")
            return ()
        entries = content.get("data", list(content.values())) if isinstance(content, dict) else content
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.problems.append(f"{self.path.name}: not a list of objects")
            return ()
        found = tuple(record for i, entry in enumerate(entries) for record in self._entry(i, _lowered(entry)))
        if not found and not self.problems:
            self.problems.append(f"{self.path.name}: no questions in it")
        return found

    def _entry(self, number: int, entry: Entry) -> Iterator[Record]:
        place = f"{self.path.name}: entry {number}"
        images = self._images(place, entry)
        if _first(entry, _QUESTION) is None:
            yield from self._profile(place, number, entry, images)
            return
        kind = _kind(_first(entry, _SORT))
        if kind is None:
            self.problems.append(f"{place}: {_SORT[0]}: give one that names memory or understanding")
            return
        picture = _first(entry, _IMAGE, number)
        subject = str(_first(entry, _SUBJECT[:-1], picture))
        yield from self._question(place, Record(f"{self.path.stem}/{number}", subject, images, kind=kind), entry)

    def _profile(self, place: str, number: int, entry: Entry, images: tuple[ImageRef, ...]) -> Iterator[Record]:
        subject = str(_first(entry, _SUBJECT, number))
        lists = [(_first(entry, names, []), names[0], kind, shown) for names, kind, shown in _LISTS]
        if not any(questions for questions, *_ in lists):
            names = ", ".join(names[0] for names, *_ in _LISTS)
            self.problems.append(f"{place}: neither a question nor one of {names}")
        for questions, name, kind, shown in lists:
            if shown and questions and not _first(entry, _IMAGE):
                self.problems.append(f"{place}: {_IMAGE[0]}: missing, and {name} asks about it")
            elif not isinstance(questions, list) or not all(isinstance(q, dict) for q in questions):
                self.problems.append(f"{place}: {name}: not a list of objects")
            else:
                for i, question in enumerate(questions):
                    identity = f"{self.path.stem}/{number}/{name}/{i}"
                    record = Record(identity, subject, images if shown else (), kind=kind)
                    yield from self._question(f"{place}: {name} {i}", record, _lowered(question))

    def _question(self, place: str, empty: Record, entry: Entry) -> Iterator[Record]:
        """The record with question and answer filled in, or nothing and a problem noted."""
        question, answer = _first(entry, _QUESTION), _first(entry, _ANSWER)
        for name, text in (("question", question), ("answer", answer)):
            if not isinstance(text, str) or not text.strip():
                self.problems.append(f"{place}: {name}: missing or empty")
                return
        words = str(question).replace("<image>", "").strip()
        paraphrases, options = (self._texts(place, name, entry.get(name)) for name in ("paraphrases", "options"))
        yield replace(empty, question=words, answer=str(answer).strip(), paraphrases=paraphrases, options=options)

    def _texts(self, place: str, name: str, given: object) -> tuple[str, ...]:
        texts = list(given.values()) if isinstance(given, dict) else given or []
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            return tuple(texts)
        self.problems.append(f"{place}: {name}: not a list of texts")
        return ()

    def _images(self, place: str, entry: Entry) -> tuple[ImageRef, ...]:
        given = _first(entry, _IMAGE, ())
        found = []
        for name in [given] if isinstance(given, str) else list(given):
            try:
                found.append(self.pictures.at(str(name)))
            except BadPicture as reason:
                self.problems.append(f"{place}: {_IMAGE[0]}: {reason}")
        return tuple(found)


def _first(entry: Entry, names: Sequence[str], default: Any = None) -> Any:
    return next((entry[name] for name in names if entry.get(name) not in (None, "", [])), default)


def _lowered(entry: Entry) -> dict[str, Any]:
    return {str(key).lower().replace(" ", "_").replace("-", "_"): value for key, value in entry.items()}


def _kind(sort: Any) -> Kind | None:
    text = str(sort).lower()
    if "understanding" in text or text == "iu":
        return "understanding"
    return "memory" if "memory" in text or text in ("im", "tm") else None
