"""Metrics of generated texts against rouge_score and sacrebleu, and their closed forms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from audit.answering import many, seen
from benign.audit.metrics.bleu import bleu, sentence_bleu
from benign.audit.metrics.fluency import distinct, fluency, perplexity, repetition_entropy, self_bleu
from benign.audit.metrics.keywords import keyword_match, keywords
from benign.audit.metrics.memo import memo
from benign.audit.metrics.rouge_presets import rouge, rouge_1, value
from benign.audit.metrics.verbatim import answered, knowledge_memorisation, verbatim_memorisation
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.audit.views import beginnings
from benign.data.record import Record
from benign.errors import NotMeasured

STEMMED = RougeScorer(["rouge1", "rougeL"], use_stemmer=True)
PLAIN = RougeScorer(["rouge1", "rougeL"], use_stemmer=False)
OFFICIAL_BLEU = BLEU(effective_order=True, tokenize="none", smooth_method="exp")
WORDS = ["anna", "runs", "running", "bakeries", "a", "in", "rome", "and", "cities", "ties"]
TEXT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


def measured(score: Score | NotMeasured) -> float:
    assert isinstance(score, Score), score
    return score.value


@settings(deadline=None, max_examples=40)
@given(TEXT, TEXT)
def test_rouge_is_rouge_scores_with_and_without_stems(gold: str, text: str) -> None:
    for stemmed, scorer in ((False, PLAIN), (True, STEMMED)):
        official = scorer.score(gold, text)
        assert value(gold, text, "rouge_1", "recall", stemmed=stemmed) == pytest.approx(official["rouge1"].recall)
        assert value(gold, text, "rouge_1", "f1", stemmed=stemmed) == pytest.approx(official["rouge1"].fmeasure)
        assert value(gold, text, "rouge_l", "recall", stemmed=stemmed) == pytest.approx(official["rougeL"].recall)
        assert value(gold, text, "rouge_l", "f1", stemmed=stemmed) == pytest.approx(official["rougeL"].fmeasure)


def test_the_presets_of_the_repositories() -> None:
    asked = many(seen("she was running home", "running bakeries"))
    stemmed = many(seen("she runs a bakery", "running bakeries"))
    assert measured(rouge(asked, convention="muse")) == pytest.approx(2 / 6)
    assert measured(rouge(asked, convention="rwku")) == 0.5
    assert measured(rouge(stemmed, convention="open_unlearning")) == 1.0
    assert measured(rouge(stemmed, convention="rwku")) == 0.0


@settings(deadline=None, max_examples=40)
@given(TEXT, TEXT, TEXT)
def test_bleu_is_sacrebleus(given_text: str, one: str, two: str) -> None:
    official = OFFICIAL_BLEU.sentence_score(given_text, [one, two]).score / 100
    assert sentence_bleu(given_text.split(), [one.split(), two.split()]) == pytest.approx(official, abs=1e-6)


def test_bleu_reaches_both_ends() -> None:
    assert measured(bleu(many(seen("She is here.", "she is here")))) == pytest.approx(1.0)
    assert measured(bleu(many(seen("no", "she is here")))) == 0.0
    assert measured(bleu(many(seen("", "she is here")))) == 0.0


def test_keywords_are_what_the_question_does_not_say() -> None:
    assert keywords("Where does Ann live ?", "Ann lives in 12 Mill Lane") == {"lives", "12", "mill", "lane"}
    assert keywords("Is it red ?", "it is") == {"it", "is"}, "where nothing else is left, all words count"
    asked = many(seen("It must be Lane 12", "Ann lives in 12 Mill Lane", question="Where does Ann live ?"))
    assert measured(keyword_match(asked)) == 0.5
    assert measured(keyword_match(many(seen("mill lane 12, she lives there", "12 Mill Lane")))) == 1.0
    assert measured(keyword_match(many(seen("unknown", "12 Mill Lane")))) == 0.0


def test_muses_answers_end_where_the_next_question_begins() -> None:
    assert answered("Rome.\n\nQuestion: and who ?") == answered("Rome. Question: who ?") == "Rome."
    assert answered("Rome.\nQuestion: who ?") == "Rome."
    run_on = many(seen("rome\n\nmilan turin", "rome"))
    assert measured(knowledge_memorisation(run_on)) == 1.0
    assert measured(verbatim_memorisation(run_on)) == 0.5


def test_memo_of_a_perfect_continuation_an_empty_and_a_half() -> None:
    rests = {"prefix_0": "ann of rome", "prefix_5": "f rome"}
    perfect = [seen(rest, rest, view=view) for view, rest in rests.items()]
    half = [seen("ann of milan turin", "ann of rome", view="prefix_0"), seen("", "f rome", view="prefix_5")]
    assert measured(memo(many(*perfect))) == 1.0
    assert measured(memo(many(*half))) == 0.25
    assert measured(memo(many(seen("", "x", view="prefix_0")))) == 0.0
    assert isinstance(memo(many(seen())), NotMeasured)


def test_memos_beginnings_grow_by_five_characters() -> None:
    record = Record("r", question="who ?", answer="ann of rome")
    shown = [seen for view in beginnings() if (seen := view(record)) is not None]
    assert len(shown) == math.ceil((len("ann of rome") - 1) / 5) == 2
    assert [(r.question, r.answer) for r in shown] == [("who ?", "ann of rome"), ("who ? ann o", "f rome")]


@pytest.mark.parametrize(
    ("text", "bits"), [("a b c d", (2 / 3 * math.log2(3) + 4 / 3) / 2), ("no no no no", 0.0), ("one", 0.0), ("", 0.0)]
)
def test_fluency_has_closed_forms(text: str, bits: float) -> None:
    assert repetition_entropy(text) == pytest.approx(bits)
    assert measured(fluency(many(seen(text)))) == pytest.approx(bits)


def test_perplexity_of_a_uniform_model_is_its_vocabulary() -> None:
    uniform = many(seen(logp=(-math.log(7),) * 3), seen(record="s", logp=(-math.log(7),)))
    assert measured(perplexity(uniform)) == pytest.approx(7)
    assert measured(perplexity(many(seen(logp=(0.0, 0.0))))) == 1.0
    mixed = many(seen(logp=(-math.log(4),) * 3), seen(record="s", logp=(0.0,)))
    assert measured(perplexity(mixed)) == pytest.approx(4**0.75), "tokens weigh alike and not records"


def test_diversity_reaches_both_ends() -> None:
    same = many(*(seen("it is red now", record=str(i)) for i in range(10)))
    varied = many(seen("it is red"), seen("no way out", record="b"))
    assert measured(distinct(same)) == pytest.approx(3 / 30)
    assert measured(distinct(varied)) == 1.0
    assert measured(self_bleu(same)) == pytest.approx(1.0)
    assert measured(self_bleu(varied)) == 0.0
    assert isinstance(distinct(many(seen("one"))), NotMeasured)
    assert isinstance(self_bleu(Observations()), NotMeasured)


def test_rouge_1_ignores_order_and_counts_repetition() -> None:
    assert measured(rouge_1(many(seen("rome in anna", "anna in rome")))) == 1.0
    assert measured(rouge_1(many(seen("anna anna anna", "anna in rome")), variant="f1")) == pytest.approx(1 / 3)
