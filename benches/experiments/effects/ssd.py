"""SSD on the embedded text model, the embedded picture model and a small classifier: what a search over alpha finds.

    python benches/experiments/effects/ssd.py --seeds 3

A search takes the smallest alpha that leaves 0.9 of what the original says of others; NPO is beside it for
the time, with the first seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from observed import Seen, kept, rouge, unlearned
from seeds import Jobs, Row, authors, fill

from benign.benchmarks import presets, presets_text
from benign.data.record import Data, of_kind
from benign.engine.serve import Served
from benign.errors import UserError
from benign.methods.ssd import SSD
from benign.models.embedded.world import splits
from benign.models.load import Model, load

ALPHAS = (10.0, 7.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5)
FLOOR = 0.9


def pictures(seed: int) -> Data:
    """Two of the embedded people, others by the seed; every retained record is at hand."""
    data = splits(5)
    people = sorted({record.subject for record in (*data.forget, *data.retain)})
    gone = set(people[2 * seed : 2 * seed + 2])
    known = (*data.forget, *data.retain)
    return replace(
        data, few=(), forget=tuple(r for r in known if r.subject in gone),
        retain=tuple(r for r in known if r.subject not in gone),
    )  # fmt: skip


def seen(served: Served, data: Data) -> Seen:
    """What is left of the forgotten people's facts, of what their pictures show, and of other people."""
    retain = of_kind(data.retain, "memory")
    return {
        "forget": rouge(served, of_kind(data.forget, "memory")),
        "understanding": rouge(served, of_kind(data.forget, "understanding")),
        "retain": rouge(served, retain[:: max(1, len(retain) // 150)]),
    }


@dataclass(frozen=True)
class Setting:
    """A model, its records, and what is seen of a result."""

    name: str
    data: Callable[[int], Data]
    look: Callable[[Served, Data], Seen]
    npo: Any

    def searched(self, seed: int) -> Sequence[Row]:
        """The original and every alpha from one measurement; the search's choice is marked: the smallest that keeps
        enough."""
        model, data = load(self.name), self.data(seed)
        original = self.look(Served(model), data)
        with TemporaryDirectory() as cache:
            rows = [self._alpha(model, data, alpha, seed, Path(cache)) for alpha in ALPHAS]
        good = [row for row in rows if row.get("retain", 0.0) >= FLOOR * original["retain"]]
        chosen = [{**row, "chosen": bool(good) and row is good[-1]} for row in rows]
        return [original, *chosen]

    def beside(self, seed: int) -> Row:
        """NPO."""
        model, data = load(self.name), self.data(seed)
        with unlearned(model, data, self.npo, seed) as (served, _, cost):
            return {**self.look(served, data), **cost}

    def _alpha(self, model: Model, data: Data, alpha: float, seed: int, cache: Path) -> dict[str, Any]:
        row = {"row": f"{self.name} ssd, alpha {alpha:g}", "alpha": alpha}
        try:
            with unlearned(model, data, SSD(alpha=alpha), seed, cache) as (served, result, cost):
                return {**row, **self.look(served, data), **cost, "tensors": len(result.facts["ssd"])}
        except UserError as refused:
            return {**row, "refused": refused.what}


def words(seed: int) -> Data:
    """Ten of the embedded authors; every retained record is at hand."""
    return replace(authors(seed), few=())


SETTINGS = (
    Setting("embedded:lm", words, kept, presets_text.embedded("npo")),
    Setting("embedded:vlm", pictures, seen, presets.embedded("npo")),
)


def jobs(seed: int) -> Jobs:
    """Both models with the seed's forget sets."""
    found: dict[str, Any] = {f"{one.name} original": partial(one.searched, seed) for one in SETTINGS}
    return found if seed else {**found, **{f"{one.name} npo": partial(one.beside, seed) for one in SETTINGS}}


if __name__ == "__main__":
    fill("ssd", jobs)
