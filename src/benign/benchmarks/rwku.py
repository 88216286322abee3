"""RWKU: forget a famous person whom every model knows, with nothing at hand but the name and what the model says.

Source: arXiv 2406.10890. Data: ``jinzhuoran/RWKU`` on the hub, its folder ``All``. 200 targets; forget probes on three
levels (fill in the blank, questions, nine kinds of adversarial ones), neighbours on two, texts for membership
inference, utility on five benchmarks. Training texts were written by the original model itself
(``positive.json`` for Llama 3); there is no retain corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from benign.audit.column import Column
from benign.benchmarks import invented
from benign.benchmarks.documents import CHARACTERS, document, pieces
from benign.benchmarks.presets_text import embedded, published
from benign.benchmarks.protocol import Brought
from benign.benchmarks.published import Published, Tables, opened
from benign.benchmarks.rwku_columns import COLUMNS, FORGET, NEIGHBOUR, UTILITY
from benign.benchmarks.rwku_rows import probe, utility
from benign.benchmarks.rwku_tables import made
from benign.data.line import Line
from benign.data.record import Data, Record
from benign.engine.recipe import Method, Optim

HUB = "jinzhuoran/RWKU"
SETTINGS = (1, 10, 20, 30, 40, 50)
"""Targets forgotten at once; the paper forgets them one by one, and in batches of 10 to 50."""
METHODS = ("grad_ascent", "npo", "undial", "ceu", "task_arithmetic")
"""Those that can do without retained records: the benchmark has none to train on."""
PUBLISHED = Optim(lr=6e-8, epochs=3.0, schedule="cosine", warmup=0.1)
"""Gradient ascent in full on one target; the authors' code for Llama 3 8B (20 steps of warm-up)."""
BATCH = 8
NPO_RATE, NPO_BATCH, NPO_BETA = 2e-6, 16, 0.2
"""Of the authors' code."""


@dataclass(frozen=True)
class Rwku:
    """The protocol with the first so many targets."""

    setting: int = 1
    """Targets forgotten at once."""
    brought: Brought = Brought()
    choices: ClassVar[tuple[str, ...]] = ("general",)
    columns: ClassVar[tuple[Column, ...]] = COLUMNS
    shown: ClassVar[Mapping[str, str]] = {
        "forget_fb": "forget FB ↓", "forget_qa": "forget QA ↓", "forget_aa": "forget AA ↓",
        "neighbour_fb": "neighbour FB ↑", "neighbour_qa": "neighbour QA ↑", "mia_forget_loss": "FM loss ↑",
        "mia_retain_loss": "RM loss ↓", "utility_general": "MMLU ↑", "utility_factuality": "TriviaQA ↑",
    }  # fmt: skip

    @property
    def name(self) -> str:
        """How many targets, and whose data."""
        return f"RWKU, targets: {self.setting}{self.brought.world}"

    @property
    def original(self) -> str:
        """A model that knows the targets, as any does."""
        return self.brought.original or invented.ORIGINAL

    @property
    def retrained(self) -> str | None:
        """None for the published data: nobody trains without famous people."""
        return (self.brought.retrained or None) if self.brought.anything else invented.RETRAINED

    @property
    def max_new_tokens(self) -> int:
        """30, as in the official code."""
        return 30 if self.brought.anything else 24

    def targets(self) -> tuple[str, ...]:
        """The names to forget, in the published order.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        found = self._targets(files)
        files.check()
        return found

    def data(self) -> Data:
        """What the original model wrote about the targets; nothing to keep.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        wanted = self._targets(files)
        written = _read(files, "positive", _text)
        files.check()
        size = CHARACTERS if self.brought.anything else invented.CHARACTERS
        return Data(forget=pieces([record for record in written if record.subject in wanted], size))

    def evaluation(self) -> Data:
        """The targets' probes and texts, their neighbours', and the utility questions asked with these targets.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        mine, plain = frozenset(self._targets(files)), not self.brought.anything
        asked, able = partial(probe, plain), partial(utility, plain)
        forget = [r for table in FORGET for r in _read(files, table, asked)]
        near = [r for table in NEIGHBOUR for r in _read(files, table, asked)]
        seen = _read(files, "forget_mia", _text, optional=True)
        kept = _read(files, "retain_mia", _text, optional=True)
        general = [r for table in UTILITY for r in _read(files, table, able, optional=True)]
        free = _read(files, "fluency", able, optional=True)
        files.check()
        return Data(
            forget=tuple(r for r in (*forget, *seen) if r.subject in mine),
            retain=tuple(r for r in kept if r.subject in mine),
            neighbour=tuple(r for r in near if r.subject in mine),
            general=tuple(r for r in general if not r.subject or r.subject in mine),
            # Free writing has no right answer: in the general set it would count as wrong.
            holdout=tuple(r for r in free if not r.subject or r.subject in mine),
        )

    def _targets(self, files: Published) -> tuple[str, ...]:
        lines = files.lines("All/intro")
        names = [line.identifier("target") for line in lines]
        files.problems += [problem for line in lines for problem in line.problems]
        if names and len(names) < self.setting:
            files.problems.append(f"intro: file: {len(names)} targets, but {self.setting} are to be forgotten")
        return tuple(names[: self.setting])

    def _files(self) -> Published:
        return opened("RWKU", HUB, self.brought.data, tables)


def _read(
    files: Published, table: str, build: Callable[[str, Line, int], Record], *, optional: bool = False
) -> tuple[Record, ...]:
    return files.records(f"All/{table}", build=partial(build, table), optional=optional)


def _text(table: str, line: Line, number: int) -> Record:
    return document(table, line, number, subject=line.identifier("subject"))


def protocol(setting: int, brought: Brought) -> Rwku:
    """The protocol in the embedded world or on the published data."""
    return Rwku(setting, brought)


def preset(name: str, brought: Brought) -> Method:
    """The method tuned for the embedded model, or with the published training settings."""
    method: Any = published(name, PUBLISHED, BATCH) if brought.anything else embedded(name)
    if name == "npo" and brought.anything:
        optim = replace(PUBLISHED, lr=NPO_RATE)
        method = replace(method, optim=optim, forget_batch=NPO_BATCH, beta=NPO_BETA)
    alone: Method = replace(method, retain_weight=0.0) if hasattr(method, "retain_weight") else method
    return alone


def tables() -> Tables:
    """The embedded world in RWKU's form: the forgotten authors are the targets."""
    return made()
