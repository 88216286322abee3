"""TOFU, a task of fictitious unlearning: forget 1, 5 or 10 percent of 200 invented authors and keep the rest.

Source: arXiv 2401.06121. Data: ``locuslab/TOFU`` on the hub, whose tables and fields are read as they are; the
settings are those of its maintainers' code (locuslab/open-unlearning d3d7cf9). Forget quality compares truth ratios
with those of a model retrained on the retain set; model utility is over the retain set, real authors (here the
neighbour set) and world facts (the general set).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.column import Column
from benign.benchmarks import invented
from benign.benchmarks.presets_text import TEXT, embedded, published
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import Published, Tables, opened
from benign.benchmarks.tofu_tables import made
from benign.data.line import Line
from benign.data.record import Data, Kind, Neighbour, Record
from benign.engine.recipe import Method, Optim

HUB = "locuslab/TOFU"
SETTINGS = (10, 5, 1)
"""Percent of the authors to forget: forget10 with retain90, forget05 with retain95, forget01 with retain99."""
METHODS = TEXT
PUBLISHED = Optim(lr=1e-5, epochs=10.0, schedule="linear", warmup=0.1, weight_decay=0.01)
"""The maintainers' code: 10 epochs, the first of them warm-up, with batches of 32 (the paper: 5 epochs)."""
BATCH = 32


@dataclass(frozen=True)
class Tofu:
    """The protocol at one ratio."""

    setting: int = 10
    """Percent of the authors to forget."""
    brought: Brought = Brought()
    per_author: int = 20
    """Questions per author in the published order; the small data have ten."""
    choices: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[Column, ...]] = ()
    shown: ClassVar[Mapping[str, str]] = {
        "memory_rouge": "forget ROUGE-L ↓",
        "memory_probability": "forget probability ↓",
        "truth_ratio": "truth ratio →",
        "forget_quality_log10": "log10 forget quality ↑",
        "model_utility": "model utility ↑",
        "memory_extraction": "extraction strength ↓",
        "membership_auc": "membership → 0.5",
        "relearned_memory": "relearned ↓",
    }

    @property
    def name(self) -> str:
        """The setting, and whose data."""
        return f"TOFU forget{self.setting:02d}{self.brought.world}"

    @property
    def original(self) -> str:
        """Trained on all authors."""
        return self.brought.original or invented.ORIGINAL

    @property
    def retrained(self) -> str | None:
        """Trained on the retain set alone."""
        return self.brought.retrained_or(f"embedded:lm-retrained-{self.setting:02d}")

    @property
    def max_new_tokens(self) -> int:
        """200 in the official code; the embedded world's answers are short."""
        return 200 if self.brought.anything else 24

    def data(self) -> Data:
        """The forget set and the whole retain set, as the protocol allows.

        Raises:
            UserError: Files are missing or faulty.
        """
        files, forget = self._files(), f"forget{self.setting:02d}"
        compared = files.records(f"{forget}_alternates", build=_compared, optional=True)
        wrong = {record.question: record.perturbed for record in compared}
        found = Data(
            forget=files.records(forget, build=self._row(forget, "memory", wrong)),
            retain=files.records(f"retain{100 - self.setting}", build=self._row("retain", "memory")),
        )
        files.check()
        return found

    def evaluation(self) -> Data:
        """The perturbed sets, and authors whom nobody met where there are any.

        Raises:
            UserError: Files are missing or faulty.
        """
        files, forget = self._files(), f"forget{self.setting:02d}"
        holdout = f"holdout{self.setting:02d}"
        found = Data(
            forget=files.records(f"{forget}_perturbed", build=self._row(forget, "memory")),
            retain=files.records("retain_perturbed", build=self._row("retain_perturbed", "memory")),
            neighbour=files.records("real_authors_perturbed", build=self._row("real_authors", "memory")),
            general=files.records("world_facts_perturbed", build=self._row("world_facts", "general")),
            holdout=files.records(holdout, build=self._row(holdout, "memory"), optional=True),
        )
        files.check()
        return found

    def _files(self) -> Published:
        return opened("TOFU", HUB, self.brought.data, tables)

    def _row(self, table: str, kind: Kind, wrong: Mapping[str, tuple[str, ...]] = {}) -> _Row:
        # The retain set's questions for the audit are a sample: whose they are is not said.
        ordered = table.startswith(("forget", "holdout")) or table == "retain"
        size = self.per_author if self.brought.anything else len(invented.topics())
        near: Neighbour | None = "domain" if table == "real_authors" else None
        return _Row(table, kind, size if ordered else 0, near, wrong)


@dataclass(frozen=True)
class _Row:
    """A row as a record."""

    table: str
    kind: Kind
    per_author: int
    neighbour: Neighbour | None
    wrong: Mapping[str, tuple[str, ...]]
    """Wrong answers to train on, by question."""

    def __call__(self, line: Line, number: int) -> Record:
        question = line.identifier("question")
        several = isinstance(line.raw.get("paraphrased_question"), list)
        asked = line.texts("paraphrased_question") if several else (line.text("paraphrased_question"),)
        return Record(
            id=f"{self.table}/{number}",
            subject=f"{self.table}/author {number // self.per_author}" if self.per_author else "",
            question=question,
            answer=line.identifier("answer"),
            kind=self.kind,
            paraphrases=tuple(filter(None, asked)),
            perturbed=line.texts("perturbed_answer") or self.wrong.get(question, ()),
            rewordings=tuple(filter(None, (line.text("paraphrased_answer"),))),
            neighbour=self.neighbour,
        )


def _compared(line: Line, number: int) -> Record:
    return Record(str(number), question=line.identifier("question"), perturbed=line.texts("perturbed_answer"))


def protocol(setting: int, brought: Brought) -> Tofu:
    """The protocol on the embedded world, or on the published data."""
    return Tofu(setting, brought)


def preset(name: str, brought: Brought) -> Method:
    """The method tuned for the embedded model, or with the published training settings."""
    return published(name, PUBLISHED, BATCH) if brought.anything else embedded(name)


def tables() -> Tables:
    """The embedded world in TOFU's form."""
    return made()
