"""MANU's scores and cut, by hand."""

from __future__ import annotations

import pytest
import torch

from benign.errors import UserError
from benign.models.measured import Measured
from benign.parts.edits.prune_neurons import Activity, PruneNeurons, importance, most_telling, pruning
from benign.parts.statistics.activity import Activity as Statistic


def activity(z: torch.Tensor) -> Activity:
    """In two batches, as the engine adds them up."""
    statistic = Statistic()
    parts = [statistic.part(z[:1]), statistic.part(z[1:])]
    return Activity.of(statistic.whole({name: parts[0][name] + parts[1][name] for name in parts[0]}, len(z)))


def test_the_statistics_by_hand() -> None:
    found = activity(torch.tensor([[1.0, 0.05], [-3.0, 0.1]], dtype=torch.float64))
    assert found.magnitude.tolist() == pytest.approx([2.0, 0.075])
    assert found.frequency.tolist() == [1.0, 0.0]  # 0.1 is not above the threshold
    assert found.variance.tolist() == pytest.approx([4.0, 0.000625])
    assert found.energy.tolist() == pytest.approx([5.0, 0.00625])


def test_the_importance_by_hand() -> None:
    def of(*values: float) -> Activity:
        return Activity(*(torch.tensor([value], dtype=torch.float64) for value in values))

    # |3-1|/4 + |1-0.5|/1.5 + sqrt(4+5) + sqrt(|10-6|/16)
    found = importance(of(3.0, 1.0, 4.0, 10.0), of(1.0, 0.5, 5.0, 6.0), eps=0.0)
    assert float(found) == pytest.approx(0.5 + 1 / 3 + 3.0 + 0.5)


def test_neurons_that_both_modalities_drive_alike_count_by_their_variance_only() -> None:
    same = activity(torch.tensor([[1.0, 2.0], [1.0, 4.0]]))
    assert importance(same, same).tolist() == pytest.approx([0.0, 2**0.5])
    idle = activity(torch.zeros(3, 2))
    assert importance(idle, idle).tolist() == [0.0, 0.0]


def test_the_cut_takes_the_largest_ratios() -> None:
    forget, retain = torch.tensor([4.0, 1.0, 3.0, 1.0]), torch.tensor([4.0, 0.5, 1.0, 1.0])  # ratios 1, 2, 3, 1
    assert most_telling(forget, retain, 0.5).tolist() == [False, True, True, False]
    assert most_telling(forget, retain, 0.75).tolist() == [True, True, True, False]  # of equals the first
    assert most_telling(torch.ones(1000), torch.ones(1000), 0.5)[:500].all()
    assert most_telling(forget, retain, 0.0).sum() == 0
    assert most_telling(forget, retain, 0.01).sum() == 1
    assert most_telling(torch.arange(100.0), torch.ones(100), 0.07).sum() == 7


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match=r"share must be within 0 and 1, got 1\.5"):
        most_telling(torch.ones(2), torch.ones(2), 1.5)


def test_pruned_columns_are_zero_and_the_others_untouched() -> None:
    weight = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    pruned = weight + pruning(weight, torch.tensor([True, False, True]))
    assert pruned.tolist() == [[0.0, 2.0, 0.0], [0.0, 5.0, 0.0]]


def test_the_edit_prunes_what_the_forget_pictures_drive_and_reads_a_silent_route_as_idle() -> None:
    def found(*magnitudes: float, name: str = "a.fc2") -> Measured:
        z = torch.tensor([magnitudes, magnitudes], dtype=torch.float64)
        numbers = {key: getattr(activity(z), key) for key in Activity._fields}
        return Measured({name: numbers} if magnitudes else {}, {"a.fc2": torch.ones(2, 3)})

    # Pictures of the forget set drive the first neuron, those of the retained the last one; text reaches none of them.
    edited = PruneNeurons(share=0.3)(found(5.0, 0.0, 0.0), found(), found(0.0, 0.0, 5.0), found())
    [(name, change)] = edited.delta.tensors.items()
    assert name == "a.fc2.weight"
    assert isinstance(change, torch.Tensor) and change.tolist() == [[-1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]
    assert edited.facts == {"a.fc2.weight": {"pruned": pytest.approx(1 / 3)}}
