"""Answer rows: log-probabilities per row and per record, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from benign.data.answers import Answers
from benign.data.batch import Batch


def rows(reference: torch.Tensor | None = None) -> Answers:
    # Softmax of (0, ln 3) is (1/4, 3/4); of (0, 0) it is (1/2, 1/2).
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0], [0.0, math.log(3)]])
    return Answers(logits, torch.tensor([1, 0, 0]), torch.tensor([0, 0, 2]), count=3, reference=reference)


def test_log_probability_of_each_label() -> None:
    found = rows()
    assert found.logp.exp().tolist() == pytest.approx([3 / 4, 1 / 2, 1 / 4])
    assert torch.allclose(found.log_probabilities.exp().sum(-1), torch.ones(3))
    assert torch.allclose(found.log_probabilities.gather(-1, found.labels[:, None])[:, 0], found.logp)


def test_sums_per_record_with_one_that_has_no_rows() -> None:
    found = rows()
    assert found.rows_per_record.tolist() == [2, 0, 1]
    assert found.logp_per_record.exp().tolist() == pytest.approx([3 / 8, 1.0, 1 / 4])
    assert found.per_record(torch.ones(3)).tolist() == [2.0, 0.0, 1.0]


def test_reference() -> None:
    found = rows(torch.tensor([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7]]).log())
    assert found.reference_logp.exp().tolist() == pytest.approx([0.9, 0.2, 0.3])
    assert found.reference_logp_per_record.exp().tolist() == pytest.approx([0.18, 1.0, 0.3])
    with pytest.raises(ValueError, match="no reference"):
        _ = rows().reference_logp


def test_gradient_reaches_the_logits() -> None:
    logits = torch.zeros(2, 4, requires_grad=True)
    found = Answers(logits, torch.tensor([0, 1]), torch.tensor([0, 1]), count=2)
    found.logp_per_record.sum().backward()
    assert logits.grad is not None and torch.allclose(logits.grad[0], torch.tensor([0.75, -0.25, -0.25, -0.25]))


def test_batch_moves_whole() -> None:
    batch = Batch({"input_ids": torch.ones(2, 3)}, torch.zeros(2, 3), ("a", "b"))
    moved = batch.to("meta")
    assert moved.inputs["input_ids"].is_meta and moved.labels.is_meta and moved.count == 2
