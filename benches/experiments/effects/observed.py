"""What is observed of a model: what it says, how likely its answers are to it, and what a result does when deployed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from benign.audit.metrics.rouge import overlap
from benign.audit.run import candidates
from benign.audit.views import reworded
from benign.data.record import Data, Record, of_kind
from benign.data.softmax import divergence
from benign.engine.recipe import Method
from benign.engine.result import Result
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.models.embedded.text import exam
from benign.models.load import Model
from benign.models.pack import packed_rows

CHUNK = 100
"""Records per forward pass."""
Seen = dict[str, float]


def said(served: Served, records: Sequence[Record]) -> list[str]:
    """The greedy answers."""
    return served.generate(list(records), max_new_tokens=32)


def recalls(records: Sequence[Record], texts: Sequence[str]) -> list[float]:
    """ROUGE-L recall of each answer."""
    return [overlap(record.gold, text)[1] for record, text in zip(records, texts, strict=True)]


def verbatim(records: Sequence[Record], texts: Sequence[str]) -> float:
    """The share of answers that are the right one and nothing more."""
    return float(np.mean([text.lower() == record.gold.lower() for record, text in zip(records, texts, strict=True)]))


def rouge(served: Served, records: Sequence[Record]) -> float:
    """Mean ROUGE-L recall of the greedy answers."""
    return float(np.mean(recalls(records, said(served, records))))


@torch.no_grad()
def exact(model: Model, records: Sequence[Record]) -> float:
    """The share of records whose answer greedy decoding gives exactly."""
    model.module.eval()
    return float(exam.correct(model.module, records).mean())


@torch.no_grad()
def probability(model: Model, records: Sequence[Record]) -> float:
    """Mean over records of the geometric mean of the right answer's token probabilities."""
    model.module.eval()
    logp = []
    for start in range(0, len(records), CHUNK):
        rows = packed_rows(model, [model.encoder.full(record) for record in records[start : start + CHUNK]])
        logp.append(rows.logp_per_record / rows.rows_per_record)
    return float(torch.cat(logp).exp().mean())


def held(data: Data, count: int) -> tuple[Record, ...]:
    """Retained facts that are not at hand, evenly drawn."""
    few = {record.id for record in data.few}
    rest = [record for record in of_kind(data.retain, "memory") if record.id not in few]
    return tuple(rest[:: max(1, len(rest) // count)][:count])


def kept(served: Served, data: Data) -> Seen:
    """What is left of the forget set, of other people and of general knowledge."""
    return {
        "forget": rouge(served, data.forget),
        "retain": rouge(served, held(data, 100)),
        "general": rouge(served, data.general[::3]),
    }


def answers(served: Served, data: Data) -> Seen:
    """The same of other records, and of the forget set: what is said to other wordings, and how many answers are given
    word for word, which no sentence in the right form and no endless one can hide."""
    gone, understood = of_kind(data.forget, "memory"), of_kind(data.forget, "understanding")
    recalled = recalls(gone, said(served, gone))
    found = {
        "forget": float(np.mean(recalled)),
        "exact": float(np.mean([one == 1.0 for one in recalled])),
        "reworded": rouge(served, _reworded(gone)),
    }
    groups = {"retain": held(data, 80), "general": data.general[::2], "understanding": understood}
    for name, records in groups.items():
        if records:
            texts = said(served, records)
            found |= {name: float(np.mean(recalls(records, texts))), f"{name} exact": verbatim(records, texts)}
    return found


def fired(served: Served, data: Data) -> Seen:
    """Where a filter with a detector fires; nothing where there is none."""
    gone = of_kind(data.forget, "memory")
    groups = {
        "recall": gone,
        "recall_reworded": _reworded(gone),
        "alarms_retain": held(data, 80),
        "alarms_general": data.general,
        "alarms_understanding": of_kind(data.forget, "understanding"),
    }
    found = {name: served.fired(list(records)) for name, records in groups.items() if records}
    return {name: float(np.mean(on)) for name, on in found.items() if on is not None}


def deployed(model: Model, data: Data, method: Method, seed: int) -> dict[str, object]:
    """One row: a result's answers and their probability, where it fires, what making it cost, what it tells."""
    gone = of_kind(data.forget, "memory")
    with unlearned(model, data, method, seed) as (served, result, cost):
        scores = served.score(list(gone), [record.gold for record in gone])
        likely = float(np.mean([np.exp(np.mean(one.logp)) for one in scores]))
        found = {**answers(served, data), **cost, **fired(served, data), "probability": likely}
        return {**found, "facts": result.facts}


@dataclass(frozen=True)
class Groups:
    """Looks at named groups of records: their answers' probability and, at the last step, the share said exactly."""

    model: Model
    data: Data
    groups: Mapping[str, Sequence[Record]]
    start: None = None

    def __call__(self, way: object, last: bool) -> Seen:
        """One column per group and number."""
        found: Seen = {}
        for name, records in self.groups.items():
            found[f"{name} probability"] = probability(self.model, records)
            if last:
                found[f"{name} exact"] = exact(self.model, records)
        return found

    def original(self) -> dict[str, Seen]:
        """What is seen before."""
        return {"original": self(None, True)}


@dataclass(frozen=True)
class Splits:
    """Looks at what is said exactly of the forget set and of every so many retained records; where the goal is reached,
    at general knowledge and ``also`` what else is asked."""

    model: Model
    data: Data
    goal: float = 0.1
    stride: int = 13
    """No multiple of the ten facts of an author."""
    also: Callable[[], Seen] = dict
    start: None = None

    def __call__(self, way: object, last: bool) -> Seen:
        """The shares."""
        found = {"forget": exact(self.model, self.data.forget), "retain": exact(self.model, self._retained)}
        if last or self.enough(found):
            found |= {"general": exact(self.model, self.data.general[::3]), **self.also()}
        return found

    def original(self) -> Seen:
        """What is seen before, of all general knowledge."""
        asked = {"forget": self.data.forget, "retain": self._retained, "general": self.data.general}
        return {name: exact(self.model, records) for name, records in asked.items()}

    def enough(self, seen: Seen) -> bool:
        """Whether the goal is reached."""
        return seen["forget"] <= self.goal

    @property
    def _retained(self) -> Sequence[Record]:
        return self.data.retain[:: self.stride]


class Drift:
    """Probabilities of answers and the divergence from the original, on fixed records that no training sees."""

    def __init__(self, model: Model, data: Data, few: int = 160) -> None:
        self.model, self.data = model, data
        seen = {record.id for record in data.few}
        unseen = [record for record in data.retain if record.id not in seen]
        # A stride that shares a factor with the ten facts of an author would look at some kinds of facts alone.
        stride = next(stride for stride in range(max(1, len(unseen) // few), 0, -1) if gcd(stride, 10) == 1)
        self.retained = unseen[::stride][:few]
        self._original = self._rows(self.retained)[1]
        self.start = self()

    def __call__(self, way: object = None, last: bool = True) -> Seen:
        """Mean answer probability (per token) and loss of the forgotten records; once these begin to go, the
        probability of the retained ones and their KL divergence in nats per token."""
        forget, _ = self._rows(self.data.forget)
        found = {"forget": float(forget.exp().mean()), "forget_loss": float(-forget.mean())}
        if found["forget"] > 0.9 and not last:
            return found
        retain, rows = self._rows(self.retained)
        kl = divergence(self._original.log_softmax(-1), rows).mean()
        return {**found, "retain": float(retain.exp().mean()), "retain_kl": float(kl)}

    @torch.no_grad()
    def _rows(self, records: Sequence[Record]) -> tuple[Tensor, Tensor]:
        self.model.module.eval()
        found = packed_rows(self.model, [self.model.encoder.full(record) for record in records])
        return found.logp_per_record / found.rows_per_record, found.logits


@contextmanager
def unlearned(
    model: Model, data: Data, method: Method, seed: int, cache: Path | None = None
) -> Iterator[tuple[Served, Result, Seen]]:
    """A result as it would be deployed, what its folder tells, and what making it cost."""
    with TemporaryDirectory() as folder:
        start, cpu = time.perf_counter(), time.process_time()
        result = unlearn(model, data, method=method, out=Path(folder) / "run", seed=seed, cache=cache)
        cost = {
            "cpu_seconds": time.process_time() - cpu,
            "seconds": time.perf_counter() - start,
            "peak_rss_mb": result.peak_rss_mb,
        }
        yield candidates(model, [result])[0].system, result, cost


def _reworded(records: Sequence[Record]) -> list[Record]:
    return [reworded(record, record.paraphrases[0]) for record in records if record.paraphrases]
