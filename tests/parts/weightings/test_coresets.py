"""Which records a coreset keeps: worked by hand, and as another library groups them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from benign.errors import UserError
from benign.parts.weightings import Weighting
from benign.parts.weightings.coreset import largest, size
from benign.parts.weightings.grad_norm_coreset import GradNormCoreset
from benign.parts.weightings.guard import AttributionWeights
from benign.parts.weightings.min_k_coreset import MinKCoreset, least_likely
from benign.parts.weightings.moderate_coreset import ModerateCoreset, clustered
from benign.parts.weightings.random_coreset import RandomCoreset


@dataclass(frozen=True)
class Given:
    """Evidence that is what the test says."""

    count: int
    scores: Sequence[float] = ()
    points: Tensor = field(default_factory=lambda: torch.zeros(0, 1))
    tokens: Sequence[Sequence[float]] = ()

    def logp(self) -> Sequence[Tensor]:
        return [torch.tensor(values) for values in self.tokens]

    def features(self) -> Tensor:
        return self.points

    def gradient_norms(self, points: int) -> Tensor:
        return torch.tensor(self.scores) / points

    def alignment(self, *, cosine: bool) -> Tensor:
        return torch.tensor(self.scores) * (0.5 if cosine else 1.0)


def kept(weighting: Weighting, evidence: Given, seed: int = 0) -> list[int]:
    weights = weighting(evidence, seed=seed)
    assert set(weights) <= {0.0, 1.0}
    return [place for place, weight in enumerate(weights) if weight]


@pytest.mark.parametrize(("count", "share"), [(200, 0.05), (200, 0.29), (100, 0.29), (7, 0.1), (3, 1.0), (1, 0.01)])
def test_a_coreset_is_the_floor_of_its_share_and_never_empty(count: int, share: float) -> None:
    exact = math.floor(round(share * count, 6))
    assert size(count, share) == max(1, exact)
    assert len(kept(RandomCoreset(share), Given(count))) == max(1, exact)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, math.nan])
def test_a_share_that_is_none_is_an_error(share: float) -> None:
    with pytest.raises(UserError, match="share"):
        size(10, share)


COUNT = 9
WHOLE = Given(
    COUNT,
    scores=[float(place % 4) for place in range(COUNT)],
    points=torch.arange(COUNT, dtype=torch.float64)[:, None] ** 2,
    tokens=[[-0.5 * place, -1.0] for place in range(COUNT)],
)


@pytest.mark.parametrize("kind", [RandomCoreset, GradNormCoreset, MinKCoreset, ModerateCoreset])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99, 1.0])
def test_every_coreset_has_its_size_and_the_whole_is_all(kind: Callable[[float], Weighting], share: float) -> None:
    found = kept(kind(share), WHOLE)
    assert len(found) == max(1, math.floor(share * COUNT))
    assert share < 1 or found == list(range(COUNT))
    assert kept(kind(share), WHOLE) == found


def test_random_coresets_are_nested_and_follow_the_seed() -> None:
    small, large = kept(RandomCoreset(0.1), Given(100)), kept(RandomCoreset(0.3), Given(100))
    assert set(small) < set(large) and len(large) == 30
    assert kept(RandomCoreset(0.1), Given(100), seed=1) != small
    often = np.mean([list(RandomCoreset(0.2)(Given(10), seed=seed)) for seed in range(400)], axis=0)
    assert np.abs(often - 0.2).max() < 0.07, "every record has the same chance"


def test_the_largest_gradients_are_kept_and_the_earlier_of_equals() -> None:
    assert kept(GradNormCoreset(share=0.5), Given(4, scores=[1.0, 3.0, 2.0, 3.0])) == [1, 3]
    assert largest([2.0, 2.0, 2.0], 0.67) == [1.0, 1.0, 0.0]


def test_least_likely_tokens_by_hand() -> None:
    logp = torch.tensor([-1.0, -5.0, -3.0, -0.5, -2.0])
    assert least_likely(logp, 0.4) == -4.0
    assert least_likely(logp, 0.01) == -5.0
    assert least_likely(logp, 1.0) == pytest.approx(-11.5 / 5)


def test_known_and_unknown_are_the_two_ends() -> None:
    evidence = Given(3, tokens=[[-0.1, -9.0], [-1.0, -1.0], [-0.1, -2.0]])
    assert kept(MinKCoreset(share=0.34, k=0.5), evidence) == [1]
    assert kept(MinKCoreset(share=0.34, k=0.5, keep="unknown"), evidence) == [0]
    # By all tokens another record is the best known.
    assert kept(MinKCoreset(share=0.34, k=1.0), evidence) == [1]
    assert kept(MinKCoreset(share=0.67, k=1.0), evidence) == [1, 2]
    with pytest.raises(UserError, match="k must be"):
        MinKCoreset(k=0.0)(evidence, seed=0)


def test_moderate_keeps_the_median_distances_of_one_cluster() -> None:
    line = torch.tensor([[0.0], [1.0], [2.0], [3.0], [14.0]])  # centre 4: distances 4, 3, 2, 1, 10; median 3
    evidence = Given(5, points=line)
    assert kept(ModerateCoreset(share=0.2, clusters=1), evidence) == [1]
    assert kept(ModerateCoreset(share=0.6, clusters=1), evidence) == [0, 1, 2]


def test_each_cluster_keeps_its_part() -> None:
    random = torch.Generator().manual_seed(0)
    points = torch.cat([torch.randn(20, 3, generator=random), 50 + torch.randn(10, 3, generator=random)])
    found = kept(ModerateCoreset(share=0.2, clusters=2), Given(30, points=points))
    assert len(found) == 6 and sum(place < 20 for place in found) == 4
    assert len(kept(ModerateCoreset(share=0.1, clusters=9), Given(3, points=points[:3]))) == 1


def test_clusters_are_those_of_another_library() -> None:
    scipy = pytest.importorskip("scipy.cluster.vq")
    random = torch.Generator().manual_seed(1)
    points = torch.cat([torch.randn(15, 4, generator=random).double() + 12 * shift for shift in (0, 1, 2)])
    owner, centres = clustered(points, 3, 100, seed=3)
    theirs, number = scipy.kmeans2(points.numpy(), centres.numpy(), minit="matrix")
    np.testing.assert_allclose(centres.numpy(), theirs)
    assert owner.tolist() == number.tolist() and len(set(owner.tolist())) == 3


def test_copies_of_one_record_are_no_error() -> None:
    assert len(kept(ModerateCoreset(share=0.5, clusters=3), Given(4, points=torch.ones(4, 2)))) == 2


@pytest.mark.parametrize("scale", ["standard", "raw"])
def test_weights_have_mean_one_and_fall_with_the_attribution(scale: str) -> None:
    scores = [0.3, -1.0, 2.0, 0.0, 0.3]
    weights = AttributionWeights(scale=scale)(Given(5, scores=scores), seed=0)  # type: ignore[arg-type]
    assert sum(weights) == pytest.approx(5)
    assert np.argsort(weights, kind="stable").tolist() == np.argsort([-s for s in scores], kind="stable").tolist()
    assert weights[0] == weights[4]


def test_raw_weights_by_hand() -> None:
    weights = AttributionWeights(temperature=2.0, scale="raw")(Given(2, scores=[0.0, 2 * math.log(3)]), seed=0)
    assert weights == pytest.approx([1.5, 0.5])
    closer = AttributionWeights(temperature=1.0, scale="raw", similarity="cosine")
    assert closer(Given(2, scores=[0.0, 2 * math.log(3)]), seed=0) == pytest.approx([1.5, 0.5])


def test_standard_weights_do_not_see_the_unit() -> None:
    one, other = (Given(3, scores=[k * s + 7 * k for s in (1.0, 2.0, 5.0)]) for k in (1.0, 1e-4))
    weigh = AttributionWeights()
    assert weigh(one, seed=0) == pytest.approx(weigh(other, seed=0), rel=1e-4)


def test_a_hot_or_even_world_weighs_all_alike() -> None:
    assert AttributionWeights(temperature=math.inf)(Given(3, scores=[1.0, 5.0, -2.0]), seed=0) == [1.0] * 3
    assert AttributionWeights()(Given(3, scores=[4.0] * 3), seed=0) == [1.0] * 3
    with pytest.raises(UserError, match="temperature"):
        AttributionWeights(temperature=0.0)(Given(1, scores=[0.0]), seed=0)
