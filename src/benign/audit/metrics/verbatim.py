"""MUSE's two measures of memory: the text word by word, and what it says."""

from __future__ import annotations

import re

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.rouge_presets import value
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

_NEXT = re.compile(r"\n\n|\n?Question:|\nQuestion")


def verbatim_memorisation(observations: Observations) -> Score | NotMeasured:
    """VerbMem: ROUGE-L F1 between the continuation of a text's beginning and how it went on.

    The records' question is the beginning, their answer the rest. Range 0 to 1 (MUSE prints it times 100); lower is
    better on the forget set, and the retrained model's value is the goal. Source: MUSE (arXiv 2407.06460), which cuts
    the true continuation to its first 128 tokens: give records with answers of that length.
    """
    return mean_score(observations.asked, lambda o: value(o.gold, o.text, "rouge_l", "f1"))


def knowledge_memorisation(observations: Observations) -> Score | NotMeasured:
    """KnowMem: ROUGE-L F1 of the answer, cut where the model goes on to ask itself another question.

    Range 0 to 1 (MUSE prints it times 100); lower is better on the forget set, higher on the retain set, where it is
    MUSE's utility. Source: MUSE (arXiv 2407.06460); its ten examples before the question are the records' business.
    """
    return mean_score(observations.asked, lambda o: value(o.gold, answered(o.text), "rouge_l", "f1"))


def answered(text: str) -> str:
    """The answer up to an empty line or the next question."""
    return _NEXT.split(text, maxsplit=1)[0].strip()
