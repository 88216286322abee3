"""PrivLeak: membership inference measured against what a retrained model gives."""

from __future__ import annotations

import math

from benign.audit.convention import Convention
from benign.audit.metrics.bootstrap import Bounds
from benign.audit.metrics.membership import Inference, K, membership_auc
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.audit.sources import same_asks
from benign.errors import NotMeasured

PERCENT: Bounds = (-100.0, math.inf)


def privleak(
    forget: Observations,
    holdout: Observations,
    retrained: Observations,
    *,
    inference: Inference = "min_k",
    k: float = K,
    convention: Convention = "paper",
) -> Score | NotMeasured:
    """100 (A - A') / A' with A = 1 - AUC of the system and A' that of the retrained model.

    Range -100 to infinity, 0 is the goal: -100 is fully memorised, above 0 is unlearned too far, and both tell who was
    in the forget set. The interval carries the system's AUC only, as if the retrained model's were exact.
    Source: MUSE (arXiv 2407.06460), with Min-K 40 percent. Convention: ``open_unlearning`` is the same formula without
    the end-of-turn token; where there is no retrained model it silently takes A' = 0.5, and this does not.
    """
    there, away = same_asks(retrained, forget), same_asks(retrained, holdout)
    if isinstance(there, NotMeasured):
        return there
    if isinstance(away, NotMeasured):
        return away
    kept: Convention = "paper" if convention == "muse" else convention
    found = membership_auc(forget, holdout, inference=inference, k=k, convention=kept)
    base = membership_auc(there, away, inference=inference, k=k, convention=kept)
    if isinstance(found, NotMeasured) or isinstance(base, NotMeasured):
        return found if isinstance(found, NotMeasured) else base
    if base.value == 1:
        return NotMeasured("even the retrained model tells the forget set from the holdout set without fail")
    value, low, high = (leak(auc, base.value) for auc in (found.value, found.high, found.low))
    return Score(value, low, high, found.n)


def privacy(
    forget: Observations,
    holdout: Observations,
    retrained: Observations,
    *,
    inference: Inference = "min_k",
    k: float = K,
) -> Score | NotMeasured:
    """1 - |AUC - AUC'| / AUC', cut at 0, with the retrained model's AUC'.

    Range 0 to 1, higher is better: unlike PrivLeak it has one good end. The interval carries the system's AUC only.
    Source: the privacy score s_MIA of arXiv 2605.24614 and OpenUnlearning (arXiv 2506.12618).
    """
    there, away = same_asks(retrained, forget), same_asks(retrained, holdout)
    if isinstance(there, NotMeasured):
        return there
    if isinstance(away, NotMeasured):
        return away
    found = membership_auc(forget, holdout, inference=inference, k=k)
    base = membership_auc(there, away, inference=inference, k=k)
    if isinstance(found, NotMeasured) or isinstance(base, NotMeasured):
        return found if isinstance(found, NotMeasured) else base
    if base.value == 0:
        return NotMeasured("the retrained model tells the forget set from the holdout set the other way round")
    ends = [closeness(auc, base.value) for auc in (found.value, found.low, found.high)]
    # The interval of the AUC may reach over the goal, where the score is at its best.
    high = 1.0 if found.low <= base.value <= found.high else max(ends)
    return Score(ends[0], min(ends), high, found.n)


def closeness(auc: float, retrained_auc: float) -> float:
    """1 - |AUC - AUC'| / AUC', at least 0."""
    return max(0.0, 1 - abs(auc - retrained_auc) / retrained_auc)


def leak(auc: float, retrained_auc: float) -> float:
    """100 (A - A') / A' for two AUCs in which 1 is fully memorised."""
    return 100 * (retrained_auc - auc) / (1 - retrained_auc)
