from __future__ import annotations

import math

import pytest
import torch

from benign.data.answers import Answers
from benign.data.record import Record
from benign.engine.scoring import scored
from benign.engine.serve import Served
from benign.models.load import Model, load

RECORDS = tuple(
    Record(f"r{i}", question=question, answer=answer)
    for i, (question, answer) in enumerate(
        [("What is red ?", "a colour"), ("Who is that ?", "nobody"), ("Where is it ?", "in the north")]
    )
)


@pytest.fixture(scope="module")
def model() -> Model:
    return load("embedded:vlm")


def rows(logits: torch.Tensor, labels: list[int]) -> Answers:
    return Answers(logits, torch.tensor(labels), torch.zeros(len(labels), dtype=torch.long), 1)


def test_the_moments_have_closed_forms() -> None:
    """One token with p = 0.6 and four that share the rest: z = (log p - mean) / std = sqrt(0.4 / 0.6)."""
    (found,) = scored(rows(torch.tensor([[0.6, 0.1, 0.1, 0.1, 0.1], [0.2] * 5]).log(), [0, 3]))
    assert found.logp == pytest.approx((math.log(0.6), math.log(0.2)))
    assert (found.logp[0] - found.mean[0]) / found.std[0] == pytest.approx(math.sqrt(0.4 / 0.6), abs=1e-5)
    assert found.mean[1] == pytest.approx(-math.log(5))
    assert found.std[1] == pytest.approx(0, abs=1e-6)
    assert found.greedy == (True, False)


def test_a_token_that_is_ruled_out_counts_nothing() -> None:
    (found,) = scored(rows(torch.tensor([[0.0, 0.0, -torch.inf]]), [2]))
    assert found.logp == (-math.inf,)
    assert (found.mean[0], found.std[0]) == pytest.approx((-math.log(2), 0.0), abs=1e-6)


def test_broken_logits_stay_broken() -> None:
    (found,) = scored(rows(torch.tensor([[math.nan, 0.0]]), [1]))
    assert math.isnan(found.mean[0])


def test_scores_are_those_of_the_plain_model(model: Model) -> None:
    """Against log-softmax of the module's own logits over the whole text, in float64."""
    answers = ["a colour", "nobody", "somewhere else"]
    for record, answer, found in zip(RECORDS, answers, Served(model).score(RECORDS, answers), strict=True):
        example = model.encoder.full(record, answer=answer)
        with torch.no_grad():
            logits = model.module(**example.inputs).logits[0, :-1].double()
        kept = example.labels[0, 1:] != -100
        labels, logp = example.labels[0, 1:][kept], torch.log_softmax(logits, -1)[kept]
        assert found.logp == pytest.approx(logp.gather(-1, labels[:, None])[:, 0].tolist(), abs=1e-4)
        weight = logp.exp()
        mean = (weight * logp).sum(-1)
        std = ((weight * logp**2).sum(-1) - mean**2).sqrt()
        assert found.mean == pytest.approx(mean.tolist(), abs=1e-4)
        assert found.std == pytest.approx(std.tolist(), abs=1e-4)
        assert list(found.greedy) == (logp.argmax(-1) == labels).tolist()


def test_samples_depend_on_seed_record_and_number_and_not_on_the_batch(model: Model) -> None:
    served = Served(model)
    whole = served.sample(RECORDS, 3, seed=1, max_new_tokens=6, temperature=2.0)
    assert [len(texts) for texts in whole] == [3, 3, 3]
    alone = [
        Served(model, batch=1).sample([record], 3, seed=1, max_new_tokens=6, temperature=2.0)[0] for record in RECORDS
    ]
    assert alone == whole
    assert [texts[:2] for texts in whole] == served.sample(RECORDS, 2, seed=1, max_new_tokens=6, temperature=2.0)
    assert served.sample(RECORDS, 3, seed=2, max_new_tokens=6, temperature=2.0) != whole
    assert len({text for texts in whole for text in texts}) > 3, "they are samples"


def test_two_records_of_one_question_have_samples_of_their_own(model: Model) -> None:
    twins = [Record(name, question="Who is that ?", answer="nobody") for name in ("a", "b", "a")]
    one, other, again = Served(model).sample(twins, 4, seed=0, max_new_tokens=6, temperature=2.0)
    assert one == again != other


def test_a_cold_sample_is_the_greedy_answer(model: Model) -> None:
    served = Served(model)
    greedy = served.generate(RECORDS, max_new_tokens=6)
    cold = served.sample(RECORDS, 2, seed=0, max_new_tokens=6, temperature=1e-4)
    narrow = served.sample(RECORDS, 2, seed=0, max_new_tokens=6, top_p=1e-9)
    assert cold == narrow == [(text, text) for text in greedy]


def test_no_samples_are_empty(model: Model) -> None:
    assert Served(model).sample(RECORDS, 0, seed=0, max_new_tokens=3) == [(), (), ()]
    assert Served(model).sample((), 2, seed=0, max_new_tokens=3) == []
