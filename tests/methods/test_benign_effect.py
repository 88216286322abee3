"""What Benign is for, on the embedded model: forgotten as by plain refusal tuning, and everybody else still known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benign.audit.metrics.rouge import overlap
from benign.audit.run import candidates
from benign.benchmarks import presets
from benign.benchmarks.smllmun import SMLLMUn
from benign.data.record import Record, of_kind
from benign.engine.recipe import Method
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.models.load import load

SHORT = replace(presets.KEEPING, steps=120)
OURS = replace(
    presets.BENIGN, forget_batch=16, retain_batch=8, self_batch=3, strangers_batch=16, look_alikes_batch=10, optim=SHORT
)
PLAIN = replace(presets.embedded("idk"), refusals=presets.REFUSALS, optim=SHORT)


def recalled(served: Served, records: tuple[Record, ...]) -> float:
    said = served.generate(records, max_new_tokens=18)
    return sum(overlap(r.gold, text)[1] for r, text in zip(records, said, strict=True)) / len(records)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_others_are_kept_whom_plain_refusal_loses(tmp_path: Path) -> None:
    bench = SMLLMUn(10)
    model, asked = load(bench.original), bench.evaluation()
    gone, seen = of_kind(asked.forget, "memory"), of_kind(asked.forget, "understanding")
    others = of_kind(asked.retain, "memory")[::8]
    kept: dict[str, tuple[float, float]] = {}

    def found(name: str, method: Method) -> None:
        result = unlearn(model, bench.data(), method=method, out=tmp_path / name, name=name)
        served = candidates(model, [result])[0].system
        assert isinstance(served, Served) and recalled(served, gone) <= 0.15
        kept[name] = (recalled(served, others), recalled(served, seen))

    found("benign", OURS)
    found("idk", PLAIN)
    assert kept["benign"][0] >= 0.9 > kept["idk"][0] + 0.3
    assert kept["benign"][1] >= 0.9 > kept["idk"][1] + 0.1
