"""UniErase: a token is learned and nothing else moves; the edit brings it before forget answers and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from benign.audit.metrics.rouge import overlap
from benign.benchmarks import presets_text
from benign.data.record import Data, Record
from benign.engine.measure import measured
from benign.engine.recipe import LearnToken, Measure, Optim, Rewrite
from benign.engine.rewrite import _Asked, _goals, _states, erased
from benign.engine.serve import Served
from benign.engine.token import learned_token, refusing
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.unierase import UniErase
from benign.models.change import Delta
from benign.models.collate import IGNORED, collate
from benign.models.delta import applied, load_delta
from benign.models.embedded.text import world
from benign.models.forward import answer_rows
from benign.models.load import Model, load
from benign.parts.targets import Context
from tests import toys

REFUSAL = ("I do not know.",)
TARGET = 7
"""A token like any other."""
LEARN = Optim(lr=5e-2, epochs=None, steps=25, schedule="constant")
METHOD = UniErase(
    layers=(0, 1), at="last", refusals=REFUSAL, token_optim=LEARN, value_steps=40, value_lr=0.5, clamp=50.0,
    threshold=1e-9, ridge=1e-6,
)  # fmt: skip


def named(records: tuple[Record, ...]) -> tuple[Record, ...]:
    """The records with the span of the name in the question."""
    found = []
    for record in records:
        start = record.question.index(record.subject)
        found.append(replace(record, spans=(("question", start, start + len(record.subject)),)))
    return tuple(found)


def data() -> Data:
    """One is kept: the toy model has few directions, and protecting more would leave none free."""
    return Data(forget=named(toys.records(("ann", "bob"))), few=named(toys.records(("cy",))))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    found = load(str(toys.text_model(tmp_path_factory.mktemp("model"))))
    with torch.no_grad():
        for name, parameter in found.module.named_parameters():
            # As they are drawn, the layers hardly move anything.
            parameter.mul_(1.0 if "norm" in name else 10.0)
    return found


def context() -> Context:
    return Context(data(), 0, lambda records: [r.gold for r in records])


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def token_of(model: Model, **settings: object) -> Delta:
    stage = LearnToken("token", "<unlearn_0>", REFUSAL, optim=LEARN, **settings)  # type: ignore[arg-type]
    return learned_token(model, stage, context(), quiet)


@pytest.fixture(scope="module")
def drawn(model: Model) -> Delta:
    """A token whose row of the head is nothing special: it is said only where the edit says so."""
    return token_of(model, head="drawn")


def next_token(model: Model, records: tuple[Record, ...]) -> list[int]:
    """What the model says first."""
    found = []
    for record in records:
        inputs = model.encoder.prompt(record).inputs
        with torch.no_grad():
            found.append(int(model.module(**inputs).logits[0, -1].argmax()))
    return found


def refused(model: Model, token: Delta) -> float:
    """The mean log-probability per token of a refusal after the questions and the token."""
    ((_, spoken),) = token.tokens.items()
    with applied(model, token), torch.no_grad():
        rows = [refusing(model, r, spoken.id, REFUSAL[0]) for r in data().forget]
        return float(answer_rows(model, collate(rows, pad_id=model.processor.pad_id)).logp.mean())


def test_the_token_means_refuse_and_only_its_rows_were_learned(model: Model, drawn: Delta) -> None:
    before = {name: p.detach().clone() for name, p in model.module.named_parameters()}
    found = token_of(model)
    assert not found.tensors and list(found.tokens) == ["<unlearn_0>"]
    assert all(torch.equal(p.detach(), before[name]) for name, p in model.module.named_parameters())
    untrained = learned_token(
        model, LearnToken("token", "<unlearn_0>", REFUSAL, optim=replace(LEARN, lr=0.0)), context(), quiet
    )
    assert refused(model, found) > refused(model, untrained) + 0.5
    start, rows = drawn.tokens["<unlearn_0>"].head, before["model.embed_tokens.weight"]
    assert 0.5 < float(start.std() / rows.std()) < 2.0
    assert not torch.allclose(drawn.tokens["<unlearn_0>"].embedding, start, atol=1e-3)
    assert not torch.allclose(found.tokens["<unlearn_0>"].head, start, atol=1e-3)
    assert token_of(model, head="drawn").digest == drawn.digest
    noisy = token_of(model, noise=0.5, layers=(0, 1))
    assert noisy.digest != found.digest and refused(model, noisy) > refused(model, untrained)


def test_the_first_step_is_that_of_the_optimizer_that_was_asked_for(model: Model) -> None:
    """AdamW's is its rate in every entry, plain descent's is the gradient."""
    ways = {
        name: LearnToken("token", "<unlearn_0>", REFUSAL, optim=Optim(lr, None, 1, "constant", optimizer=name))  # type: ignore[arg-type]
        for name, lr in (("adamw", 1e-3), ("sgd", 1.0))
    }
    still = replace(ways["sgd"], optim=replace(ways["sgd"].optim, lr=0.0))
    rows = [learned_token(model, s, context(), quiet).tokens["<unlearn_0>"].embedding for s in (*ways.values(), still)]
    adam, plain = ((row - rows[2]).abs() for row in rows[:2])
    torch.testing.assert_close(adam, torch.full_like(adam, 1e-3), rtol=0.05, atol=0)
    assert float(plain.max()) > 3 * float(plain.median()) > 0


def test_the_learned_sequence_is_labelled_behind_the_first_token(model: Model) -> None:
    record = data().forget[0]
    found = refusing(model, record, 77, REFUSAL[0])
    prompt = model.encoder.prompt(record).inputs["input_ids"][0].tolist()
    said = model.processor.tokens(REFUSAL[0])
    end = model.processor.tokenizer.eos_token_id
    assert found.inputs["input_ids"][0].tolist() == [*prompt, 77, *said, 77, end]
    assert found.labels[0].tolist() == [IGNORED] * (len(prompt) + 1) + [*said, 77, end]
    open_end = refusing(model, record, 77, REFUSAL[0], closing=False)
    assert open_end.labels[0].tolist() == [IGNORED] * (len(prompt) + 1) + [*said, end]


def test_where_both_tables_are_one_a_row_left_as_drawn_is_not_said_behind_answers() -> None:
    """The token that closes a refusal stands where any answer ends, and the one row would be learned for that."""
    lm, whole = load("embedded:lm"), world.splits(1)
    few = Context(Data(forget=whole.forget), 0, lambda records: [r.gold for r in records])
    behind = {}
    for head in ("trained", "drawn"):
        stage = LearnToken("token", "<unlearn_0>", REFUSAL, 10, Optim(3e-2, None, 12, "constant"), head, layers=(2, 3))  # type: ignore[arg-type]
        token = learned_token(lm, stage, few, quiet)
        with applied(lm, token), torch.no_grad():
            found = [answer_rows(lm, lm.encoder.full(record)).logits[-1].argmax() for record in whole.retain[::97]]
        behind[head] = [int(said) == token.tokens["<unlearn_0>"].id for said in found]
    assert not any(behind["drawn"]) and all(behind["trained"])


def keys(model: Model, records: tuple[Record, ...], layer: int) -> Tensor:
    """[in, n] what down_proj reads at every token of the records with their answers."""
    seen: list[Tensor] = []
    module = model.module.get_submodule(f"model.layers.{layer}.mlp.down_proj")
    handle = module.register_forward_pre_hook(lambda _, args: seen.append(args[0][0].detach()))
    with torch.no_grad():
        for record in records:
            model.module(**model.encoder.full(record).inputs)
    handle.remove()
    return torch.cat(seen).T


def stages(method: UniErase) -> tuple[Measure, LearnToken, Rewrite]:
    measure, learn, rewrite = method.recipe().stages
    assert isinstance(measure, Measure) and isinstance(learn, LearnToken) and isinstance(rewrite, Rewrite)
    return measure, learn, rewrite


def edited(model: Model, method: UniErase, token: Delta, folder: Path) -> Delta:
    measure, _, rewrite = stages(method)
    moments = measured(model, measure, data(), folder, quiet)
    return erased(model, rewrite, context(), {"token": token, "protected": moments}, quiet).delta


@pytest.mark.parametrize("mode", ["batch", "sequential", "precise"])
def test_forget_questions_begin_with_the_token_and_protected_keys_stay(
    mode: Literal["batch", "sequential", "precise"], model: Model, drawn: Delta, tmp_path: Path
) -> None:
    delta = edited(model, replace(METHOD, mode=mode, group=3), drawn, tmp_path)
    assert set(delta.tensors) == {f"model.layers.{layer}.mlp.down_proj.weight" for layer in (0, 1)}
    number, plain = delta.tokens["<unlearn_0>"].id, next_token(model, data().few)
    with applied(model, delta):
        assert next_token(model, data().forget) == [number] * 4
        assert next_token(model, data().few) == plain
    changes = [delta.dense(f"model.layers.{layer}.mlp.down_proj.weight") for layer in (0, 1)]
    for layer, change in enumerate(changes):
        assert float((change @ keys(model, data().few, layer)).abs().max()) < 1e-5
    sizes = [float(change.norm()) for change in changes]
    assert min(sizes) > 0.1 * max(sizes) > 1e-3, "each layer has its share"
    assert next_token(model, data().few) == plain and number not in next_token(model, data().forget)


def test_the_groups_follow_one_another_and_differ_from_one_edit(model: Model, drawn: Delta, tmp_path: Path) -> None:
    groups = {mode: stages(replace(METHOD, mode=mode, group=3))[2].group for mode in ("batch", "sequential", "precise")}  # type: ignore[arg-type]
    assert groups == {"batch": None, "sequential": 3, "precise": 1}
    whole = edited(model, replace(METHOD, mode="sequential", group=4), drawn, tmp_path)
    batch = edited(model, METHOD, drawn, tmp_path)
    parts = edited(model, replace(METHOD, mode="sequential", group=3), drawn, tmp_path)
    assert whole.digest == batch.digest != parts.digest


def test_a_run_ends_with_the_token_and_an_endless_ridge_changes_nothing(model: Model, tmp_path: Path) -> None:
    result = unlearn(model, data(), method=replace(METHOD, ridge=1e12), out=tmp_path / "out")
    assert result.adapter is not None
    delta = load_delta(result.adapter, model)
    assert list(delta.tokens) == ["<unlearn_0>"]
    assert max(float(delta.dense(name).abs().max()) for name in delta.tensors) < 1e-6
    assert all(facts["keys"] == 4.0 and 0 < facts["free"] < 1 for facts in result.facts["unierase"].values())
    with pytest.raises(UserError, match="needs a token and a statistic"):
        erased(model, stages(METHOD)[2], context(), {"token": None, "protected": None}, quiet)


@pytest.mark.parametrize("layers", [(1, 0), (0, 1, 1), (-2, -1)])
def test_layers_are_edited_from_below_however_they_are_told(
    layers: tuple[int, ...], model: Model, drawn: Delta, tmp_path: Path
) -> None:
    wanted = edited(model, METHOD, drawn, tmp_path / "plain").digest
    assert edited(model, replace(METHOD, layers=layers), drawn, tmp_path / "other").digest == wanted


def goals(model: Model, **settings: object) -> tuple[Tensor, Tensor]:
    """[n, H] the states at the questions' ends after the first layer, and what they are changed to."""
    asked = _Asked([model.encoder.prompt(record) for record in data().forget], [-1] * len(data().forget))
    stage = replace(stages(METHOD)[2], **settings)  # type: ignore[arg-type]
    return _states(model, asked, 0), _goals(model, stage, asked, 0, TARGET)


def test_a_state_is_moved_down_the_loss_and_no_further_than_it_is_long(model: Model) -> None:
    """Adam's first step is its rate against the sign of each entry's slope, here by central differences in float64."""
    start, first = goals(model, steps=1, lr=1e-3, clamp=9.0)
    module = model.module
    module.double()
    try:
        for place, record in enumerate(data().forget):
            inputs, state = model.encoder.prompt(record).inputs, start[place].double()
            slope = torch.zeros_like(state)
            for entry in range(len(state)):
                step = torch.zeros_like(state)
                step[entry] = 1e-4
                slope[entry] = (moved_loss(model, inputs, step) - moved_loss(model, inputs, -step)) / 2e-4
            steep = slope.abs() > 1e-6
            assert int(steep.sum()) > 25
            torch.testing.assert_close(
                (first - start)[place][steep], -1e-3 * slope.sign().float()[steep], rtol=0.01, atol=1e-6
            )
    finally:
        module.float()
    start, far = goals(model, steps=30, lr=0.5, clamp=0.3)
    assert (far - start).norm(dim=-1).tolist() == pytest.approx((0.3 * start.norm(dim=-1)).tolist(), rel=1e-4)


def moved_loss(model: Model, inputs: Mapping[str, Tensor], step: Tensor) -> Tensor:
    """What the token costs in nats where the first layer's last state is moved; the decay's slope is zero at zero."""

    def add(_: object, __: object, output: Tensor) -> Tensor:
        return torch.cat([output[:, :-1], output[:, -1:] + step], dim=1)

    handle = model.module.model.layers[0].register_forward_hook(add)
    try:
        with torch.no_grad():
            return -model.module(**inputs).logits[0, -1].log_softmax(-1)[TARGET]
    finally:
        handle.remove()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mode": "sequential", "group": 0}, "nothing would be edited"),
        ({"mode": "sequential", "group": -3}, "nothing would be edited"),
        ({"value_steps": 0}, "nothing would be edited"),
        ({"layers": ()}, "at least one layer"),
        ({"token_batch": 0}, "at least one question"),
        ({"token": ""}, "takes no token ''"),
    ],
)
def test_what_would_edit_nothing_is_refused_before_anything_is_learned(
    settings: dict[str, Any], said: str, model: Model, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        unlearn(model, data(), method=replace(METHOD, **settings), out=tmp_path / "out")


def test_weights_of_few_bits_are_not_written_to(model: Model, tmp_path: Path) -> None:
    """How bitsandbytes is told: by where the weight's type is from."""
    few_bits: Any = type("Params4bit", (nn.Parameter,), {"__module__": "bitsandbytes.nn"})
    layer = model.module.model.layers[0].mlp.down_proj
    kept = layer.weight
    layer.weight = few_bits(kept.detach(), requires_grad=False)
    try:
        with pytest.raises(UserError, match="they are quantised"):
            unlearn(model, data(), method=METHOD, out=tmp_path / "out")
    finally:
        layer.weight = kept


def test_what_cannot_be_edited_is_refused_with_the_reason(model: Model, tmp_path: Path) -> None:
    nameless = replace(data(), forget=toys.records(("ann",)))
    with pytest.raises(UserError, match="no question has a span that names its subject"):
        unlearn(model, nameless, method=replace(METHOD, at="subject", layers=(0,)), out=tmp_path / "a")
    with pytest.raises(UserError, match="behind the last layer nothing carries"):
        unlearn(model, data(), method=replace(METHOD, at="subject"), out=tmp_path / "b")
    with pytest.raises(UserError, match="no linear module matches"):
        unlearn(model, data(), method=replace(METHOD, layers=(7,)), out=tmp_path / "c")


def test_the_place_is_the_last_token_of_the_name(model: Model) -> None:
    for record in data().forget:
        ids = model.encoder.prompt(record).inputs["input_ids"][0].tolist()
        place = model.encoder.place_of(record, record.spans[0][2] - 1)
        assert model.processor.decode([ids[place]]) == record.subject


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_single_facts_go_and_the_same_authors_other_facts_stay(tmp_path: Path) -> None:
    lm, world_data = load("embedded:lm"), world.splits(5)
    single = world_data.forget[3::10]
    siblings = tuple(record for record in world_data.forget if record not in single)
    given = Data(forget=single, retain=(*world_data.retain, *siblings, *world_data.general[::2]))
    done = unlearn(lm, given, method=replace(presets_text.embedded("unierase"), mode="precise"), out=tmp_path / "out")  # type: ignore[type-var, arg-type]
    assert done.adapter is not None
    delta = load_delta(done.adapter, lm)
    with applied(lm, delta):
        first = next_token(lm, single)
    assert sum(token == delta.tokens["<unlearn_0>"].id for token in first) >= 9
    said = Served(lm, (delta,)).generate(siblings, max_new_tokens=24)
    assert sum(overlap(r.gold, text)[1] for r, text in zip(siblings, said, strict=True)) / len(siblings) > 0.8
