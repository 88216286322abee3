"""One expert of a real mixture: found by its own routing, moved alone, anchored, whatever is composed with it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from PIL import Image
from torch import Tensor

from benign.data.record import Data, ImageRef, Record
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.recipe import Optim, Recipe, Term, Train
from benign.engine.routing import expert_use
from benign.engine.step import Rows
from benign.engine.train import Job, train
from benign.errors import UserError
from benign.methods.seuf import SEUF
from benign.models.change import Delta
from benign.models.families.experts import expert_parameters, routers
from benign.models.load import Model, load
from benign.models.vision_cache import VisionCache
from benign.parts.loci.expert_use import ExpertUse
from benign.parts.loci.lora import Lora
from benign.parts.loci.one_expert import OneExpert
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.hidden_mse import HiddenMSE
from benign.parts.objectives.npo import NegativePreference
from benign.parts.objectives.rmu import Misdirection
from benign.parts.objectives.router_anchor import RouterAnchor
from benign.parts.targets import Context
from benign.parts.updates import Update
from benign.parts.updates.gu import GeometricDisentanglement
from benign.parts.updates.pcgrad import GradientSurgery
from benign.parts.updates.weighted_sum import WeightedSum
from tests import toys
from tests.models import pictures, tiny, words

DATA = replace(
    toys.data(), forget=(*toys.records(("ann",)), replace(toys.records(("bob",))[0], answer="rome oslo lima"))
)
FAST = Optim(lr=1e-2, epochs=None, steps=4, schedule="constant", weight_decay=0.1)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(tiny.build("mixtral", tmp_path_factory.mktemp("moe") / "model")))


def trained(model: Model, made: Recipe | Train, folder: Path, data: Data = DATA) -> Delta:
    (stage,) = made.stages if isinstance(made, Recipe) else (made,)
    assert isinstance(stage, Train)
    context, log = Context(data, 0, lambda records: [r.gold for r in records]), Log(folder / "log.jsonl")
    return train(Job(model, stage, drawn(stage, context), 0, "key", folder / "work", log, lambda *_: None, data=data))[
        0
    ]


@torch.no_grad()
def by_hand(model: Model, name: str, *, only_chosen: bool) -> Tensor:
    """[experts] from the router's own outputs, a record at a time and without padding."""
    found, router = [], model.module.get_submodule(name)
    for record in DATA.forget:
        seen: list[Any] = []
        handle = router.register_forward_hook(lambda _, __, output, seen=seen: seen.append(output))
        model.module(**model.encoder.full(record).inputs)
        handle.remove()
        logits, _, chosen = seen[0]
        full = logits.float().softmax(-1)
        kept = torch.zeros_like(full).scatter(1, chosen, full.gather(1, chosen)) if only_chosen else full
        found.append(kept.mean(0))
    return torch.stack(found).mean(0).double()


@pytest.mark.parametrize("only_chosen", [True, False])
def test_affinities_are_those_of_the_models_own_routers(only_chosen: bool, model: Model) -> None:
    found = expert_use(model, ExpertUse(only_chosen=only_chosen), DATA.forget, lambda *_: None)
    assert sorted(found) == sorted(router.name for router in routers(model.module, model.family))
    for name, use in found.items():
        torch.testing.assert_close(use, by_hand(model, name, only_chosen=only_chosen), rtol=1e-4, atol=1e-6)
        assert (float(use.sum()) < 0.999) == only_chosen
    some = expert_use(model, ExpertUse(tokens=1), DATA.forget * 20, lambda *_: None)
    first = expert_use(model, ExpertUse(), (DATA.forget * 20)[:16], lambda *_: None)
    assert all(torch.equal(some[name], first[name]) for name in some)


def test_a_planted_expert_is_found(model: Model) -> None:
    """Its row becomes the mean of what enters the router, so that every token is sent to it."""
    name = routers(model.module, model.family)[1].name
    router, states = model.module.get_submodule(name), []
    handle = router.register_forward_pre_hook(lambda _, args: states.append(args[0]))
    with torch.no_grad():
        model.module(**model.encoder.full(DATA.forget[0]).inputs)
    handle.remove()
    weight = router.get_parameter("weight")
    before = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.zero_()[3] = 50 * states[0].mean(0)
        chosen = OneExpert().chosen(
            model.module,
            model.family,
            lambda use, _: expert_use(model, use, DATA.forget, lambda *_: None),  # type: ignore[arg-type]
        )
        assert chosen == {name: (3,)}
    finally:
        with torch.no_grad():
            weight.copy_(before)


OBJECTIVES: dict[str, Any] = {"ga": GradientAscent(), "npo": NegativePreference(), "rmu": Misdirection(-1, 2.0)}
UPDATES: list[Update] = [WeightedSum(), GradientSurgery(), GeometricDisentanglement(metric="plain")]


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: type(update).__name__)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_nothing_but_the_expert_and_its_router_changes_whatever_the_objective_and_the_update(
    objective: str, update: Update, model: Model, tmp_path: Path
) -> None:
    before = {name: p.detach().clone() for name, p in model.module.named_parameters()}
    keep = HiddenMSE(-1) if objective == "rmu" else None
    retain = Term("retain", keep, "keep") if keep else Term("retain", NegativePreference(), "keep")
    terms = (Term("forget", OBJECTIVES[objective], "forget"), retain, Term("anchor", RouterAnchor(), "forget"))
    delta = trained(model, Train("s", terms, FAST, OneExpert(), update), tmp_path)
    use = expert_use(model, ExpertUse(), DATA.forget, lambda *_: None)
    best = max(use, key=lambda name: float(use[name].max()))
    block, expert = best.rpartition(".")[0], int(use[best].argmax())
    assert set(delta.tensors) == {
        f"{best}.weight", f"{block}.experts.gate_up_proj", f"{block}.experts.down_proj"
    }  # fmt: skip
    for name in delta.tensors:
        moved = delta.dense(name).flatten(1).any(1).nonzero().flatten().tolist()
        assert moved == ([0, 1, 2, 3] if name.startswith(best) else [expert])
    assert all(torch.equal(before[name], p) for name, p in model.module.named_parameters())


def test_the_anchor_draws_the_router_to_the_expert_and_its_loss_is_that_of_the_routers_own_probabilities(
    model: Model, tmp_path: Path
) -> None:
    name = routers(model.module, model.family)[0].name
    term = Term("anchor", RouterAnchor(), "forget", batch=3)
    stage = Train("s", (term,), replace(FAST, steps=8, weight_decay=0.0), OneExpert(layer=0, expert=1))
    rows = Rows(model, lambda *_: None, VisionCache(), {name: (1,)})  # type: ignore[arg-type,return-value]
    column = (term, drawn(stage, Context(DATA, 0, lambda records: [r.gold for r in records]))[0][0])
    with torch.no_grad():
        (answers,) = rows.of([column], 0)
        loss = float(RouterAnchor()(answers))
    expected, total = 0.0, 0
    for item in column[1]:
        example, seen = model.encoder.full(item.record), []
        handle = model.module.get_submodule(name).register_forward_hook(lambda _, __, o, seen=seen: seen.append(o[0]))
        with torch.no_grad():
            model.module(**example.inputs)
        handle.remove()
        told = (example.labels[0, 1:] != -100).nonzero().flatten()
        goal = torch.eye(4)[1]
        far = (seen[0].softmax(-1)[told] - goal).square().sum(-1)
        expected, total = expected + float(far.sum()), total + len(told)
    assert loss == pytest.approx(expected / total, rel=1e-4)
    delta = trained(model, stage, tmp_path)
    weight = model.module.get_submodule(name).get_parameter("weight")
    before = weight.detach().clone()
    with torch.no_grad():
        weight.add_(delta.dense(f"{name}.weight"))
        after = float(RouterAnchor()(rows.of([column], 0)[0]))
        weight.copy_(before)
    assert after < loss - 0.05


PER_EXPERT = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}
MULTI_HEAD = {**words.SIZES, "num_key_value_heads": words.SIZES["num_attention_heads"]}


def deepseek(folder: Path) -> Path:
    config = hf.DeepseekV2Config(
        **MULTI_HEAD, **PER_EXPERT, n_routed_experts=4, n_shared_experts=1, first_k_dense_replace=1,
        q_lora_rank=None, kv_lora_rank=8, qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=8, topk_method="greedy",
    )  # fmt: skip
    return pictures.save(folder, hf.DeepseekV2ForCausalLM(config), words.tokenizer(eos="<|im_end|>"))


def qwen(folder: Path) -> Path:
    config = hf.Qwen2MoeConfig(**words.SIZES, **PER_EXPERT, num_experts=4, shared_expert_intermediate_size=16)
    return pictures.save(folder, hf.Qwen2MoeForCausalLM(config), words.tokenizer(eos="<|im_end|>"))


def shown(records: tuple[Record, ...]) -> tuple[Record, ...]:
    content = io.BytesIO()
    Image.new("RGB", (28, 28), (200, 40, 90)).save(content, "PNG")
    return tuple(replace(record, images=(ImageRef(data=content.getvalue()),)) for record in records)


@pytest.mark.parametrize(("build", "layers"), [(qwen, (0, 1)), (deepseek, (1,)), (pictures.qwen3_vl_moe, (0, 1))])
def test_on_the_papers_architectures_and_on_pictures_one_routed_expert_and_its_router_move(
    build: Any, layers: tuple[int, ...], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    other = load(str(build(tmp_path / "model")))
    found = {router.name: router for router in routers(other.module, other.family)}
    # DeepSeek's first layer has no experts.
    assert [(r.layer, r.count, r.top) for r in found.values()] == [(layer, 4, 2) for layer in layers]
    data = replace(DATA, forget=shown(DATA.forget)) if other.family.multimodal else DATA
    use = expert_use(other, ExpertUse(), data.forget, lambda *_: None)
    name = max(use, key=lambda router: float(use[router].max()))
    delta = trained(other, SEUF("grad_ascent", optim=FAST).recipe(), tmp_path, data)
    experts = expert_parameters(other.module, found[name])
    assert not any("shared" in part for part in experts) and set(delta.tensors) == {*experts, f"{name}.weight"}
    for part in experts:
        assert delta.dense(part).flatten(1).any(1).nonzero().flatten().tolist() == [int(use[name].argmax())]


def test_layers_computed_again_give_the_same_expert_and_router(model: Model, tmp_path: Path) -> None:
    plain, again = (
        trained(model, SEUF(optim=replace(FAST, checkpointing=wanted)).recipe(), tmp_path / str(wanted))
        for wanted in (False, True)
    )
    assert set(plain.tensors) == set(again.tensors)
    for name in plain.tensors:
        torch.testing.assert_close(plain.dense(name), again.dense(name), atol=1e-6, rtol=1e-4)


def test_a_layer_below_the_expert_is_refused(model: Model, tmp_path: Path) -> None:
    locus = OneExpert(layer=1, expert=0)
    with pytest.raises(UserError, match="looks at decoder layer 0, below the expert that moves in layer 1"):
        trained(model, SEUF("rmu", layer=0, optim=FAST, locus=locus).recipe(), tmp_path)
    trained(model, SEUF("rmu", layer=1, coefficient=2.0, optim=FAST, locus=locus).recipe(), tmp_path / "at")


def test_an_anchor_without_an_expert_and_a_model_without_experts_are_refused(
    model: Model, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(UserError, match="the locus chooses no expert"):
        trained(model, SEUF(locus=Lora(rank=2), optim=FAST).recipe(), tmp_path)
    dense = load(str(toys.text_model(tmp_path_factory.mktemp("dense"))))
    with pytest.raises(UserError, match="no mixture of experts"):
        trained(dense, SEUF(optim=FAST).recipe(), tmp_path, toys.data())


def test_a_resumed_run_is_the_straight_run(model: Model, tmp_path: Path) -> None:
    (stage,) = SEUF(optim=FAST).recipe().stages
    assert isinstance(stage, Train)
    context = Context(DATA, 0, lambda records: [r.gold for r in records])

    def run(folder: Path, stop: int | None = None) -> Delta:
        def report(what: str, done: int, total: int) -> None:
            if what.startswith("train") and done - 1 == stop:
                raise KeyboardInterrupt

        log = Log(folder.with_suffix(".jsonl"))
        return train(Job(model, stage, drawn(stage, context), 0, "key", folder, log, report, 0.0, DATA))[0]

    straight = run(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "b", stop=2)
    assert run(tmp_path / "b").digest == straight.digest


def test_seuf_is_one_of_three_losses_with_a_retain_term_and_an_anchor() -> None:
    def terms(method: SEUF) -> dict[str, Term]:
        (stage,) = method.recipe().stages
        assert isinstance(stage, Train) and stage.locus == OneExpert()
        return {term.name: term for term in stage.terms}

    made = {"grad_ascent": GradientAscent(), "npo": NegativePreference(0.001), "rmu": Misdirection(-1, 8000.0)}
    for name, objective in made.items():
        found = terms(SEUF(name, anchor_weight=3.0))  # type: ignore[arg-type]
        assert list(found) == ["forget", "retain", "anchor"] and found["forget"].objective == objective
        assert (found["anchor"].objective, found["anchor"].weight) == (RouterAnchor(), 3.0)
        assert isinstance(found["retain"].objective, HiddenMSE) == (name == "rmu")
    code = terms(SEUF("grad_ascent", preset="code"))
    assert list(code) == ["forget", "anchor"] and code["anchor"].objective == RouterAnchor(per_expert=True)
    assert list(terms(SEUF(anchor_weight=0.0, retain_weight=0.0))) == ["forget"]
