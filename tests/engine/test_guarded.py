"""Where guards take hold: the assistant of the first layers, the embeddings by hand, the states by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benign.audit.attacks import Ground
from benign.audit.attacks.remove_adapter import RemoveAdapter
from benign.audit.observe import observe
from benign.audit.score import Score
from benign.audit.utility import _known
from benign.engine.compose import compose
from benign.engine.fitting import OriginalFitting
from benign.engine.guard import Fitted
from benign.engine.guarded import entering, guarded_rows
from benign.engine.recipe import Optim
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.eco import ECO
from benign.methods.uld import ULD
from benign.models.change import Delta, LowRank
from benign.models.embedded import world
from benign.models.load import Model, load
from benign.models.pack import packed_rows
from benign.models.prompts import Spans
from benign.models.shallow import shallow
from benign.models.vision_cache import VisionCache
from benign.parts.edits.task_arithmetic import TaskArithmetic
from benign.parts.guards import Prompt
from benign.parts.guards.corrupt_prompt import CorruptPrompt
from benign.parts.guards.logit_difference import LogitDifference
from benign.parts.guards.steering import Steering
from tests import toys

QUICK = Optim(lr=5e-2, epochs=None, steps=80)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model") / "base")))


def rows(model: Model, guard: Any, tensors: Any) -> Any:
    examples = [model.encoder.full(record) for record in toys.data().forget]
    with torch.no_grad():
        return guarded_rows(model, examples, Fitted(guard, tensors), VisionCache())


def test_the_whole_model_minus_itself_knows_nothing(model: Model) -> None:
    guard = LogitDifference(depth=2, weight=1.0, filter=0.0)
    found = rows(model, guard, {})
    assert float((found.logits - found.logits.mean(-1, keepdim=True)).abs().max()) < 1e-5


def test_the_assistant_is_the_short_model_with_its_change(model: Model) -> None:
    """Against adding the change to the weights by hand."""
    name = "model.layers.0.mlp.up_proj.weight"
    change = LowRank(torch.randn(2, 32), torch.randn(64, 2), 0.7)
    guard = LogitDifference(depth=1, weight=1.0, filter=0.0, preset="code")
    found = rows(model, guard, guard.fit(None, [Delta({name: change})]).tensors)  # type: ignore[arg-type]
    examples = [model.encoder.full(record) for record in toys.data().forget]
    weight = model.module.get_parameter(name)
    with torch.no_grad():
        own = packed_rows(model, examples).logits
        kept = weight.clone()
        weight.add_(change.dense())
        with shallow(model, 1):
            other = packed_rows(model, examples).logits
        weight.copy_(kept)
    torch.testing.assert_close(found.logits, own - other, atol=1e-4, rtol=1e-4)


def test_a_flagged_question_is_what_inputs_embeds_makes_of_it(model: Model) -> None:
    guard = CorruptPrompt(strength=2.0, select="all")
    tensors = {
        "weight": torch.zeros(64),
        "known": torch.zeros(0, dtype=torch.long),
        "bias": torch.ones(1),
        "strength": torch.tensor([2.0]),
    }
    found = rows(model, guard, {**tensors, "common": torch.tensor([0])})
    for place, record in enumerate(toys.data().forget):
        example, asked = model.encoder.full(record), model.encoder.prompt(record).inputs["input_ids"][0]
        with torch.no_grad():
            embedded = model.module.get_input_embeddings()(example.inputs["input_ids"])
            nobody = torch.zeros(len(asked), dtype=torch.bool)
            spoilt = guard.changed(
                {**tensors, "common": torch.tensor([0])}, Prompt(embedded[0, : len(asked)], asked, nobody)
            )
            embedded[0, : len(asked)] = spoilt
            logits = model.module(inputs_embeds=embedded).logits[0, :-1]
        labelled = example.labels[0, 1:] != -100
        torch.testing.assert_close(found.logits[found.owner == place], logits[labelled], atol=1e-5, rtol=1e-4)


def test_pictures_are_corrupted_after_they_took_their_places() -> None:
    model, record = load("embedded:vlm"), next(r for r in world.splits(5).forget if r.images)
    guard = CorruptPrompt(strength=1.0, dims=3)
    before = Spans.of(model.encoder.prompt(record), sorted(model.processor.picture_ids))
    tokens, shown = before.tokens[0], before.pictures[0]
    assert shown.sum() == 16 and len(tokens) > 20
    tensors = {
        "weight": torch.zeros(2 * 192),
        "known": torch.zeros(0, dtype=torch.long),
        "bias": torch.ones(1),
        "strength": torch.tensor([1.0]),
    }
    tensors["common"] = tokens[~shown].unique()
    seen: list[torch.Tensor] = []

    def read(hidden: torch.Tensor) -> torch.Tensor:
        seen.append(hidden[0].clone())
        return hidden

    example = model.encoder.full(record)
    inner = guarded_rows.__globals__["_wrapped"]
    with torch.no_grad(), entering(model, read):
        packed_rows(model, [example])
    with torch.no_grad():
        handle = model.family.layers_of(model.module)[0].register_forward_hook(lambda m, a, out: seen.append(a[0][0]))
        inner(model, [example], Fitted(guard, tensors), torch.tensor([True]), VisionCache())
        handle.remove()
    changed = seen[0] != seen[1]
    assert torch.equal(changed[: len(shown), :3].all(-1), shown)
    assert not changed[:, 3:].any() and not changed[len(shown) :].any(), "no answer token, no other entry"


def test_steering_moves_the_question_and_leaves_the_answer(model: Model) -> None:
    reader, direction = torch.randn(32) / 10, torch.randn(32)
    guard = Steering(layers=(0,), strength=2.0)
    tensors = {"0/reader": reader, "0/direction": direction}
    record = toys.data().forget[0]
    length = model.encoder.prompt(record).labels.shape[1]
    found = rows(model, guard, tensors)
    states: list[torch.Tensor] = []
    layer = model.module.model.layers[0]

    def by_hand(_: Any, __: Any, out: torch.Tensor) -> torch.Tensor:
        states.append(out)
        moved = out.clone()
        moved[:, :length] += 2.0 * (out[0, length - 1] @ reader) * direction
        return moved

    example = model.encoder.full(record)
    handle = layer.register_forward_hook(by_hand)
    with torch.no_grad():
        logits = model.module(**example.inputs).logits[0, :-1]
    handle.remove()
    torch.testing.assert_close(
        found.logits[found.owner == 0], logits[example.labels[0, 1:] != -100], atol=1e-5, rtol=1e-4
    )
    own = packed_rows(model, [model.encoder.full(r) for r in toys.data().forget])
    assert torch.equal(rows(model, replace(guard, strength=0.0), tensors).logits.argmax(-1), own.logits.argmax(-1))
    torch.testing.assert_close(
        rows(model, replace(guard, strength=0.0), tensors).logits, own.logits, atol=1e-5, rtol=1e-5
    )


def test_urging_makes_an_answer_likelier_and_the_weights_stay(model: Model) -> None:
    guard = Steering(layers=(0,))
    fitting = OriginalFitting(model, toys.data(), 0, guard)
    records = toys.data().forget
    before = {name: p.clone() for name, p in model.module.named_parameters()}
    still = fitting.urged(records, ["rome", "cat"], (0, 1), 0.0, 3)
    torch.testing.assert_close(still, fitting.states(records, (0, 1)), atol=1e-5, rtol=1e-5)
    moved = fitting.urged(records, ["rome", "cat"], (0, 1), 0.5, 3)
    assert float((moved - still).norm(dim=-1).min()) > 0.01
    assert all(torch.equal(before[name], p) and p.grad is None for name, p in model.module.named_parameters())


def test_uld_trains_the_first_layers_alone_to_opposite_goals(model: Model, tmp_path: Path) -> None:
    data = toys.data()
    method = ULD(depth=1, forget_batch=2, perturbed_batch=2, retain_batch=2, uniform_weight=1.0, optim=QUICK)
    result = unlearn(model, data, method=method, out=tmp_path)
    assert result.guarantee == "suppression" and result.adapter is None and result.guard
    losses = (tmp_path / "log.jsonl").read_text().splitlines()
    assert len(losses) == 80
    made = Fitted(method.recipe().stages[1].guard, {})  # type: ignore[union-attr]
    served = load_served(model, result)
    assert served.guard is not None and served.guard.guard == made.guard
    names = {name.rpartition("/")[0] for name in served.guard.tensors}
    assert names and all("layers.0." in name for name in names)
    with shallow(model, 1):
        knows, kept = (scored(model, served, split) for split in (data.forget, data.few))
    blank = -math.log(model.module.config.vocab_size)
    # The toy's frozen head is so small that no answer gets far above chance.
    assert knows > blank + 0.3 and kept == pytest.approx(blank, abs=0.15)


def load_served(model: Model, result: Any) -> Served:
    from benign.audit.run import candidates

    return candidates(model, [result])[0].system


def scored(model: Model, served: Served, records: Any) -> float:
    """The assistant's mean log-probability of an answer's first token."""
    guard: Any = served.guard
    delta = guard.guard.assistant(guard.tensors)
    found = Served(model, (delta,)).score(records, [record.gold for record in records])
    return sum(one.logp[0] for one in found) / len(found)


def test_switched_off_a_filter_is_the_original(model: Model, tmp_path: Path) -> None:
    data = toys.data()
    served = load_served(model, unlearn(model, data, method=ECO(strength=5.0), out=tmp_path / "run"))

    def ask(system: Any, asks: Any) -> Any:
        return observe(system, asks, cache=tmp_path / "seen")

    ground = Ground(served, Served(model), data, ask, lambda *_: None)
    found = RemoveAdapter()(ground)
    assert isinstance(found.score, Score) and [o.view for o in found.evidence]
    assert Served(model, served.deltas).digest == Served(model).digest


def test_what_takes_no_filter_says_so(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="yields a guard"):
        compose(ECO(), edit=TaskArithmetic((1.0,)))
    tasks: Any = None
    with pytest.raises(UserError, match="weights alone"):
        _known(tmp_path, Served(model, guard=Fitted(Steering(), {})), tasks, shown=False)
