"""The audit of one or many results: every system observed once, judged, attacked, and set beside the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benign.audit import deployed
from benign.audit.attacking import Attacker
from benign.audit.attacks import Attack, Found
from benign.audit.attacks.catalogue import columns_of
from benign.audit.attacks.relearn import Relearn
from benign.audit.diagnostics import Diagnosis
from benign.audit.index import Observed, save_index
from benign.audit.judges.judge import Judge
from benign.audit.observation import Observations
from benign.audit.observe import CHUNK, Samples, cache_key, observe
from benign.audit.plan import AUDITED, Ask, plan
from benign.audit.score import ORIGINAL, RETRAINED, Row, Scoreboard
from benign.audit.scoreboard import judge_row, measured_gap, save
from benign.audit.views import View
from benign.data.record import Data
from benign.engine.guard import load_guard
from benign.engine.place import claimed
from benign.engine.result import Result, load_result
from benign.engine.serve import Served, System
from benign.engine.train import Report
from benign.engine.world import world
from benign.errors import UserError
from benign.models.delta import load_delta
from benign.models.load import Model, load


@dataclass(frozen=True)
class Candidate:
    """One system to audit, with what its making cost."""

    name: str
    system: Served
    seconds: float = 0.0
    peak_rss_mb: float = 0.0
    seed: int = 0
    guarantee: str = "weights"
    result: Result | None = None


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    scoreboard: Scoreboard
    observations: Mapping[str, Observations]
    """By method, of the first seed seen; the original's and the retrained model's under their own names."""
    candidates: tuple[Candidate, ...]
    data: Data
    folder: Path
    attacked: Mapping[str, Mapping[str, Found]] = field(default_factory=dict)
    """What the attacks found: by method, of the first seed seen, and by the attack's column."""
    inside: Mapping[str, Mapping[str, Diagnosis]] = field(default_factory=dict)
    """What the diagnostics found: by method, of the first seed seen, and by the diagnostic's name."""

    @property
    def asked(self) -> dict[str, tuple[int, int]]:
        """By split, how many of its records were asked and how many there are; ``Settings.most`` leaves some out."""
        seen = {(o.split, o.record) for o in self.observations[ORIGINAL]}
        counts = {split: sum(found == split for found, _ in seen) for split in AUDITED}
        return {split: (counts[split], len(self.data.split(split))) for split in AUDITED if self.data.split(split)}

    def report(self, path: str | Path) -> Path:
        """Write the report as one HTML file.

        The one import that points upwards: ``audit.report(...)`` is what a user types, and the room above draws.
        """
        from benign.report.build import build_report

        return build_report(self, path)


@dataclass(frozen=True)
class Settings:
    """How an audit asks."""

    most: int | None = 400
    """At most so many records per split, its memory and understanding questions together; None asks all."""
    paraphrases: int = 3
    """Other wordings of each forget question."""
    max_new_tokens: int = 64
    """Length limit of a generated answer."""
    attacks: tuple[Attack, ...] = (Relearn(),)
    """The attempts to bring the memory back (:func:`benign.audit.attacks.catalogue.group` has more), each made on the
    original and the retrained model too; without relearning the report leaves open whether anything was erased."""
    seed: int = 0
    """Seeds the attacks' draws."""
    alternatives: tuple[str, ...] = ("forget", "retain", "neighbour", "general")
    """The splits whose wrong and reworded answers are scored, where the records have any (truth ratio, utility)."""
    views: tuple[View, ...] = ()
    """Other ways to show each memory question of the forget set (:mod:`benign.audit.views`)."""
    choices: tuple[str, ...] = ("forget",)
    """The splits whose multiple-choice questions have their options scored, where the records have any."""
    samples: Samples | None = None
    """Sampled answers beside the greedy ones (leak@k and its bounds); None draws none."""
    benchmark: str = ""
    """The name that the scoreboard carries."""


def candidates(model: Model, results: Sequence[Result | str | Path]) -> tuple[Candidate, ...]:
    """The systems that finished runs left behind, loaded and verified."""
    found = []
    for given in results:
        result = given if isinstance(given, Result) else load_result(given)
        served = _deployed(model, result)
        cost = (result.seconds, result.peak_rss_mb)
        found.append(Candidate(result.method, served, *cost, result.seed, result.guarantee, result))
    return tuple(found)


def audit(
    model: Model | str | Path,
    results: Result | str | Path | Sequence[Result | str | Path | Candidate],
    data: Data,
    *,
    out: str | Path,
    retrained: Model | str | Path | None = None,
    judge: Judge | None = None,
    settings: Settings = Settings(),
    progress: Report | None = None,
) -> Audit:
    """Observe, judge and attack the original model, the retrained one if there is one, and every result.

    A killed audit goes on where it stopped: answers and attacks are cached in ``out``.

    Args:
        model: The original model.
        results: Finished runs (or their folders), or candidates of one's own.
        data: What is asked; the splits that are absent are said to be not measured.
        out: The audit's folder: ``observations/``, ``scoreboard.json``.
        retrained: A model that never saw the forget set; without it nothing is ranked.
        judge: Who marks facts and language; offline rules by default.
        settings: How the audit asks.
        progress: Called as (what, done, total) while work goes on.
    """
    report = progress or _silent
    original = load(model) if isinstance(model, (str, Path)) else model
    oracle = load(retrained) if isinstance(retrained, (str, Path)) else retrained
    if not data.forget:
        raise UserError("the forget set is empty", where="forget", fix="give the records that were to be forgotten")
    # A wrong list of attacks is told before hours of work.
    columns_of(settings.attacks)
    given = [results] if isinstance(results, Result | str | Path) else list(results)
    made = [c if isinstance(c, Candidate) else candidates(original, [c])[0] for c in given]
    systems = [Candidate(ORIGINAL, Served(original), guarantee="none")]
    if oracle is not None:
        systems.append(Candidate(RETRAINED, Served(oracle), guarantee="exact"))
    with claimed(Path(out)) as folder:
        asks = plan(
            data,
            most=settings.most,
            paraphrases=settings.paraphrases,
            alternatives=settings.alternatives,
            views=settings.views,
            choices=settings.choices,
        )
        work = _Work(data, asks, folder, settings, report)
        return work.audit((*systems, *made), judge)


def _silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def _deployed(model: Model, result: Result) -> Served:
    deltas = (load_delta(result.adapter, model),) if result.adapter else ()
    before = deltas[0].digest if deltas else ""
    guard = load_guard(result.guard, model, delta=before) if result.guard else None
    if deltas or guard:
        return Served(model, deltas, guard=guard)
    if result.model is None:
        raise UserError("the run left neither an adapter nor a guard nor a model", where=str(result.folder))
    return Served(load(result.model))


@dataclass(frozen=True)
class _Work:
    data: Data
    asks: tuple[Ask, ...]
    folder: Path
    settings: Settings
    report: Report

    def audit(self, systems: Sequence[Candidate], judge: Judge | None) -> Audit:
        seen: dict[str, Observations] = {}
        attacked: dict[str, dict[str, Found]] = {}
        rows: list[Row] = []
        index: list[Observed] = []
        attacker = self._attacker(systems[0].system)
        for candidate in systems:
            # Every row is measured beside both references, the original's own row too.
            if candidate.name in (ORIGINAL, RETRAINED):
                seen[candidate.name] = self._observe(candidate.name, candidate.system)
        for candidate in systems:
            known = seen.get(candidate.name) if candidate.name in (ORIGINAL, RETRAINED) else None
            observations = known or self._observe(candidate.name, candidate.system)
            index.append(Observed(candidate.name, candidate.seed, self._key(candidate.system), len(observations)))
            seen.setdefault(candidate.name, observations)
            found = self._attacked(candidate, attacker)
            attacked.setdefault(candidate.name, found)
            row = judge_row(
                candidate.name,
                observations,
                original=seen[ORIGINAL],
                retrained=seen.get(RETRAINED),
                judge=judge,
                attacks={name: outcome.score for name, outcome in found.items()},
                seconds=candidate.seconds,
                peak_rss_mb=candidate.peak_rss_mb,
                seed=candidate.seed,
                guarantee=candidate.guarantee,
                notes=self._deployed(candidate, systems[0]),
            )
            rows.append(row)
        gap = measured_gap(seen[ORIGINAL], seen.get(RETRAINED))
        source = systems[0].system.model.source
        board = Scoreboard(source, self.settings.benchmark, tuple(rows), gap)
        here = world()
        if here.main:
            save_index(self.folder, index)
            save(board, self.folder / "scoreboard.json")
        here.wait()
        return Audit(board, seen, tuple(systems), self.data, self.folder, attacked)

    def _observe(
        self, name: str, system: System, asks: Sequence[Ask] | None = None, what: str = "audit"
    ) -> Observations:
        return observe(
            system,
            self.asks if asks is None else asks,
            cache=self.folder / "observations",
            max_new_tokens=self.settings.max_new_tokens,
            samples=self.settings.samples if asks is None else None,
            progress=lambda done, total: self.report(f"{what} {name}", done, total),
        )

    def _deployed(self, candidate: Candidate, original: Candidate) -> tuple[str, ...]:
        if candidate.name in (ORIGINAL, RETRAINED):
            return ()

        def ask(system: System, asks: Sequence[Ask]) -> Observations:
            return self._observe(candidate.name, system, asks, "ask plainly")

        return deployed.notes(candidate.system, original.system, self.asks, ask)

    def _key(self, system: System) -> str:
        chosen = self.settings
        return cache_key(system, self.asks, chunk=CHUNK, max_new_tokens=chosen.max_new_tokens, samples=chosen.samples)

    def _attacker(self, original: Served) -> Attacker:
        chosen = self.settings
        cache = self.folder / "observations"
        return Attacker(original, self.data, cache, chosen.max_new_tokens, chosen.seed, self.report)

    def _attacked(self, candidate: Candidate, attacker: Attacker) -> dict[str, Found]:
        return {
            column: attacker(candidate.name, candidate.system, attack)
            for column, attack in columns_of(self.settings.attacks).items()
        }
