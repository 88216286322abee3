"""RWKU: forget a famous person whom every model knows, with nothing at hand but the name and what the model says.

Source: arXiv 2406.10890. Data: ``jinzhuoran/RWKU`` on the hub (the folder ``All``) or its processed form with a folder
per target. 200 targets; forget probes on three levels (fill in the blank, questions, nine kinds of adversarial ones),
neighbours on two, texts for membership inference, utility on five benchmarks. Training texts were written by the
original model itself (``positive.json`` for Llama 3, ``positive_phi.json``); there is no retain corpus.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from benign.audit.column import Column, over
from benign.audit.metrics.bootstrap import Bounds, mean_score
from benign.audit.metrics.choice import choice_accuracy
from benign.audit.metrics.fluency import BITS, fluency
from benign.audit.metrics.membership import loss
from benign.audit.metrics.rouge_presets import rouge
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.benchmarks import invented
from benign.benchmarks.documents import CHARACTERS, document, pieces
from benign.benchmarks.presets_text import UNAIDED, embedded, published
from benign.benchmarks.protocol import Brought, part
from benign.benchmarks.published import Published, Tables, opened
from benign.benchmarks.rwku_rows import probe, utility
from benign.benchmarks.rwku_tables import made
from benign.data.line import Line
from benign.data.record import Data, Record
from benign.engine.recipe import Method, Optim
from benign.errors import NotMeasured

HUB = "jinzhuoran/RWKU"
SETTINGS = (1, 10, 20, 30, 40, 50)
"""Targets forgotten at once; the paper forgets them one by one, and in batches of 10 to 50."""
METHODS = UNAIDED
"""Those that need no retained record: the benchmark has none to train on."""
PUBLISHED = Optim(lr=6e-8, epochs=3.0, schedule="cosine", warmup=0.1)
"""Gradient ascent in full; the authors' code for Llama 3 8B."""
RATES = {"npo": 2e-6}
"""Of the authors' code, by method."""
BATCH = 8
FORGET = ("forget_level1", "forget_level2", "forget_level3")
NEIGHBOUR = ("neighbor_level1", "neighbor_level2")
UTILITY = ("retain_mmlu", "truthful", "triviaqa")
"""As the files are named; the hub's configurations are utility_general, _truthfulness and _factuality. A fifth, BBH,
wants 256 tokens of reasoning: ``lm-eval`` has it."""


NATS: Bounds = (0.0, float("inf"))


def mean_loss(observations: Observations) -> Score | NotMeasured:
    """The mean over texts of their loss in nats per token: RWKU compares two such means and draws no curve.

    Range 0 to infinity. Source: arXiv 2406.10890, which prints it times 100.
    """
    return mean_score(observations, loss, bounds=NATS)


_RWKU = partial(rouge, convention="rwku")
_COLUMNS = (
    *(
        Column(f"forget_{level}", f"Forget, {title}", "RWKU", "lower",
               f"How much of the forgotten answers appears when asked by {title}.", over(part("forget", table), _RWKU))
        for level, title, table in zip(("fb", "qa", "aa"), ("blanks", "questions", "attacks"), FORGET, strict=True)
    ),
    *(
        Column(f"neighbour_{level}", f"Neighbours, {title}", "RWKU", "higher",
               f"How much of the neighbours' answers appears when asked by {title}.",
               over(part("neighbour", table), _RWKU))
        for level, title, table in zip(("fb", "qa"), ("blanks", "questions"), NEIGHBOUR, strict=True)
    ),
    Column("mia_forget_loss", "Loss, forgotten texts", "RWKU", "higher",
           "How surprised the model is by texts about the forgotten, in nats per token.",
           over(part("forget", "forget_mia", documents=True), mean_loss), NATS),
    Column("mia_retain_loss", "Loss, kept texts", "RWKU", "lower",
           "How surprised the model is by texts about others, in nats per token.",
           over(part("retain", "retain_mia", documents=True), mean_loss), NATS),
    Column("utility_general", "MMLU", "RWKU", "higher", "Accuracy in questions of general knowledge.",
           over(part("general", "retain_mmlu"), choice_accuracy)),
    Column("utility_truthfulness", "TruthfulQA, MC1", "RWKU", "higher", "How often the true choice is the likeliest.",
           over(part("general", "truthful"), choice_accuracy)),
    Column("utility_factuality", "TriviaQA", "RWKU", "higher", "How much of the right answers appears.",
           over(part("general", "triviaqa"), _RWKU)),
    Column("utility_fluency", "Fluency", "RWKU", "higher", "How varied the words of free answers are, in bits.",
           over(part("holdout", "fluency"), fluency), BITS),
)  # fmt: skip


@dataclass(frozen=True)
class Rwku:
    """The protocol with the first so many targets."""

    setting: int = 1
    """Targets forgotten at once."""
    brought: Brought = Brought()
    choices: ClassVar[tuple[str, ...]] = ("general",)
    columns: ClassVar[tuple[Column, ...]] = _COLUMNS
    shown: ClassVar[Mapping[str, str]] = {
        "forget_fb": "forget FB ↓", "forget_qa": "forget QA ↓", "forget_aa": "forget AA ↓",
        "neighbour_fb": "neighbour FB ↑", "neighbour_qa": "neighbour QA ↑", "mia_forget_loss": "FM loss ↑",
        "mia_retain_loss": "RM loss ↓", "utility_general": "MMLU ↑", "utility_factuality": "TriviaQA ↑",
    }  # fmt: skip

    @property
    def name(self) -> str:
        """How many targets, and whose data."""
        return f"RWKU, targets: {self.setting}{'' if self.brought.anything else ', embedded world'}"

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
        written = files.records(self._place("positive"), partial(_text, "positive"))
        files.check()
        size = CHARACTERS if self.brought.anything else invented.CHARACTERS
        return Data(forget=pieces([record for record in written if record.subject in wanted], size))

    def evaluation(self) -> Data:
        """The targets' probes and texts, their neighbours', and the utility questions asked with these targets.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        wanted, plain = self._targets(files), not self.brought.anything
        forget = [r for table in FORGET for r in files.records(self._place(table), partial(probe, table, plain))]
        near = [r for table in NEIGHBOUR for r in files.records(self._place(table), partial(probe, table, plain))]
        seen = files.records(self._place("forget_mia"), partial(_text, "forget_mia"), optional=True)
        kept = files.records(self._place("retain_mia"), partial(_text, "retain_mia"), optional=True)
        general = [
            r for table in UTILITY
            for r in files.records(self._place(table), partial(utility, table, plain), optional=True)
        ]  # fmt: skip
        free = files.records(self._place("fluency"), partial(utility, "fluency", plain), optional=True)
        files.check()
        mine = frozenset(wanted)
        return Data(
            forget=tuple(r for r in (*forget, *seen) if r.subject in mine),
            retain=tuple(r for r in kept if r.subject in mine),
            neighbour=tuple(r for r in near if r.subject in mine),
            general=tuple(r for r in general if not r.subject or r.subject in mine),
            # Free writing has no right answer: in the general set it would count as wrong.
            holdout=tuple(r for r in free if not r.subject or r.subject in mine),
        )

    def _targets(self, files: Published) -> tuple[str, ...]:
        names = [line.identifier("target") for line in files.lines(self._place("intro"))]
        if names and len(names) < self.setting:
            files.problems.append(f"intro: file: {len(names)} targets, but {self.setting} are to be forgotten")
        return tuple(names[: self.setting])

    def _place(self, table: str) -> str:
        return f"All/{table}"

    def _files(self) -> Published:
        return opened("RWKU", HUB, self.brought.data, tables)


def _text(table: str, line: Line, number: int) -> Record:
    return document(table, line, number, subject=line.identifier("subject"))


def protocol(setting: int, brought: Brought) -> Rwku:
    """The protocol in the embedded world or on the published data."""
    return Rwku(setting, brought)


def preset(name: str, brought: Brought) -> Method:
    """The method tuned for the embedded model, or with the published training settings."""
    if not brought.anything:
        return embedded(name)
    return published(name, replace(PUBLISHED, lr=RATES.get(name, PUBLISHED.lr)), BATCH)


def tables() -> Tables:
    """The embedded world in RWKU's form: the forgotten authors are the targets."""
    return made()
