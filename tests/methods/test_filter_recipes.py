"""ULD, ECO and MLLMEraser as their papers write them, on models so small that everything can be had by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benign.audit.run import candidates
from benign.data.answers import Answers
from benign.data.record import Data, Record
from benign.engine.fitting import OriginalFitting
from benign.engine.guard import Fitted
from benign.engine.guarded import generating, guarded_rows
from benign.engine.recipe import Optim, Train
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.eco import ECO
from benign.methods.mllm_eraser import MLLMEraser
from benign.methods.uld import ULD
from benign.models.change import Delta
from benign.models.collate import collate
from benign.models.embedded import world
from benign.models.forward import answer_rows
from benign.models.load import Model, load
from benign.models.pack import packed_rows
from benign.models.shallow import shallow
from benign.models.vision_cache import VisionCache, cache_of
from benign.parts.guards.corrupt_prompt import CorruptPrompt
from benign.parts.guards.logit_difference import LogitDifference
from benign.parts.guards.steering import Steering
from benign.parts.loci.all_weights import AllWeights
from tests import toys

SHORT = Optim(lr=1e-2, epochs=None, steps=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model") / "base")))


def answers(rows: int, seed: int) -> Answers:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, 7, generator=generator, dtype=torch.float64)
    return Answers(logits, torch.randint(7, (rows,), generator=generator), torch.arange(rows), rows)


def stage(method: ULD) -> Train:
    made = method.recipe().stages[0]
    assert isinstance(made, Train)
    return made


@pytest.mark.parametrize(("wrong", "kept"), [(32, 32), (2, 6), (0, 5)])
def test_ulds_loss_has_one_mean_over_wrong_answers_and_retained_records(wrong: int, kept: int) -> None:
    """CE(forget) + beta KL(uniform | p) over both together, whatever the shares of the step."""
    terms = stage(ULD(perturbed_batch=wrong, retain_batch=kept, uniform_weight=3.0)).terms
    given = {"forget": answers(4, 0), "perturbed": answers(wrong, 1), "retain": answers(kept, 2)}
    found = sum(float(term.weight * term.objective(given[term.name])) for term in terms)
    blank = torch.cat([given[name].log_probabilities for name in ("perturbed", "retain")])
    wanted = -given["forget"].logp.mean() + 3.0 * (torch.tensor(1 / 7).double().log() - blank.mean(-1)).mean()
    assert found == pytest.approx(float(wanted))
    assert [term.batch for term in terms] == [32, *([wrong] if wrong else []), kept]
    with pytest.raises(UserError, match="no step has -1 records"):
        ULD(perturbed_batch=-1).recipe()


def rows(model: Model, records: tuple[Record, ...], fitted: Fitted | None = None) -> Answers:
    examples = [model.encoder.full(record) for record in records]
    with torch.no_grad():
        if fitted is None:
            return packed_rows(model, examples, vision=cache_of(model))
        return guarded_rows(model, examples, fitted, cache_of(model))


def people() -> Data:
    known = world.splits(5)
    kept = [record for record in known.few if record.kind == "memory"]
    return Data(tuple(r for r in known.forget if r.kind == "memory")[:2], tuple(kept[:3]))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("", ("model.norm.weight", "model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight")),
        ("embedded:vlm", ("model.vision_tower.encoder.layers.0.mlp.fc1.bias", "model.language_model.norm.weight")),
    ],
)
def test_an_assistant_may_differ_in_any_weight(source: str, names: tuple[str, ...], model: Model) -> None:
    model = load(source) if source else model
    records = people().forget if source else toys.data().forget
    generator = torch.Generator().manual_seed(0)
    own = {name: parameter.detach().clone() for name, parameter in model.module.named_parameters()}
    change = {name: 0.3 * torch.randn(own[name].shape, generator=generator) for name in names}
    guard = LogitDifference(depth=1, weight=1.0, filter=0.0, preset="code")
    plain = rows(model, records).logits
    found = rows(model, records, Fitted(guard, guard.fit(None, [Delta(change)]).tensors))  # type: ignore[arg-type]
    assert all(torch.equal(parameter, own[name]) for name, parameter in model.module.named_parameters())
    with torch.no_grad():
        for name in names:
            model.module.get_parameter(name).add_(change[name])
        with shallow(model, 1):
            other = rows(model, records).logits
        for name in names:
            model.module.get_parameter(name).copy_(own[name])
    torch.testing.assert_close(found.logits, plain - other, atol=1e-4, rtol=1e-4)
    with torch.no_grad(), shallow(model, 1):
        assert float((rows(model, records).logits - other).abs().max()) > 0.01, "the change is seen"


def test_uld_trains_any_locus_and_its_answers_are_those_of_its_scores(model: Model, tmp_path: Path) -> None:
    method = ULD(depth=1, forget_batch=2, perturbed_batch=2, retain_batch=2, optim=SHORT, locus=AllWeights())
    served = candidates(model, [unlearn(model, toys.data(), method=method, out=tmp_path)])[0].system
    assert isinstance(served, Served) and served.guard
    assert "model.norm.weight/whole" in served.guard.tensors
    said = served.generate(toys.data().forget, max_new_tokens=1)
    known = rows(
        model, tuple(replace(r, answer=a) for r, a in zip(toys.data().forget, said, strict=True)), served.guard
    )
    first = [int((known.owner == place).nonzero()[0]) for place in range(len(said))]
    assert known.logits[first].argmax(-1).tolist() == known.labels[first].tolist()


@pytest.mark.parametrize("preset", ["paper", "code"])
def test_without_weight_an_assistant_changes_no_bit(preset: Any, model: Model) -> None:
    guard = LogitDifference(depth=1, weight=0.0, preset=preset)
    fitted = Fitted(guard, {"model.layers.0.mlp.up_proj.weight/whole": torch.ones(64, 32)})
    assert torch.equal(rows(model, toys.data().forget, fitted).logits, rows(model, toys.data().forget).logits)


def test_without_strength_steering_changes_no_bit_of_a_pass(model: Model) -> None:
    guard = Steering(layers=(0, 1), strength=(0.0, 0.0), steps=1, ridge=1e-3)
    records = (*toys.data().forget, *toys.data().few)
    prompts = [model.encoder.prompt(record) for record in records]
    fit = guard.fit(OriginalFitting(model, toys.data(), 0, guard), [])
    batch = collate([model.encoder.full(record) for record in records], pad_id=model.processor.pad_id)
    moved = replace(guard, strength=(0.0, 1.0))
    with torch.no_grad():
        plain = answer_rows(model, batch).logits
        held, other = (
            answer_rows(model, batch, around=generating(model, prompts, batch, Fitted(g, fit.tensors), VisionCache()))
            for g in (guard, moved)
        )
    assert torch.equal(held.logits, plain) and not torch.equal(other.logits, plain)


@pytest.mark.parametrize("where", ["words", "pictures"])
def test_mllm_eraser_moves_forgotten_states_by_the_direction_and_retained_ones_not_at_all(
    where: str, model: Model
) -> None:
    """Fitted on a model, in float32, as it is deployed; the ridge next to nothing, so that all forgotten are met."""
    model, data = (model, toys.data()) if where == "words" else (load("embedded:vlm"), people())
    guard: Any = MLLMEraser(layers=(0, -1), strength=2.0, ridge=1e-9, steps=2).recipe().stages[0].guard  # type: ignore[union-attr]
    fitting = OriginalFitting(model, data, 0, guard)
    fit = guard.fit(fitting, [])
    for place, layer in enumerate(guard.layers):
        forgotten, retained = (fitting.states(rs, guard.layers)[:, place] for rs in (data.forget, data.retain))
        wanted = (2.0 * fit.tensors[f"{layer}/direction"]).expand(len(forgotten), -1)
        torch.testing.assert_close(guard.shift(fit.tensors, layer, forgotten), wanted, atol=1e-3, rtol=1e-3)
        assert float(guard.shift(fit.tensors, layer, retained).abs().max()) < 1e-5 < float(wanted.abs().max())


def test_a_penalty_that_shuts_the_gate_is_told(model: Model) -> None:
    """The toy's states are a hundredth as long as a language model's."""
    with pytest.raises(UserError, match=r"no forgotten question would be moved.*lower it"):
        Steering(layers=(0,), steps=1).fit(OriginalFitting(model, toys.data(), 0, Steering()), [])


def fitted(model: Model, guard: CorruptPrompt, data: Data) -> tuple[Fitted, Any]:
    fit = guard.fit(OriginalFitting(model, data, 0, guard), [])
    return Fitted(guard, fit.tensors), fit.facts


def test_eco_searches_for_one_forgotten_record_where_the_goal_is_told(model: Model) -> None:
    """Nothing is there to borrow a wrong answer from, and none is asked for."""
    alone = replace(toys.data(), forget=toys.data().forget[:1])
    goal = 0.9 * OriginalFitting(model, alone, 0, CorruptPrompt()).likelihood(None, alone.forget, ["rome"])[0]
    facts = fitted(model, CorruptPrompt(dims=32, goal=goal), alone)[1]
    assert facts["strength"]["goal"] == goal
    with pytest.raises(UserError, match="give goal a number"):
        fitted(model, CorruptPrompt(), alone)


def test_ecos_classifier_may_look_at_words_alone(model: Model) -> None:
    data = toys.data()
    guard, _ = fitted(model, CorruptPrompt(watches=(), rare=0.2, strength=5.0, dims=8), data)
    served = Served(model, guard=guard)
    assert served.fired((*data.forget, *data.retain)) == [True] * 2 + [False] * len(data.retain)
    with pytest.raises(UserError, match="no forgotten question has a rare word"):
        fitted(model, CorruptPrompt(watches=(), rare=0.0), data)
    assert ECO(watches=()).recipe().stages[0].guard.watches == ()  # type: ignore[union-attr]
