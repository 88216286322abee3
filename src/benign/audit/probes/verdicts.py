"""What the probes say in numbers: accuracy by kind, facts lost by name only, and the Mirage's overall score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benign.audit.metrics.bootstrap import Floats, Sample, interval, statistic_score
from benign.audit.probes.chains import KINDS, Kind, Probe
from benign.audit.probes.graph import Edge
from benign.audit.probes.mirage import Probed
from benign.audit.score import ORIGINAL, Score
from benign.errors import NotMeasured

Measured = Score | NotMeasured
_NONE = "no probe of this kind"


@dataclass(frozen=True)
class Verdicts:
    """The numbers of one system."""

    accuracy: Mapping[Kind, Measured]
    """Share of probes answered, 0 to 1; of the original over all probes that it was asked, of the others over those
    that the original answers. Lower is better but for ``retained``."""
    residual: Measured
    """Share of the known facts that the system does not tell by name and still tells in another way, 0 to 1."""
    overall: Measured
    """Harmonic mean of (1 - F) and R, 0 to 1, higher is better: F is the mean over path lengths of the accuracy on
    forgotten facts and chains, R the accuracy on what must be kept."""


def judged(probed: Probed) -> dict[str, Verdicts]:
    """The numbers of the original and of every system, in the order in which they were asked.

    Source: ``metrics.aggregate`` of llm2graph 0.3.5 (arXiv 2603.11266). There the residual rate counts questions; a
    fact is counted once here, however many questions there are about it.
    """
    return {ORIGINAL: _original(probed)} | {name: _of(probed, name) for name in probed.told}


def _of(probed: Probed, name: str) -> Verdicts:
    outcome = list(zip(probed.checked.kept, probed.told[name], strict=True))
    return Verdicts({kind: _share([o for o in outcome if o[0].kind == kind]) for kind in KINDS}, *_both(outcome))


def _original(probed: Probed) -> Verdicts:
    checked = probed.checked
    outcome = [*((probe, True) for probe in checked.kept), *((probe, False) for probe in checked.failed)]
    shares = {kind: _share([o for o in outcome if o[0].kind == kind]) for kind in KINDS}
    return Verdicts(shares, *_both([(probe, True) for probe in checked.kept]))


def _both(outcome: Sequence[tuple[Probe, bool]]) -> tuple[Measured, Measured]:
    return _residual(outcome), _overall(outcome)


def _share(outcome: Sequence[tuple[Probe, bool]]) -> Measured:
    if not outcome:
        return NotMeasured(_NONE)
    return interval([float(told) for _, told in outcome], [probe.subject for probe, _ in outcome])


def _residual(outcome: Sequence[tuple[Probe, bool]]) -> Measured:
    by_name: dict[Edge, bool] = {}
    otherwise: dict[Edge, bool] = {}
    for probe, told in outcome:
        if probe.kind == "single_hop":
            by_name[probe.fact] = told
        elif probe.kind != "retained":
            otherwise[probe.fact] = otherwise.get(probe.fact, False) or told
    asked = [fact for fact in by_name if fact in otherwise]
    if not asked:
        return NotMeasured("no fact was asked in two ways")
    values = [float(not by_name[fact] and otherwise[fact]) for fact in asked]
    return interval(values, [fact.subject for fact in asked])


def _overall(outcome: Sequence[tuple[Probe, bool]]) -> Measured:
    lengths: dict[int, list[tuple[Probe, bool]]] = {}
    for probe, told in outcome:
        if probe.kind in ("single_hop", "multi_hop"):
            lengths.setdefault(len(probe.path), []).append((probe, told))
    kept = [(probe, told) for probe, told in outcome if probe.kind == "retained"]
    if not lengths or not kept:
        return NotMeasured("no probe of what must be kept" if lengths else "no probe of what must be forgotten")
    return statistic_score(overall, [*(_sample(lengths[hops]) for hops in sorted(lengths)), _sample(kept)])


def overall(groups: Sequence[Floats]) -> float:
    """Harmonic mean of (1 - mean of the forget groups' means) and the last group's mean; 0 where either is 0."""
    *forgotten, kept = (float(group.mean()) for group in groups)
    gone = 1 - float(np.mean(forgotten))
    return 2 * gone * kept / (gone + kept) if gone > 0 and kept > 0 else 0.0


def _sample(outcome: Sequence[tuple[Probe, bool]]) -> Sample:
    rows = np.array([[float(told)] for _, told in outcome])
    return Sample(rows, tuple(probe.subject for probe, _ in outcome))
