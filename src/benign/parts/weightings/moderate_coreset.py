"""The records that are neither typical nor odd (moderate coreset, Xia et al. 2023; on forget sets in MU-Coreset, arXiv
2504.10185)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benign.errors import UserError
from benign.parts.weightings import Evidence
from benign.parts.weightings.coreset import only, size


@dataclass(frozen=True)
class ModerateCoreset:
    """The share of records whose distance to their cluster's centre is nearest the cluster's median distance."""

    share: float = 0.1
    """Share of the records that is kept, at least one record (paper: 0.05 and 0.1 beside 1)."""
    clusters: int = 4
    """Clusters of the answers' features, found by k-means (a replication: 4); no more than there are records."""
    rounds: int = 100
    """Most rounds of k-means."""

    def __call__(self, evidence: Evidence, *, seed: int) -> list[float]:
        """1 for what is kept, 0 for the rest; each cluster keeps its share, and what is left over goes to those that
        lost most by rounding."""
        features = evidence.features().double()
        if self.clusters < 1:
            raise UserError(f"there must be a cluster, got {self.clusters}", where="coreset")
        owner, centres = clustered(features, min(self.clusters, len(features)), self.rounds, seed)
        distance = torch.linalg.norm(features - centres[owner], dim=1)
        kept: list[int] = []
        for number, allowed in _shared(owner, size(len(features), self.share)).items():
            places = (owner == number).nonzero().flatten()
            off = (distance[places] - distance[places].quantile(0.5)).abs()
            kept += places[off.argsort(stable=True)[:allowed]].tolist()
        return only(kept, len(features))


def clustered(features: Tensor, clusters: int, rounds: int, seed: int) -> tuple[Tensor, Tensor]:
    """[records] each record's cluster and [clusters, H] the centres: Lloyd's algorithm from a k-means++ start."""
    centres = _spread(features, clusters, np.random.default_rng(seed))
    owner = torch.cdist(features, centres).argmin(dim=1)
    for _ in range(rounds):
        for number in range(clusters):
            if (owner == number).any():
                centres[number] = features[owner == number].mean(dim=0)
        after = torch.cdist(features, centres).argmin(dim=1)
        if torch.equal(after, owner):
            break
        owner = after
    return owner, centres


def _spread(features: Tensor, clusters: int, random: np.random.Generator) -> Tensor:
    chosen = [int(random.integers(len(features)))]
    while len(chosen) < clusters:
        square = torch.cdist(features, features[chosen]).min(dim=1).values.square().numpy()
        total = square.sum()
        # Where all that is left are copies, any of them will do.
        odds = square / total if total > 0 else None
        chosen.append(int(random.choice(len(features), p=odds)))
    return features[chosen].clone()


def _shared(owner: Tensor, wanted: int) -> dict[int, int]:
    """How many records each cluster keeps: its part of ``wanted``, by largest remainders."""
    counts = torch.bincount(owner).tolist()
    exact = {number: wanted * count / len(owner) for number, count in enumerate(counts) if count}
    kept = {number: int(part) for number, part in exact.items()}
    rest = sorted(exact, key=lambda number: (kept[number] - exact[number], number))
    for number in rest[: wanted - sum(kept.values())]:
        kept[number] += 1
    return kept
