"""What observing once saves: 10 metrics of 1,000 records in one pass, against a pass of the model for every metric.

Three ways to the same ten numbers on the embedded model, interleaved in one process, the shortest of the rounds:

- ``one_pass``: benign's audit: everything is observed once, then ten functions of the observations.
- ``pass_per_metric``: the same engine (packed beginnings, pictures seen once, lengths bucketed), run for each metric.
- ``plain_loop``: the straightforward loop: for each metric, records in their order, batches of 32 padded to their
  longest, one sequence per answer; what is common in evaluation suites.

All must give the same scores. Nothing is cached between the ways or on disk.

    python benches/audit/one_pass.py
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers

from benign.audit.metrics.bleu import bleu
from benign.audit.metrics.exact import exact_match
from benign.audit.metrics.exact_memorisation import exact_memorisation
from benign.audit.metrics.extraction_strength import extraction_strength
from benign.audit.metrics.keywords import keyword_match
from benign.audit.metrics.option_probability import option_probability
from benign.audit.metrics.probability import answer_probability
from benign.audit.metrics.refusal import refusal_rate
from benign.audit.metrics.rouge import rouge_l
from benign.audit.metrics.truth_ratio import truth_ratio
from benign.audit.observation import Observations
from benign.audit.observe import observe
from benign.audit.plan import Ask
from benign.audit.score import Score
from benign.benchmarks.smllmun import SMLLMUn
from benign.data.record import Record
from benign.engine.serve import Scored, Served, scored
from benign.errors import NotMeasured
from benign.models.collate import collate
from benign.models.forward import answer_rows, generate
from benign.models.load import Model, load

RESULT = Path(__file__).parents[1] / "results" / "audit" / "one_pass.json"
EXPERIMENT = {"model": "embedded:vlm", "records": 1000, "max_new_tokens": 18, "plain_batch": 32}
TARGET = 5.0
"""Times faster than the straightforward loop."""
WAYS = ("one_pass", "pass_per_metric", "plain_loop")


@dataclass(frozen=True)
class Judged:
    """A metric and what it needs of the model."""

    metric: Callable[[Observations], Score | NotMeasured]
    generated: bool = False
    alternatives: bool = False


METRICS: Mapping[str, Judged] = {
    "exact_match": Judged(exact_match, generated=True),
    "rouge_l": Judged(partial(rouge_l, variant="recall"), generated=True),
    "bleu": Judged(bleu, generated=True),
    "keyword_match": Judged(keyword_match, generated=True),
    "refusal_rate": Judged(refusal_rate, generated=True),
    "probability": Judged(answer_probability),
    "exact_memorisation": Judged(exact_memorisation),
    "extraction_strength": Judged(extraction_strength),
    "option_probability": Judged(option_probability, alternatives=True),
    "truth_ratio": Judged(truth_ratio, alternatives=True),
}


class Plain(Served):
    """The same model asked as a loop over the records asks it."""

    def generate(self, records: Sequence[Record], *, max_new_tokens: int, progress: object = None) -> list[str]:
        """Greedy answers, 32 at a time in the order given."""
        texts: list[str] = []
        with self._deployed():
            for part in _parts(records):
                examples = [self.model.encoder.prompt(record) for record in part]
                batch = collate(examples, side="left", pad_id=self.model.processor.pad_id)
                texts += [self.model.processor.decode(ids) for ids in generate(self.model, batch, max_new_tokens)]
        return texts

    def score(self, records: Sequence[Record], answers: Sequence[str], *, progress: object = None) -> list[Scored]:
        """Answers 32 at a time in the order given, one sequence each."""
        found: list[Scored] = []
        with self._deployed():
            for part in _parts(list(zip(records, answers, strict=True))):
                examples = [self.model.encoder.full(record, answer=answer) for record, answer in part]
                found += scored(answer_rows(self.model, collate(examples, pad_id=self.model.processor.pad_id)))
        return found


class Silent(Served):
    """Asked by a metric that reads no generated answer."""

    def generate(self, records: Sequence[Record], *, max_new_tokens: int, progress: object = None) -> list[str]:
        """Nothing."""
        return [""] * len(records)


class PlainSilent(Plain):
    """The loop of a metric that reads no generated answer."""

    generate = Silent.generate


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    size = int(EXPERIMENT["plain_batch"])
    return (items[start : start + size] for start in range(0, len(items), size))


class Unscored(Served):
    """Asked by a metric that reads no log-probability."""

    def score(self, records: Sequence[Record], answers: Sequence[str], *, progress: object = None) -> list[Scored]:
        """Nothing."""
        return [Scored(())] * len(records)


class PlainUnscored(Plain):
    """The loop of a metric that reads no log-probability."""

    score = Unscored.score


def asked(count: int) -> tuple[Ask, ...]:
    """Memory questions of all the world's people with their three wrong answers."""
    bench = SMLLMUn(10, 0)
    data = bench.evaluation()
    records = [r for r in (*data.forget, *data.retain) if r.kind == "memory"]
    if len(records) < count:
        raise SystemExit(f"the world has {len(records)} memory questions")
    # Every so many of them, so that pictures are shared as in a whole audit and all people are asked.
    kept = [records[i * len(records) // count] for i in range(count)]
    return tuple(Ask("forget", "as_is", replace(r, options=(), id=f"{i}")) for i, r in enumerate(kept))


def measured(way: str, model: Model, asks: Sequence[Ask]) -> dict[str, float]:
    """The ten scores by one way, with nothing kept from an earlier one."""
    if way == "one_pass":
        observations = _observed(Served(model), asks)
        return {name: _value(one.metric(observations)) for name, one in METRICS.items()}
    plain = [Ask(ask.split, ask.view, replace(ask.record, perturbed=())) for ask in asks]
    found = {}
    for name, one in METRICS.items():
        kinds = {"pass_per_metric": (Unscored, Silent), "plain_loop": (PlainUnscored, PlainSilent)}[way]
        system = kinds[0 if one.generated else 1](model)
        found[name] = _value(one.metric(_observed(system, asks if one.alternatives else plain)))
    return found


def _observed(system: Served, asks: Sequence[Ask]) -> Observations:
    # What is encoded is kept by the model, so each pass begins with nothing kept, as a process of its own would.
    system.model.encoder._kept.clear()
    with tempfile.TemporaryDirectory() as cache:
        return observe(system, asks, cache=Path(cache), max_new_tokens=int(EXPERIMENT["max_new_tokens"]))


def _value(score: Score | NotMeasured) -> float:
    if isinstance(score, NotMeasured):
        raise SystemExit(f"not measured: {score.reason}")
    return score.value


def compared(records: int, rounds: int, threads: int) -> dict[str, Any]:
    """All ways, and what they differ by."""
    load_before = os.getloadavg()[0]
    torch.set_num_threads(threads)
    model, asks = load(str(EXPERIMENT["model"])), asked(records)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    busy: dict[str, list[float]] = {way: [] for way in WAYS}
    scores: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        for way in WAYS:
            start, worked = time.perf_counter(), time.process_time()
            scores[way] = measured(way, model, asks)
            seconds[way].append(time.perf_counter() - start)
            busy[way].append(time.process_time() - worked)
    rows = [
        {
            "way": way,
            "seconds": round(min(seconds[way]), 3),
            "seconds_of_rounds": [round(one, 3) for one in seconds[way]],
            "core_seconds": round(min(busy[way]), 3),
            "one_pass_is_times_faster": round(min(seconds[way]) / min(seconds["one_pass"]), 2),
            "largest_difference": max(abs(scores[way][name] - scores["one_pass"][name]) for name in METRICS),
        }
        for way in WAYS
    ]
    machine = {
        "threads": threads, "torch": torch.__version__, "transformers": transformers.__version__,
        "processor": platform.machine(), "load_before": round(load_before, 2),
    }  # fmt: skip
    experiment = {**EXPERIMENT, "records": records, "metrics": list(METRICS), "rounds": rounds, "target": TARGET}
    return {"experiment": experiment, "machine": machine, "rows": rows, "scores": scores["one_pass"]}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The result for human eyes."""
    lines = [f"{'way':16} {'seconds':>8} {'core s':>8} {'one pass is':>12} {'scores differ by':>17}"]
    lines += [
        f"{row['way']:16} {row['seconds']:8.2f} {row['core_seconds']:8.2f} "
        f"{row['one_pass_is_times_faster']:11.1f}x {row['largest_difference']:17.1e}"
        for row in rows
    ]
    return "\n".join([*lines, f"target: {TARGET}x faster than the plain loop", ""])


def main() -> None:
    """Measure, print a table and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=int(EXPERIMENT["records"]))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    found = compared(options.records, options.rounds, options.threads)
    sys.stdout.write(table(found["rows"]))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
