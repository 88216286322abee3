"""Two audited systems set side by side: every column that both have, record by record, with one verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from benign.audit.columns import COLUMNS, Column
from benign.audit.index import INDEX, Observed, load_index, load_observations
from benign.audit.judges.judge import AskedOnce, Judge
from benign.audit.judges.rules import RulesJudge
from benign.audit.observation import Observations
from benign.audit.paired import Paired, holm, mean_groups, paired
from benign.audit.paired_sets import paired_sets
from benign.audit.score import ORIGINAL, RETRAINED, Score
from benign.audit.sources import Sources, same_asks
from benign.errors import NotMeasured, UserError, unknown_name

SECTIONS = ("forget", "keep", "health")
"""Whose columns are compared by default; a benchmark's own say the same in another way, and more of them would only
make the correction harsher."""
_TWICE = ("over_forgetting",)
"""Says what the neighbours' memory says, of the same questions."""
LEVEL = 0.05
BEYOND = 0.05
"""So much less of the forgotten than the retrained model has is said; so near to it is as good as it."""
Winner = Literal["a", "b", "neither"]
Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Side:
    """One of the two systems."""

    name: str
    runs: tuple[Observations, ...]
    """One per seed, all about the same questions."""
    original: Observations | None = None
    """The original model's of the same audit, for the columns that compare with it."""
    retrained: Observations | None = None
    """The retrained model's: what ideal looks like."""


@dataclass(frozen=True)
class Line:
    """One column of the comparison."""

    column: Column
    found: Paired | NotMeasured
    corrected: float | None = None
    """The p-value after Holm's correction over all compared columns; None where nothing was measured."""
    goal: float | None = None
    """The retrained model's number; None where the two audits have none, or not the same one."""

    @property
    def better(self) -> Better:
        """Which way is better. Where the goal lies between two bad ends it is the way to it: neither where one side is
        clearly above and the other clearly below, or both are as good as there."""
        if self.column.chance is None or isinstance(self.found, NotMeasured):
            return self.column.better
        goal = self.column.chance if self.goal is None else self.goal
        low, high = sorted((self.found.a - goal, self.found.b - goal))
        above, below = high > BEYOND, low < -BEYOND
        return "neither" if above == below else "lower" if above else "higher"

    @property
    def winner(self) -> Winner:
        """Which side is better, where that is shown at the level of the whole family."""
        if isinstance(self.found, NotMeasured) or self.corrected is None or self.corrected >= LEVEL:
            return "neither"
        if self.better == "neither":
            return "neither"
        return "a" if (self.found.difference.value < 0) == (self.better == "lower") else "b"

    @property
    def beyond(self) -> tuple[Winner, ...]:
        """The sides that know clearly less of what was to be forgotten than a model that never knew it: less than its
        number earns nothing, and may give away what was to be forgotten."""
        forgotten = self.column.section == "forget" and self.column.better == "lower"
        if self.goal is None or isinstance(self.found, NotMeasured) or not forgotten:
            return ()
        sides: tuple[tuple[Winner, float], ...] = (("a", self.found.a), ("b", self.found.b))
        return tuple(side for side, value in sides if value < self.goal - BEYOND)


@dataclass(frozen=True)
class Comparison:
    """All columns of two systems."""

    a: str
    b: str
    lines: tuple[Line, ...]
    n: int
    """How many questions (in one wording each) both were asked."""
    left_out: int
    """How many only one of the two was asked."""


def open_side(text: str) -> Side:
    """A side by what a user types: a run's folder or an audit's, and ``FOLDER:METHOD`` or ``FOLDER:METHOD#SEED`` where
    the audit is about several. Without a seed all seeds of the method are averaged, question by question.

    Raises:
        UserError: No audit is there, or it is not clear which system is meant.
    """
    folder, wanted = _split(text)
    audit = _audit_folder(folder)
    systems = load_index(audit)
    chosen = _chosen(systems, wanted, str(folder))
    name = chosen[0].method if len(chosen) > 1 or "#" not in wanted else wanted
    beside = {
        entry.method: load_observations(audit, entry)
        for entry in reversed(systems)
        if entry.method in (ORIGINAL, RETRAINED)
    }
    runs = tuple(load_observations(audit, entry) for entry in chosen)
    return Side(name, runs, beside.get(ORIGINAL), beside.get(RETRAINED))


def compare(a: Side, b: Side, *, columns: Sequence[str] | None = None, judge: Judge | None = None) -> Comparison:
    """Compare two systems on all that both were asked.

    Args:
        a: The first.
        b: The second.
        columns: Which columns; those of :data:`SECTIONS` if not given. Fewer make the correction milder, so choose
            before looking.
        judge: Who marks facts and language; the offline rules if not given.

    Raises:
        UserError: There is no such column, or the two were asked nothing in common.
    """
    wanted = _columns(columns)
    ones, others, left_out = _aligned(a, b)
    marks = AskedOnce(judge or RulesJudge())
    pairs = [(ones, a), (others, b)]
    ideal = _ideal(a, b, ones[0])
    found = [replace(_line(column, pairs, marks), goal=_goal(column, ideal, a, marks)) for column in wanted]
    p = holm([line.found.p for line in found if isinstance(line.found, Paired)])
    corrected = iter(p)
    lines = [replace(line, corrected=next(corrected)) if isinstance(line.found, Paired) else line for line in found]
    return Comparison(a.name, b.name, tuple(lines), len(ones[0]), left_out)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON types."""
    return {
        "a": comparison.a,
        "b": comparison.b,
        "questions": comparison.n,
        "left_out": comparison.left_out,
        "columns": {line.column.name: _line_json(line) for line in comparison.lines},
    }


def _line_json(line: Line) -> dict[str, Any]:
    if isinstance(line.found, NotMeasured):
        return {"not_measured": line.found.reason}
    gap = line.found.difference
    return {
        "a": line.found.a,
        "b": line.found.b,
        "difference": gap.value,
        "interval": [gap.low, gap.high, gap.n],
        "p": line.found.p,
        "p_corrected": line.corrected,
        "clusters": line.found.clusters,
        "better": line.winner,
        "retrained": line.goal,
    }


def _split(text: str) -> tuple[Path, str]:
    """The folder and the method that a word names; a folder that exists is taken as it stands."""
    if Path(text).exists() or ":" not in text:
        return Path(text), ""
    folder, _, wanted = text.rpartition(":")
    return Path(folder), wanted


def _audit_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError("no such folder", where=str(folder), fix="give a run's folder or an audit's")
    for place in (folder, folder / "audit"):
        if (place / INDEX).exists():
            return place
    if (folder / "run.json").exists():
        audit = folder / "audit"
        raise UserError("this run was not audited", where=str(folder), fix=f"benign audit MODEL {folder} --out {audit}")
    raise UserError("no audit's observations here", where=str(folder), fix="give the --out of benign audit")


def _chosen(systems: Sequence[Observed], wanted: str, where: str) -> list[Observed]:
    method, _, seed = wanted.partition("#")
    known = list(dict.fromkeys(system.method for system in systems))
    if not method:
        own = [name for name in known if name not in (ORIGINAL, RETRAINED)]
        if len(own) != 1:
            fix = f"name one: {', '.join(f'{where}:{name}' for name in own or known)}"
            raise UserError(f"this audit is about {len(own)} methods", where=where, fix=fix)
        method = own[0]
    if method not in known:
        raise unknown_name("method", method, known, where=where)
    found = [system for system in systems if system.method == method and seed in ("", str(system.seed))]
    if not found:
        seeds = ", ".join(f"{method}#{system.seed}" for system in systems if system.method == method)
        raise UserError(f"no seed {seed!r} of {method}", where=where, fix=f"known: {seeds}")
    return found


def _columns(names: Sequence[str] | None) -> list[Column]:
    observed = {column.name: column for column in COLUMNS if column.measure is not None}
    if names is None:
        chosen = [column for column in observed.values() if column.section in SECTIONS and not column.more]
        return [column for column in chosen if column.name not in _TWICE]
    for name in names:
        if name not in observed:
            raise unknown_name("column", name, observed, where="--columns")
    return [observed[name] for name in names]


def _aligned(a: Side, b: Side) -> tuple[list[Observations], list[Observations], int]:
    """Each run's observations of the questions that all runs of both sides were asked, in one order."""
    tables = [{o.key: o for o in run} for run in (*a.runs, *b.runs)]
    shared = [key for key in tables[0] if all(key in table for table in tables)]
    if not shared:
        raise UserError(f"{a.name} and {b.name} were asked no question in common", fix="audit both on the same records")
    for key in shared:
        if len({(table[key].question, table[key].gold) for table in tables}) > 1:
            raise UserError(
                f"{a.name} and {b.name} were asked different questions under the same ids",
                fix="audit both on the same records",
            )
    picked = [Observations(tuple(table[key] for key in shared)) for table in tables]
    left_out = len(set().union(*tables)) - len(shared)
    return picked[: len(a.runs)], picked[len(a.runs) :], left_out


def _ideal(a: Side, b: Side, like: Observations) -> Observations | None:
    """The retrained model's answers to the questions that are compared, where both audits had the same model."""
    if a.retrained is None or b.retrained is None:
        return None
    mine, other = same_asks(a.retrained, like), same_asks(b.retrained, like)
    return mine if isinstance(mine, Observations) and mine == other else None


def _goal(column: Column, ideal: Observations | None, side: Side, judge: Judge) -> float | None:
    if ideal is None or column.measure is None:
        return None
    score = column.measure(Sources(ideal, side.original, ideal, judge))
    return score.value if isinstance(score, Score) else None


def _line(column: Column, pairs: Sequence[tuple[Sequence[Observations], Side]], judge: Judge) -> Line:
    sides: list[list[Score]] = []
    for runs, side in pairs:
        scores: list[Score] = []
        for run in runs:
            sources = Sources(run, side.original, side.retrained, judge)
            score = column.measure(sources) if column.measure else NotMeasured("an attack's column")
            if isinstance(score, NotMeasured):
                return Line(column, score)
            scores.append(score)
        sides.append(scores)
    return Line(column, _paired(*sides))


def _paired(a: Sequence[Score], b: Sequence[Score]) -> Paired | NotMeasured:
    """The runs of two systems compared by what their scores are made of."""
    sets = [[score.sets for score in side if score.sets is not None] for side in (a, b)]
    if len(sets[0]) == len(a) and len(sets[1]) == len(b):
        return paired_sets(*sets)
    one, other = (mean_groups([score.groups for score in side]) or () for side in (a, b))
    return paired(one, other)
