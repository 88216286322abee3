"""S-MLLMUn Bench: forget what is private about a person in a picture, and keep seeing what the picture shows.

Source: arXiv 2511.20196. Protocol: methods get the whole forget set's memory questions and a few retained records,
nothing else; understanding questions about the forget set's own pictures belong to the evaluation. Its tables average
over three ratios of forgotten profiles: 5, 10 and 15 percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from benign.audit.column import Column
from benign.benchmarks.presets import MEASURED, embedded
from benign.benchmarks.protocol import Brought
from benign.benchmarks.smllmun_files import read_official
from benign.benchmarks.summary import SHOWN
from benign.data.record import Data, Record, of_kind
from benign.engine.recipe import Method
from benign.methods.catalogue import find
from benign.methods.smfa import SMFA

Ratio = Literal[5, 10, 15]
SETTINGS: tuple[Ratio, ...] = (5, 10, 15)
"""Percent of the people to forget."""
USUAL: tuple[Ratio, ...] = (5, 10)
METHODS = MEASURED
LONGEST_ANSWER = 18
"""Tokens; the longest refusal of the default pool has so many, and every answer of the embedded world fewer."""


@dataclass(frozen=True)
class _Asking:
    """What the two worlds' audits have in common."""

    max_new_tokens: ClassVar[int] = LONGEST_ANSWER
    choices: ClassVar[tuple[str, ...]] = ("forget",)
    columns: ClassVar[tuple[Column, ...]] = ()
    shown: ClassVar[Mapping[str, str]] = SHOWN


@dataclass(frozen=True)
class SMLLMUn(_Asking):
    """The protocol on the embedded world of invented people: no download, models included."""

    ratio: Ratio = 5
    """Percent of the people who ask to be forgotten."""
    seed: int = 0
    """The seed of the unlearning runs; the world and its reference models are the same for all."""

    @property
    def name(self) -> str:
        """The protocol, its world and its ratio."""
        return f"S-MLLMUn protocol, embedded world, {self.ratio} %"

    @property
    def original(self) -> str:
        """Trained on everybody."""
        return "embedded:vlm"

    @property
    def retrained(self) -> str:
        """Trained on everybody but the forget set."""
        return f"embedded:vlm-retrained-{self.ratio:02d}"

    @property
    def base(self) -> str:
        """Before it met anybody."""
        return "embedded:vlm-base"

    def data(self) -> Data:
        """The forget set's memory questions, the few-shot retained records, and pictures of strangers."""
        from benign.models.embedded import world

        return for_methods(world.splits(self.ratio))

    def evaluation(self) -> Data:
        """All questions, about views of the people that nothing was trained on."""
        from benign.models.embedded import world

        return for_audit(world.evaluation(self.ratio))


@dataclass(frozen=True)
class OfficialSMLLMUn(_Asking):
    """The protocol on the authors' own files; the user brings the original model and, if any, the retrained one."""

    max_new_tokens: ClassVar[int] = 64
    folder: Path
    ratio: Ratio = 5
    seed: int = 0
    """Also draws the few retained subjects where the folder has no few-shot file."""
    few_subjects: int = 20
    """How many retained subjects methods may use where the folder does not say; the paper's number is not known."""
    original: str | None = None
    retrained: str | None = None

    @property
    def name(self) -> str:
        """The benchmark and its ratio."""
        return f"S-MLLMUn Bench, {self.ratio} %"

    def data(self) -> Data:
        """The forget set's memory questions and the few-shot retained records."""
        return for_methods(self._read())

    def evaluation(self) -> Data:
        """All questions of the forget set and of the retained subjects that methods did not see."""
        return for_audit(self._read())

    def _read(self) -> Data:
        return read_official(self.folder, ratio=self.ratio, seed=self.seed, few_subjects=self.few_subjects)


def official(path: str | Path, *, ratio: Ratio = 5, seed: int = 0) -> OfficialSMLLMUn:
    """The benchmark on the authors' files; docs/benchmarks.md gives the layout that is read."""
    return OfficialSMLLMUn(Path(path), ratio, seed)


def protocol(setting: Ratio, brought: Brought) -> SMLLMUn | OfficialSMLLMUn:
    """The protocol on the embedded world, or on the authors' files where they are brought."""
    if not brought.anything:
        return SMLLMUn(setting)
    return OfficialSMLLMUn(Path(brought.data), setting, original=brought.original, retrained=brought.retrained or None)


def preset(name: str, brought: Brought) -> Method:
    """The method tuned for the embedded model, or with its paper's defaults."""
    if not brought.anything:
        return embedded(name)
    if name == "smfa_self_answers":
        return SMFA(k=float("inf"), self_batch=2, strangers_batch=2)
    method: Method = find(name)()
    return method


def for_methods(world: Data) -> Data:
    """What the protocol lets a method use."""
    return Data(forget=of_kind(world.forget, "memory"), few=world.few, strangers=world.strangers)


def for_audit(world: Data) -> Data:
    """What the audit asks: the few-shot subjects say nothing about the rest of the retain set, so they are left out."""
    return replace(
        world, retain=_without(world.retain, world.few), neighbour=_without(world.neighbour, world.few), strangers=()
    )


def _without(records: tuple[Record, ...], seen: tuple[Record, ...]) -> tuple[Record, ...]:
    subjects = {record.subject for record in seen}
    return tuple(record for record in records if record.subject not in subjects)
