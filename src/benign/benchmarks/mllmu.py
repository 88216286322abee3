"""MLLMU-Bench: forget 5, 10 or 15 percent of 500 invented people, known by face and by name.

Source: arXiv 2410.22108. Data: ``MLLMMU/MLLMU-Bench`` on the hub for what is asked, and beside it in the same folder
``baseline_train_split`` (``MLLMMU/baseline_train_split``) for what is trained on. Asked are four groups of people, the
forgotten, the same in other pictures and words (``Test_Set``), the retained, and celebrities (``Retain_Set``), in three
tasks: choose, answer freely, fill the gap; each by picture and by name alone. The official code puts examples before
the questions and draws them, and the test picture, without a seed; here there are none, and the first picture is taken.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from benign.audit.column import Column, over
from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.choice import choice_accuracy
from benign.audit.metrics.rouge_presets import rouge
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.audit.sources import Function
from benign.benchmarks import presets
from benign.benchmarks.mllmu_tables import made
from benign.benchmarks.presets_text import published
from benign.benchmarks.protocol import Brought, part
from benign.benchmarks.published import Published, Tables, opened
from benign.data.line import Line
from benign.data.record import Data, ImageRef, Record
from benign.engine.recipe import Method, Optim
from benign.errors import NotMeasured
from benign.parts.loci.lora import Lora

HUB = "MLLMMU/MLLMU-Bench (asked) and MLLMMU/baseline_train_split (trained on), the second in a folder of its own name"
SETTINGS = (5, 10, 15)
"""Percent of the people to forget."""
METHODS = ("grad_ascent", "grad_diff", "kl_min", "npo")
"""The authors' baselines."""
PUBLISHED = Optim(lr=2e-5, epochs=1.0)
"""The authors' commands (their scripts' own default is 5e-4)."""
BATCH, BETA = 4, 0.4
"""Records per step; NPO's beta."""
LOCUS = Lora(rank=16, alpha=16.0, dropout=0.05)
GROUPS = (("forget", "forget"), ("test", "forget"), ("retain", "retain"), ("celebrity", "general"))
"""The groups of people with the split of the audit that each belongs to."""
_LETTERS = string.ascii_uppercase
_MODALITIES = {"Image_Textual": "image", "Pure_Text": "text"}


def gap_filled(observations: Observations) -> Score | NotMeasured:
    """Share of the gaps whose word is in the answer, in whatever case.

    Range 0 to 1; lower is better for the forgotten, higher for others. Source: arXiv 2410.22108.
    """
    return mean_score(observations.asked, lambda o: float(o.gold.strip().lower() in o.text.lower()))


_TASKS: Mapping[str, tuple[str, Function, str]] = {
    "choice": ("classification", choice_accuracy, "How often the right choice is the likeliest."),
    "answer": ("ROUGE-L", partial(rouge, convention="muse"), "How much of a free answer is right (F1)."),
    "gap": ("cloze", gap_filled, "How often the missing word is in the answer."),
}
COLUMNS = tuple(
    Column(f"{group}_{task}", f"{group.capitalize()}, {title}", "MLLMU", "lower" if split == "forget" else "higher",
           meaning, over(part(split, f"{group}/{task}"), metric))
    for group, split in GROUPS
    for task, (title, metric, meaning) in _TASKS.items()
)  # fmt: skip


@dataclass(frozen=True)
class Mllmu:
    """The protocol at one ratio."""

    setting: int = 5
    """Percent of the people to forget."""
    brought: Brought = Brought()
    choices: ClassVar[tuple[str, ...]] = ("forget", "retain", "general")
    columns: ClassVar[tuple[Column, ...]] = COLUMNS
    shown: ClassVar[Mapping[str, str]] = {
        f"{group}_{task}": f"{group}, {title} {'↓' if split == 'forget' else '↑'}"
        for group, split in GROUPS
        for task, (title, _, _) in _TASKS.items()
    }

    @property
    def name(self) -> str:
        """The ratio, and whose data."""
        return f"MLLMU-Bench, {self.setting} %{self.brought.world}"

    @property
    def original(self) -> str:
        """Trained on everybody (``MLLMMU/LLaVA_Vanilla``)."""
        return self.brought.original or "embedded:vlm"

    @property
    def retrained(self) -> str | None:
        """Trained on everybody but the forget set."""
        return self.brought.retrained_or(f"embedded:vlm-retrained-{self.setting:02d}")

    @property
    def max_new_tokens(self) -> int:
        """50, as in the official code; the embedded world's answers are short."""
        return 50 if self.brought.anything else 18

    def data(self) -> Data:
        """The questions that the model was trained on, all of them with the person's picture.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        found = Data(self._trained(files, "forget", self.setting), self._trained(files, "retain", 100 - self.setting))
        files.check()
        return found

    def evaluation(self) -> Data:
        """Every task of the four groups; of the test set, the forgotten people's.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        forget = self._asked(files, "forget", f"forget_{self.setting}")
        gone = {record.subject for record in forget}
        test = tuple(r for r in self._asked(files, "test", "Test_Set") if r.subject in gone)
        found = Data(
            forget=forget + test,
            retain=self._asked(files, "retain", f"retain_{100 - self.setting}"),
            general=self._asked(files, "celebrity", "Retain_Set"),
        )
        files.check()
        return found

    def _trained(self, files: Published, split: str, percent: int) -> tuple[Record, ...]:
        lines = files.lines(f"baseline_train_split/{split}_{percent}/train", f"baseline_train_split/{split}_{percent}")
        return _records(files, lines, partial(_pairs, split))

    def _asked(self, files: Published, group: str, table: str) -> tuple[Record, ...]:
        lines = files.lines(f"{table}/train", table)
        return _records(files, lines, partial(_tasks, group, not self.brought.anything))

    def _files(self) -> Published:
        return opened("MLLMU-Bench", HUB, self.brought.data, partial(made, self.setting))


def _records(files: Published, lines: list[Line], build: Any) -> tuple[Record, ...]:
    found = []
    for number, line in enumerate(lines):
        name = "images" if line.has("images") else "image"
        given = line.raw.get(name)
        first = given[0] if isinstance(given, list) and given else given
        found += list(build(line, number, files.picture(line, name, first)))
        files.problems += line.problems
    return tuple(found)


def _pairs(split: str, line: Line, number: int, picture: tuple[ImageRef, ...]) -> Iterator[Record]:
    """The training table has its questions as JSON in a text."""
    try:
        pairs = json.loads(line.text("metadata") or "[]")
    except (ValueError, RecursionError):
        pairs = None
    if not isinstance(pairs, list) or not pairs or not all(isinstance(pair, Mapping) for pair in pairs):
        line.bad("metadata", "must be a JSON list of objects with Question and Answer, as a text")
        return
    subject = line.identifier("ID") if line.has("ID") else f"{split}/{number}"
    for i, pair in enumerate(pairs):
        question, answer = _both(line, pair, "metadata", "Answer")
        yield Record(f"{split}/{subject}/{i}", subject, picture, question=question, answer=answer)


def _tasks(group: str, plain: bool, line: Line, number: int, picture: tuple[ImageRef, ...]) -> Iterator[Record]:
    """All that is asked about one person; ``plain`` puts choices as free questions, for the embedded model."""
    subject = line.identifier("ID")
    at = partial(_record, group, subject, picture)
    choices = line.raw.get("Classification_Task")
    for sort, modality in _MODALITIES.items():
        asked = choices.get(f"{sort}_Questions") if isinstance(choices, Mapping) else None
        for i, entry in enumerate(_objects(line, "Classification_Task", asked)):
            question, letter = _both(line, entry, "Classification_Task", "Correct_Answer")
            given = entry.get("Options")
            options = {k: str(v) for k, v in given.items() if v is not None} if isinstance(given, Mapping) else {}
            if letter not in options:
                line.bad("Classification_Task", "Correct_Answer: must be the letter of one of the Options")
                continue
            record = at("choice", modality, i)
            listed = "".join(f"\n{key}. {text}" for key, text in options.items())
            yield (
                replace(record, question=question, answer=options[letter], options=tuple(options.values()))
                if plain
                else replace(record, question=f"{question}{listed}\nAnswer with the letter.", answer=letter,
                             options=tuple(options))
            )  # fmt: skip
    for name, task in (("Generation_Task", "answer"), ("Mask_Task", "gap")):
        for i, entry in enumerate(_objects(line, name, line.raw.get(name))):
            modality = _MODALITIES.get(str(entry.get("Type")), "")
            if not modality:
                line.bad(name, f"Type: must be one of {', '.join(_MODALITIES)}")
                continue
            question, answer = _both(line, entry, name, "Ground_Truth")
            yield replace(at(task, modality, i), question=question, answer=answer)


def _record(group: str, subject: str, picture: tuple[ImageRef, ...], task: str, modality: str, number: int) -> Record:
    shown = picture if modality == "image" else ()
    return Record(f"{group}/{task}/{modality}/{subject}/{number}", subject, shown,
                  kind="general" if group == "celebrity" else "memory")  # fmt: skip


def _objects(line: Line, name: str, given: object) -> list[Mapping[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(entry, Mapping) for entry in given):
        line.bad(name, "must be lists of objects")
        return []
    return given


def _both(line: Line, entry: Mapping[str, Any], name: str, answer: str) -> tuple[str, str]:
    found = [entry.get(key) for key in ("Question", answer)]
    if not all(isinstance(text, str) and text.strip() for text in found):
        line.bad(name, f"Question and {answer} must be texts")
        return "", ""
    return str(found[0]), str(found[1])


def protocol(setting: int, brought: Brought) -> Mllmu:
    """The protocol on the embedded world, or on the published data."""
    return Mllmu(setting, brought)


def preset(name: str, brought: Brought) -> Method:
    """The method tuned for the embedded model, or with the published training settings."""
    if not brought.anything:
        return presets.embedded(name)
    method: Any = published(name, PUBLISHED, BATCH, LOCUS)
    found: Method = replace(method, beta=BETA) if name == "npo" else method
    return found


def tables() -> Tables:
    """The embedded world's people in MLLMU-Bench's form, for every ratio."""
    return {name: rows for setting in SETTINGS for name, rows in made(setting).items()}
