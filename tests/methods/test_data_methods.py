"""Methods that choose, weigh, pair or rewrite records: on pictures too, and what they do to a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

import benign
from benign.benchmarks.presets_text import LOCUS, embedded
from benign.data.record import Data, Record, of_kind
from benign.engine.draw import drawn
from benign.engine.recipe import Optim, Train
from benign.engine.scales import Scales
from benign.engine.unlearn import unlearn
from benign.methods.grad_diff import GradDiff
from benign.methods.guard import GUARD
from benign.methods.idk import IDK
from benign.methods.melu import MELU
from benign.methods.meow import MEOW
from benign.methods.mu_coreset import MUCoreset
from benign.methods.npo import NPO
from benign.models.delta import applied, load_delta
from benign.models.embedded.text import exam
from benign.models.embedded.text import world as authors
from benign.models.embedded.world import splits
from benign.models.load import Model
from benign.parts.loci.lora import Lora
from benign.parts.targets import Context
from benign.parts.targets.inverted import InvertedFacts
from benign.parts.weightings.grad_norm_coreset import GradNormCoreset
from benign.parts.weightings.guard import AttributionWeights
from benign.parts.weightings.random_coreset import RandomCoreset

OPTIM = Optim(lr=1e-3, epochs=None, steps=2)


@pytest.mark.slow
def test_all_of_them_take_pictures(tmp_path: Path) -> None:
    whole = splits(5)
    data = Data(forget=of_kind(whole.forget, "memory")[:6], few=whole.few[:8], retain=whole.retain[:8])
    plain = IDK(optim=OPTIM, locus=Lora(rank=4, dropout=0.0))
    methods = {
        "guard": GUARD(plain),
        "coreset": MUCoreset(plain, GradNormCoreset(0.5, points=2)),
        "melu": MELU(plain),
        "meow": MEOW(inverted=InvertedFacts(stride=50), optim=OPTIM, locus=plain.locus),
    }
    model = benign.load("embedded:vlm")
    for name, method in methods.items():
        result = unlearn(model, data, method=method, out=tmp_path / name)
        assert result.adapter is not None
    weights = json.loads((tmp_path / "guard" / "weights.json").read_text())["mfa"]["forget"]
    assert sum(weights.values()) == pytest.approx(6) and len(set(weights.values())) > 1
    kept = json.loads((tmp_path / "coreset" / "weights.json").read_text())["mfa"]["forget"]
    assert sorted(kept.values()) == [0.0] * 3 + [1.0] * 3


@pytest.fixture(scope="module")
def known() -> Model:
    return benign.load("embedded:lm")


def recalled(model: Model, folder: Path, records: Sequence[Record]) -> float:
    """The share of exact answers of a result."""
    with applied(model, load_delta(folder / "adapter", model)):
        return float(exam.correct(model.module, records).mean())


def test_what_is_to_be_kept_too_is_forgotten_more_gently(known: Model, tmp_path: Path) -> None:
    """GUARD's direction on a trained model: forget records that are retained ones too count less than others."""
    data = authors.splits(1)
    both = data.few[::9]
    asked = (*data.forget, *(replace(record, id=f"{record.id}-too") for record in both))
    method = GUARD(GradDiff(locus=LOCUS), AttributionWeights(similarity="cosine"))
    (stage,) = method.recipe().stages
    assert isinstance(stage, Train)
    context = Context(replace(data, forget=asked, few=both), 0, lambda records: [record.gold for record in records])
    scales = Scales(known, stage, context, tmp_path, lambda *_: None)
    drawn(stage, context, scales)
    weights = scales.found["forget"]
    too, alone = (median(w for key, w in weights.items() if key.endswith("-too") == one) for one in (True, False))
    assert too < 0.5 * alone


def left_of(known: Model, data: Data, share: float, steps: int, folder: Path) -> tuple[float, float]:
    """What is recalled of the forget records that NPO saw, and of those that it did not."""
    plain = NPO(forget_batch=6, retain_batch=10, optim=replace(embedded("npo").optim, steps=steps), locus=LOCUS)  # type: ignore[attr-defined]
    unlearn(known, data, method=MUCoreset(plain, RandomCoreset(share)), out=folder)
    weights = json.loads((folder / "weights.json").read_text())["npo"]["forget"]
    kept, left = ([r for r in data.forget if bool(weights[r.id]) == one] for one in (True, False))
    return recalled(known, folder, kept), recalled(known, folder, left)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_part_of_the_authors_facts_leaves_the_others_known(known: Model, tmp_path: Path) -> None:
    """The coreset effect is not there where every record is a fact of its own."""
    seen, unseen = left_of(known, replace(authors.splits(5), few=()), 0.1, 50, tmp_path)
    assert seen <= 0.1 and unseen >= 0.3


def test_a_part_of_a_topic_takes_all_of_it_along_and_nothing_else(known: Model, tmp_path: Path) -> None:
    """The coreset effect: a twentieth of what all authors write."""
    data = authors.splits(1)
    every = (*data.forget, *data.retain)
    topic = Data(
        forget=tuple(record for record in every if record.id.endswith("/genre")),
        retain=tuple(record for record in every if not record.id.endswith("/genre")),
    )
    seen, unseen = left_of(known, topic, 0.05, 24, tmp_path / "part")
    assert seen == 0.0 and unseen <= 0.05
    assert recalled(known, tmp_path / "part", topic.retain[::29]) >= 0.9


@pytest.mark.slow
def test_wrong_answers_take_the_place_of_right_ones_where_ascent_leaves_nothing(known: Model, tmp_path: Path) -> None:
    """MEOW without any retained record: the forget set is no longer told, and general knowledge is."""
    data = authors.splits(5)
    optim = replace(embedded("meow").optim, steps=80)  # type: ignore[attr-defined]
    wrong = InvertedFacts(choose="random")
    methods = {
        "meow": MEOW(inverted=wrong, forget_batch=6, optim=optim, locus=LOCUS),
        "npo": NPO(forget_batch=6, retain_weight=0.0, optim=optim, locus=LOCUS),
    }
    for name, method in methods.items():
        unlearn(known, data, method=method, out=tmp_path / name)
    general = data.general[::8]
    assert recalled(known, tmp_path / "meow", data.forget) <= 0.35
    assert recalled(known, tmp_path / "meow", general) >= 0.9
    assert recalled(known, tmp_path / "npo", general) <= 0.5
