"""RWKU's numbers, by the tables that they are about."""

from __future__ import annotations

import string
from collections import Counter
from functools import partial

from benign.audit.column import Column, over
from benign.audit.metrics.bootstrap import Bounds, mean_score
from benign.audit.metrics.choice import choice_accuracy
from benign.audit.metrics.fluency import BITS, fluency
from benign.audit.metrics.membership import loss
from benign.audit.metrics.rouge_presets import rouge
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.benchmarks.protocol import part
from benign.errors import NotMeasured

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


def best_f1(observations: Observations) -> Score | NotMeasured:
    """Mean F1 of the answer's words and the right one's, with the best of several right ones.

    Range 0 to 1, higher is better. Case, punctuation and articles do not count, and neither does order.
    Source: SQuAD's F1 (arXiv 1606.05250), as RWKU scores TriviaQA.
    """

    def best(observation: Observation) -> float:
        accepted = (observation.gold, *(other.text for other in observation.rewordings))
        return max(_f1(right, observation.text) for right in accepted)

    return mean_score(observations.asked, best)


def _f1(wanted: str, given: str) -> float:
    one, other = _counted(wanted), _counted(given)
    if not one or not other:
        return float(one == other)
    return 2 * (one & other).total() / (one.total() + other.total())


def _counted(text: str) -> Counter[str]:
    bare = "".join(sign for sign in text.lower() if sign not in string.punctuation)
    return Counter(word for word in bare.split() if word not in ("a", "an", "the"))


_RWKU = partial(rouge, convention="rwku")
COLUMNS = (
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
    Column("utility_factuality", "TriviaQA", "RWKU", "higher", "How many words the answer shares with a right one.",
           over(part("general", "triviaqa"), best_f1)),
    Column("utility_fluency", "Fluency", "RWKU", "higher", "How varied the words of free answers are, in bits.",
           over(part("holdout", "fluency"), fluency), BITS),
)  # fmt: skip
