"""The metrics judged: which of them know who knows, and whose verdict lasts, on pools of embedded models.

Source of the protocol: OpenUnlearning (arXiv 2506.12618, section 4), with the symmetric forms and the filters of the
unlearning depth score's authors (arXiv 2605.24614); the formulas are in :mod:`benign.audit.meta`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from benign.audit import meta
from benign.audit.column import Column
from benign.audit.columns import COLUMNS
from benign.audit.diagnostic_columns import INSIDE
from benign.audit.metrics.bootstrap import UNIT
from benign.audit.metrics.model_utility import harmonic
from benign.audit.score import ORIGINAL, RETRAINED, Row, Scoreboard
from benign.data.atomic import write_text

POOLS = ("knows", "ignorant")
"""What the names of the pools' rows begin with, before a slash."""
UNLEARNED, RELEARNED, REMINDED, QUANTISED = "unlearned", "relearned", "reminded", "int4"
"""The same of the unlearned models; of these, taught all that was forgotten again, or a part of it that is not asked;
and of these in four bits."""
RELEARNINGS = (RELEARNED, f"{RELEARNED}-1", f"{RELEARNED}-2")
"""Relearning is done with several seeds, and it is the mean gain that counts: by the order of its batches alone one
model learns twice as much in one run as in another."""
USEFUL = 0.8
"""An unlearned model that kept less than this share of the original's abilities proves nothing (arXiv 2605.24614)."""
ABILITIES = ("retained_memory", "general")

AGAIN = "retrained-again"
"""The row of a second retrained model, trained apart from the first."""
BESIDE_RETRAINED = (
    "forget_quality", "forget_quality_log10", "forget_similarity", "membership_reference", "privacy",
    "diagnostic_depth", "diagnostic_lens", "diagnostic_cka",
)  # fmt: skip
"""Metrics that compare with the retrained model. It is perfect beside itself, so that any training of it looks like a
large gain in knowledge, and everybody else's gain small: what an unlearned model gains by relearning is held against
the gain of the second retrained model alone, which is as foreign to the first as an unlearned one; for other metrics
against the mean gain of both."""


@dataclass(frozen=True)
class Forms:
    """One number in its two forms: only recovery counts, or every change does."""

    one_sided: float
    symmetric: float


@dataclass(frozen=True)
class Verdict:
    """How far one metric can be trusted; all numbers from 0 to 1, higher is better."""

    metric: str
    title: str
    faithfulness: float
    """AUC of telling the models that know from those that do not."""
    relearning: Forms | None
    """Mean over the unlearned models, each by its mean gain over the attack's seeds; None where none is left."""
    reminding: Forms | None
    """The same after teaching other facts than those asked: harder, no part of the overall, and not for diagnostics."""
    quantisation: Forms | None
    overall: Forms | None
    """Harmonic mean of faithfulness, and of the harmonic mean of relearning and quantisation."""
    counted: tuple[str, ...]
    """The unlearned models that kept their abilities and have forgotten in the metric's own eyes."""


def verdicts(board: Scoreboard) -> tuple[Verdict, ...]:
    """Every metric of the forget set that was measured on all models, the most trusted first.

    Args:
        board: Rows named ``knows/...`` and ``ignorant/...``; ``unlearned/NAME``, and the same after each attack (the
            relearning attack's further seeds may be left out); ``original``, ``retrained`` and ``retrained-again``,
            and the last two after each relearning attack.
    """
    rows = {row.method: row for row in board.rows}
    known = (*COLUMNS, *INSIDE)
    found = [judged(column, rows) for column in known if about_forgetting(column) and _measured(column, rows)]
    return tuple(sorted(found, key=lambda v: (-(v.overall.one_sided if v.overall else 0.0), -v.faithfulness, v.metric)))


def about_forgetting(column: Column) -> bool:
    """Whether a column says how much of the forgotten is known."""
    of_memory = column.section in ("TOFU", "MUSE", "membership", "sampled") or column.name.startswith("memory_")
    return column.section in ("forget", "inside") or (of_memory and column.name != "truth_ratio_kept")


def judged(column: Column, rows: Mapping[str, Row]) -> Verdict:
    """One metric's verdict."""
    knows, ignorant = (_values(column.name, rows, pool) for pool in POOLS)
    faithful = meta.faithfulness(knows, ignorant, column.better)
    line = threshold([knowledge(column, v) for v in knows], [knowledge(column, v) for v in ignorant])
    pairs = tuple(
        name
        for name in _names(rows, UNLEARNED)
        if utility(rows[f"{UNLEARNED}/{name}"], rows[ORIGINAL]) >= USEFUL
        and _known(column, rows[f"{UNLEARNED}/{name}"]) <= line
    )
    if not pairs:
        return Verdict(column.name, column.title, faithful, None, None, None, None, ())
    relearned = _forms([_taught(column, rows, RELEARNINGS, name) for name in pairs])
    everywhere = all(row.value(column.name) is not None for row in rows.values())
    reminded = _forms([_taught(column, rows, (REMINDED,), name) for name in pairs]) if everywhere else None
    quantised = _forms([_quantised(column, rows, name) for name in pairs])
    overall = Forms(
        *(
            meta.overall(faithful, meta.robustness(getattr(relearned, form), getattr(quantised, form)))
            for form in ("one_sided", "symmetric")
        )
    )
    return Verdict(column.name, column.title, faithful, relearned, reminded, quantised, overall, pairs)


def knowledge(column: Column, value: float) -> float:
    """The value turned so that higher means more knowledge, and never negative."""
    if column.better == "lower":
        return value
    return 1.0 - value if column.bounds == UNIT else -value


def threshold(knows: Sequence[float], ignorant: Sequence[float]) -> float:
    """The value up to which a model counts as not knowing: where the shares told rightly of both pools add up to most.

    It lies in the middle between two neighbouring values; of several equally good ones it is the lowest.
    """
    values = sorted({*knows, *ignorant})
    middles = [(one + other) / 2 for one, other in pairwise(values)] or values

    def right(line: float) -> float:
        return fmean(v > line for v in knows) + fmean(v <= line for v in ignorant)

    return max(middles, key=lambda line: (right(line), -line))


def utility(row: Row, original: Row) -> float:
    """What is left of the abilities that were to stay, relative to the original: the harmonic mean."""
    return harmonic([min(1.0, (row.value(name) or 0.0) / (original.value(name) or 1.0)) for name in ABILITIES])


def without(board: Scoreboard, unlearned: Sequence[str]) -> Scoreboard:
    """The scoreboard as if some unlearned models had not been judged."""
    gone = {f"{group}/{name}" for group in (UNLEARNED, *RELEARNINGS, REMINDED, QUANTISED) for name in unlearned}
    return replace(board, rows=tuple(row for row in board.rows if row.method not in gone))


def save(
    found: Sequence[Verdict], board: Scoreboard, path: Path, *, command: str, parts: Mapping[str, Sequence[Verdict]]
) -> None:
    """Write the table as JSON: the command that makes it, the numbers it is made of, and the verdicts.

    Args:
        found: The verdicts on all models.
        board: The numbers.
        path: The file.
        command: What makes it.
        parts: The verdicts that some of the unlearned models alone would give, by what these models are called.
    """
    names = {verdict.metric for verdict in found}
    content = {
        "command": command,
        "models": {name: len(_names({row.method: row for row in board.rows}, name)) for name in (*POOLS, UNLEARNED)},
        "verdicts": [asdict(verdict) for verdict in found],
        "verdicts_of": {name: [asdict(verdict) for verdict in part] for name, part in parts.items()},
        "rows": {
            row.method: {name: row.value(name) for name in sorted({*names, *ABILITIES})} for row in board.rows
        },
    }  # fmt: skip
    write_text(path, json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n")


def _taught(column: Column, rows: Mapping[str, Row], groups: Sequence[str], name: str) -> tuple[float, float]:
    beside = (AGAIN,) if column.name in BESIDE_RETRAINED else (RETRAINED, AGAIN)
    controls = [_gain(column, rows, control, groups, control) for control in beside]
    before, control = (fmean(values) for values in zip(*controls, strict=True))
    moved = (*_gain(column, rows, f"{UNLEARNED}/{name}", groups, name), before, control)
    one, both = (meta.robustness_relearn(*moved, symmetric=symmetric) for symmetric in (False, True))
    return one, both


def _gain(column: Column, rows: Mapping[str, Row], start: str, groups: Sequence[str], name: str) -> tuple[float, float]:
    """What is known before the attack, and after it: the mean over its seeds."""
    after = [rows[f"{group}/{name}"] for group in groups if f"{group}/{name}" in rows]
    measured = [_known(column, row) for row in after if row.value(column.name) is not None]
    return _known(column, rows[start]), fmean(measured)


def _quantised(column: Column, rows: Mapping[str, Row], name: str) -> tuple[float, float]:
    before, after = (_known(column, rows[f"{stage}/{name}"]) for stage in (UNLEARNED, QUANTISED))
    one, both = (meta.robustness_quantised(before, after, symmetric=symmetric) for symmetric in (False, True))
    return one, both


def _forms(pairs: Sequence[tuple[float, float]]) -> Forms:
    return Forms(fmean(one for one, _ in pairs), fmean(both for _, both in pairs))


def _known(column: Column, row: Row) -> float:
    value = row.value(column.name)
    if value is None:
        raise ValueError(f"{column.name} was not measured for {row.method}")
    return knowledge(column, value)


def _measured(column: Column, rows: Mapping[str, Row]) -> bool:
    outside = tuple(f"{group}/" for group in (REMINDED, *RELEARNINGS[1:]))
    needed = (row for row in rows.values() if column.section != "inside" or not row.method.startswith(outside))
    return all(row.value(column.name) is not None for row in needed)


def _values(column: str, rows: Mapping[str, Row], pool: str) -> list[float]:
    found = [rows[f"{pool}/{name}"].value(column) for name in _names(rows, pool)]
    return [value for value in found if value is not None]


def _names(rows: Mapping[str, Row], group: str) -> list[str]:
    return [name.removeprefix(f"{group}/") for name in rows if name.startswith(f"{group}/")]
