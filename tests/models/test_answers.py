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


def test_parts_of_joint_rows_are_what_they_were_alone() -> None:
    draw = torch.Generator().manual_seed(3)
    logits, hidden = torch.randn(6, 4, generator=draw), torch.randn(6, 2, generator=draw)
    labels, owner = torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([0, 0, 1, 3, 3, 3])
    leaf = logits.clone().requires_grad_()
    joint = Answers(leaf, labels, owner, count=4, hidden=hidden)
    none, first, second = joint.parted([0, 2, 2])
    assert (none.count, first.count, second.count) == (0, 2, 2) and not len(none.labels)
    assert first.owner.tolist() == [0, 0, 1] and second.owner.tolist() == [1, 1, 1]
    for part, rows in ((first, slice(0, 3)), (second, slice(3, 6))):
        alone = Answers(logits[rows], labels[rows], owner[rows], count=2)
        assert part.hidden is not None and torch.equal(part.hidden, hidden[rows])
        assert torch.equal(part.logits, logits[rows]) and torch.equal(part.logp, alone.logp)
    (3 * first.logp.sum() + second.logits.square().sum()).backward()
    lonely = logits.clone().requires_grad_()
    (3 * lonely[:3].log_softmax(-1).gather(1, labels[:3, None]).sum() + lonely[3:].square().sum()).backward()
    torch.testing.assert_close(leaf.grad, lonely.grad)


def test_the_references_labels_are_enough_where_nothing_asks_for_its_vocabulary() -> None:
    logits = torch.zeros(2, 3)
    whole = Answers(logits, torch.tensor([1, 2]), torch.tensor([0, 0]), 1, reference=torch.randn(2, 3).log_softmax(-1))
    labels = Answers(logits, whole.labels, whole.owner, 1, reference_labels=whole.reference_logp)
    assert torch.equal(labels.reference_logp_per_record, whole.reference_logp_per_record)
