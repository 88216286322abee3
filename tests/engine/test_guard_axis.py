"""A guard before the weights that another method changed: fitted on them, acting on them, saved with them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import benign
from benign.audit.deployed import filtered
from benign.audit.observe import observe
from benign.audit.plan import Ask, plan
from benign.audit.run import candidates
from benign.cli.settings import changed
from benign.data.record import Data, Record
from benign.engine.fitting import OriginalFitting
from benign.engine.guard import Fitted
from benign.engine.guarded import guarded_rows
from benign.engine.recipe import Guarded, Optim, Recipe
from benign.engine.serve import Served, stacked
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.eco import ECO
from benign.methods.npo import NPO
from benign.methods.retrain import Retrain
from benign.methods.ssd import SSD
from benign.methods.uld import ULD
from benign.methods.unierase import UniErase
from benign.models.delta import load_delta
from benign.models.embedded import world
from benign.models.load import Model, load
from benign.models.pack import packed_rows
from benign.models.vision_cache import VisionCache, cache_of
from benign.parts.edits.task_arithmetic import TaskArithmetic
from benign.parts.guards.corrupt_prompt import CorruptPrompt
from benign.parts.guards.logit_difference import LogitDifference
from benign.parts.guards.steering import Steering
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from tests import toys

NAMED = NPO(optim=Optim(lr=5e-2, epochs=None, steps=6), locus=Lora(dropout=0.0))
SEEN = NPO(optim=Optim(lr=3e-3, epochs=None, steps=2), locus=AllWeights(), forget_batch=4, retain_batch=2)
CORRUPT, STEER = CorruptPrompt(strength=5.0, dims=8), Steering(layers=(0,), strength=3.0, ridge=1e-6, budget=2.0)
both = pytest.mark.parametrize("guard", [CORRUPT, STEER], ids=["corrupt", "steer"])
TOKEN = UniErase(
    layers=(0, 1), at="last", refusals=("i do not know .",), token_optim=Optim(lr=0.05, epochs=None, steps=3),
    value_steps=2, threshold=1e-9,
)  # fmt: skip


def people() -> Data:
    """A few people with pictures."""
    known = world.splits(5)
    kept = [record for record in known.few if record.kind == "memory"]
    return Data(
        forget=tuple(r for r in known.forget if r.kind == "memory")[:4], retain=tuple(kept[:6]), few=tuple(kept[:3])
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toys.text_model(tmp_path_factory.mktemp("model") / "base"))


def told(model: Model, records: tuple[Record, ...], guard: Fitted | None = None) -> torch.Tensor:
    """The logits of the model as its weights are now."""
    examples = [model.encoder.full(record) for record in records]
    with torch.no_grad():
        if guard is None:
            return packed_rows(model, examples, vision=cache_of(model)).logits
        return guarded_rows(model, examples, guard, cache_of(model)).logits


def by_hand(model: Model, folder: Path, data: Data, guard: Any) -> tuple[Model, Fitted]:
    """The guard fitted on a model of its own, whose weights were changed for good; it never had the original's."""
    delta = load_delta(folder / "adapter", model)
    with torch.no_grad():
        for name in delta.tensors:
            weight = model.module.get_parameter(name)
            weight += delta.dense(name)
    return model, Fitted(guard, guard.fit(OriginalFitting(model, data, 0, guard, VisionCache()), []).tensors)


@both
@pytest.mark.parametrize("where", ["words", "pictures"])
def test_it_is_fitted_on_the_changed_weights_and_acts_on_top_of_them(
    where: str, guard: Any, base: str, tmp_path: Path
) -> None:
    source, data, method = (base, toys.data(), NAMED) if where == "words" else ("embedded:vlm", people(), SEEN)
    result = unlearn(source, data, method=benign.compose(method, guard=guard), out=tmp_path / "run")
    assert result.adapter and result.guard and result.guarantee == "suppression"
    assert result.facts["guard"]
    model = load(source)
    original = told(model, data.forget)
    served = candidates(model, [result])[0].system
    assert isinstance(served, Served) and served.guard
    with stacked(model, served.deltas):
        deployed, edited = told(model, data.forget, served.guard), told(model, data.forget)
    assert torch.equal(told(model, data.forget), original), "nothing is left behind"

    fresh, wanted = by_hand(load(source), result.folder, data, guard)
    assert wanted.digest == served.guard.digest
    torch.testing.assert_close(deployed, told(fresh, data.forget, wanted), atol=1e-5, rtol=1e-5)
    on_original = Fitted(guard, guard.fit(OriginalFitting(model, data, 0, guard), []).tensors)
    assert on_original.digest != wanted.digest, "the weights make a difference to the guard"
    distances = [(deployed - other).abs().max() for other in (edited, original, told(model, data.forget, on_original))]
    assert min(distances) > 1e-2, "not the edited model, not the original, not the guard before the original"


def test_what_it_does_not_fire_on_is_the_edited_models_bit_for_bit(base: str, tmp_path: Path) -> None:
    data = toys.data()
    plain = unlearn(base, data, method=NAMED, out=tmp_path / "plain")
    result = unlearn(base, data, method=benign.compose(NAMED, guard=CORRUPT), out=tmp_path / "run")
    model = load(base)
    # The plain run's own files: beside the guard lies the same change.
    edited = Served(model, (load_delta(plain.folder / "adapter", model),))
    served = candidates(model, [result])[0].system
    records = (*data.forget, *data.retain)
    on = served.fired(records)  # type: ignore[attr-defined]
    assert any(on) and not all(on)
    with stacked(model, edited.deltas):
        guarded, bare = (told(model, records, guard) for guard in (served.guard, None))  # type: ignore[attr-defined]
        owner = packed_rows(model, [model.encoder.full(r) for r in records]).owner
    fires = torch.tensor(on)[owner]
    assert torch.equal(guarded[~fires], bare[~fires])
    assert not torch.isclose(guarded[fires], bare[fires]).all(-1).any()
    original = told(model, records)
    assert not torch.isclose(bare[~fires], original[~fires]).all(-1).any(), "and that is not the original"
    assert [a for a, hit in zip(served.generate(records, max_new_tokens=3), on, strict=True) if not hit] == [
        a for a, hit in zip(edited.generate(records, max_new_tokens=3), on, strict=True) if not hit
    ]


def test_it_is_saved_and_found_again_with_its_weights_and_with_no_others(base: str, tmp_path: Path) -> None:
    data, method = toys.data(), benign.compose(NAMED, guard=CORRUPT, edit=TaskArithmetic((0.5,)))
    result = unlearn(base, data, method=method, out=tmp_path / "run")
    assert unlearn(base, data, method=method, out=tmp_path / "run") == result, "finished, and found again"
    again = unlearn(base, data, method=method, out=tmp_path / "again")
    for name in ("guard/guard.safetensors", "guard/guard.json", "adapter/adapter_model.safetensors"):
        files = [folder / name for folder in (result.folder, again.folder)]
        if files[0].exists():
            assert files[0].read_bytes() == files[1].read_bytes()
    one, two = (candidates(load(base), [run])[0].system for run in (result, again))
    assert one.digest == two.digest != Served(one.model, one.deltas).digest  # type: ignore[attr-defined]
    shutil.rmtree(again.folder / "adapter")
    with pytest.raises(UserError, match="fitted on another change"):
        candidates(load(base), [again])
    other = unlearn(base, data, method=NAMED, out=tmp_path / "other")
    shutil.copytree(other.folder / "adapter", again.folder / "adapter")
    with pytest.raises(UserError, match="fitted on another change"):
        candidates(load(base), [again])


def test_the_audit_tells_the_filter_from_the_changed_weights(base: str, tmp_path: Path) -> None:
    data, model = toys.data(), load(base)
    served = candidates(model, [unlearn(base, data, method=benign.compose(NAMED, guard=CORRUPT), out=tmp_path)])[
        0
    ].system

    def ask(system: Any, asks: Any) -> Any:
        return observe(system, asks, cache=tmp_path / "seen")

    asks: tuple[Ask, ...] = plan(data)
    assert isinstance(served, Served)
    said = filtered(served, Served(model), asks, ask)
    assert "a filter stands before changed weights" in said[0] and "fires on 1.00 of the forgotten" in said[1]


@pytest.mark.parametrize("method", [SSD(alpha=1.5), TOKEN], ids=["dampening", "token"])
def test_edits_and_new_tokens_take_one_too(method: Any, base: str, tmp_path: Path) -> None:
    data = replace(toys.data(), few=toys.records(("bob",)))
    result = unlearn(base, data, method=benign.compose(method, guard=CORRUPT), out=tmp_path)
    served = candidates(load(base), [result])[0].system
    assert isinstance(served, Served) and served.guard and len(served.deltas) == 1
    assert served.fired(data.forget) == [True, True]
    with_, without = (
        [one.logp for one in Served(served.model, served.deltas, guard=guard).score(data.forget, ["rome", "cat"])]
        for guard in (served.guard, None)
    )
    assert with_ != without


@pytest.mark.parametrize(
    ("method", "guard", "said"),
    [
        (ECO(), CORRUPT, "has a guard already"),
        (ULD(), STEER, "has a guard already"),
        (NPO(), LogitDifference(), "LogitDifference needs an assistant"),
        (Retrain(base="embedded:lm"), CORRUPT, "yields a whole model"),
    ],
)
def test_what_takes_none_says_why(method: Any, guard: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        benign.compose(method, guard=guard)


def test_every_method_takes_one_or_is_a_filter_or_retrains() -> None:
    refused = set()
    for entry in benign.methods.describe():
        made = benign.methods.find(entry.name)
        try:
            method = made(base="embedded:lm") if entry.name in ("retrain", "model_tailor") else made()
            plain = method.recipe()
        except (TypeError, UserError):
            continue
        try:
            recipe = benign.compose(method, guard=CORRUPT).recipe()
        except UserError:
            refused.add(entry.name)
            continue
        added = Guarded("guard", CORRUPT, before=plain.stages[-1].name)
        assert recipe == Recipe((*plain.stages, added), guarantee="suppression")
    assert refused == {"eco", "mllm_eraser", "uld", "retrain"}


def test_words_of_the_command_line_name_it() -> None:
    made = changed(NPO(), ["guard=corrupt_prompt", "guard.strength=2", "beta=0.2"])
    assert made == benign.compose(NPO(beta=0.2), guard=CorruptPrompt(strength=2.0))
    assert changed(NPO(), ["guard=steering", "guard.layers=(0.5,)"]).guard == Steering(layers=(0.5,))
    with pytest.raises(UserError, match="LogitDifference needs an assistant"):
        changed(NPO(), ["guard=logit_difference"]).recipe()
    with pytest.raises(UserError, match="corrupt_prompt"):
        changed(NPO(), ["guard=corupt_prompt"])


def test_a_watch_has_nothing_to_look_at(base: str, tmp_path: Path) -> None:
    watch: Any = object()
    with pytest.raises(UserError, match="does not end in training"):
        unlearn(base, toys.data(), method=benign.compose(NAMED, guard=CORRUPT), out=tmp_path, watch=watch)
