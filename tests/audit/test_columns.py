from __future__ import annotations

import math
from statistics import harmonic_mean

import pytest

from audit.answering import many, seen
from audit.worlds import babbles, blind, knows, never_met, observations, only_pictures
from benign.audit.columns import COLUMNS, column
from benign.audit.judges.rules import RulesJudge
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.audit.sources import Sources
from benign.errors import NotMeasured

JUDGE = RulesJudge()


def measure(name: str, seen_by: Observations) -> Score | NotMeasured:
    found = column(name)
    assert found is not None
    assert found.measure is not None
    return found.measure(Sources(seen_by, seen_by, seen_by, JUDGE))


def value(name: str, seen_by: Observations) -> float:
    score = measure(name, seen_by)
    assert isinstance(score, Score), score
    return score.value


def test_every_column_has_its_own_name_and_one_sentence() -> None:
    assert len({c.name for c in COLUMNS}) == len({c.title for c in COLUMNS}) == len(COLUMNS)
    for c in COLUMNS:
        assert c.meaning[0].isupper()
        assert c.meaning.endswith(".")
        assert c.meaning.count(". ") == 0
        assert c.bounds[0] < c.bounds[1]
        assert (c.measure is None) == (c.section == "attack")


def test_the_names_that_others_rely_on() -> None:
    names = {c.name for c in COLUMNS}
    assert names >= {
        "memory_exact", "memory_rouge", "memory_probability", "memory_paraphrased", "memory_choice", "memory_text",
        "refusal_forget", "understanding_forget", "understanding_retain", "understanding_new", "retained_memory",
        "retained_text", "neighbour_memory", "general", "refusal_retain", "refusal_understanding", "meaningful",
        "rouge_forget_iu", "rouge_forget_im", "rouge_retain_iu", "rouge_retain_im", "fact_forget_iu", "fact_forget_im",
        "fact_retain_iu", "fact_retain_im", "overall_understanding", "overall_memory", "overall_meaningful",
        "relearned_memory",
    }  # fmt: skip


RIGHT, WRONG = math.exp(-0.1), math.exp(-5)
SHARE, BETTER = RIGHT / (RIGHT + WRONG), 1 - WRONG / RIGHT
# What a model that knows all scores where that is not the bound: right answers at -0.1 a token and wrong ones at -5.
KNOWING = {
    "memory_probability": RIGHT, "overall_memory": 0.0, "refusal_forget": 0.0, "memory_truth": SHARE,
    "truth_ratio": WRONG / RIGHT, "truth_ratio_kept": BETTER, "memory_option_probability": SHARE,
    "model_utility": harmonic_mean([RIGHT, 1, BETTER, SHARE, 1, BETTER, SHARE, 1, BETTER]),
    "over_forgetting": 0.0, "membership_reference": 0.5, "fluency": (2 / 3 * math.log2(3) + 4 / 3) / 2,
    "perplexity": 1 / RIGHT,
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [c.name for c in COLUMNS if c.measure and c.name not in ("memory_choice", "distinct", "self_bleu")]
)
def test_a_model_that_knows_all_is_at_the_good_end_but_for_forgetting(name: str) -> None:
    """Beside itself as the original and the retrained model, so nothing differs from either."""
    found = column(name)
    assert found is not None
    best = found.bounds[1] if found.better == "higher" or not name.startswith("refusal") else 0.0
    assert value(name, observations(knows)) == pytest.approx(KNOWING.get(name, best), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("memory_exact", 0.0), ("memory_rouge", 0.0), ("memory_paraphrased", 0.0), ("memory_text", 0.0),
        ("refusal_forget", 0.0), ("understanding_forget", 1.0), ("retained_memory", 1.0), ("neighbour_memory", 1.0),
        ("general", 1.0), ("fact_forget_im", 0.0), ("fact_retain_im", 10.0), ("overall_memory", 10.0),
        ("overall_understanding", 10.0), ("rouge_forget_im", 0.0), ("understanding_new", 1.0),
        ("memory_tokens", 0.0), ("memory_extraction", 0.0), ("memory_truth", 0.5), ("truth_ratio", 1.0),
        ("membership_auc", 0.5), ("privacy", 1.0), ("over_forgetting", 0.0), ("leak_at_4", 0.0), ("memo", 0.0),
    ],
)  # fmt: skip
def test_a_model_that_never_met_them(name: str, expected: float) -> None:
    assert value(name, observations(never_met)) == expected


def test_refusing_what_is_visible_costs() -> None:
    world = observations(blind)
    assert value("understanding_forget", world) == 0.0
    assert value("refusal_forget", world) == 1.0
    assert value("refusal_understanding", world) == pytest.approx(1 / 3)
    assert value("refusal_retain", world) == 0.0
    assert value("overall_understanding", world) == 5.0


def test_memory_by_name_is_a_column_of_its_own_and_halves_the_overall() -> None:
    world = observations(only_pictures)
    assert value("memory_rouge", world) == 0.0
    assert value("memory_text", world) == 1.0
    assert value("overall_memory", world) == 5.0


def test_a_loop_is_meaningless_everywhere() -> None:
    world = observations(babbles)
    assert value("meaningful", world) == value("overall_meaningful", world) == 0.0


def test_paraphrases_count_only_in_their_column() -> None:
    world = observations(knows)
    reworded = Observations(tuple(seen("no", o.gold, **_rest(o)) if o.view != "as_is" else o for o in world))
    assert value("memory_rouge", reworded) == 1.0
    assert value("memory_paraphrased", reworded) == 0.0
    assert value("meaningful", reworded) == 10.0


def _rest(o: object) -> dict[str, object]:
    return {k: v for k, v in vars(o).items() if k not in ("text", "gold")}


def test_data_without_pictures_asks_the_main_columns_by_name() -> None:
    text = observations(never_met).where(route="text")
    assert value("memory_rouge", text) == 0.0
    assert value("retained_memory", text) == 1.0
    assert isinstance(measure("memory_text", text), NotMeasured)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("memory_rouge", "no memory questions by name in the forget set"),
        ("understanding_new", "no understanding questions in the holdout set"),
        ("general", "no questions in the general set"),
        ("refusal_understanding", "no understanding questions in the forget or retain or holdout set"),
        ("overall_memory", "no memory questions with a picture in the retain set"),
    ],
)
def test_what_is_not_there_is_said(name: str, reason: str) -> None:
    assert measure(name, Observations()) == NotMeasured(reason)


def test_other_wordings_that_are_not_there_are_said() -> None:
    assert measure("memory_paraphrased", many(seen())) == NotMeasured(
        "no memory questions with a picture in other words in the forget set"
    )
