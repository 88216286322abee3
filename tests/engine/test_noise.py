"""RNA's noise inside the reference: its place, its size, anew at every step and from nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import benign
from benign.cli.settings import changed
from benign.data.answers import Answers
from benign.engine.draw import Drawn, drawn
from benign.engine.log import Log
from benign.engine.noise import Noise, disturbed, noise_of, on_rows
from benign.engine.recipe import Optim, RandomNoise, Term, Train
from benign.engine.train import Job, train
from benign.errors import UserError
from benign.methods.adaptive_rmu import AdaptiveRMU
from benign.methods.dpo import DPO
from benign.methods.grad_ascent import GradAscent
from benign.methods.npo import NPO
from benign.methods.rmu import RMU
from benign.methods.rna import RNA
from benign.methods.simnpo import SimNPO
from benign.models.change import Delta
from benign.models.load import Model, load
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.hidden_mse import HiddenMSE
from benign.parts.objectives.kl import KLToReference
from benign.parts.targets import Context
from tests import toys

STILL = Lora(rank=4, dropout=0.0)
FEW = Optim(lr=1e-3, epochs=None, steps=3, schedule="constant")
NOISE = RandomNoise(0.3, 0)
KEEP = Term("retain", KLToReference(), on="keep", batch=3, noise=NOISE)
ITEMS = [Drawn(record, record.answer) for record in toys.records(("bob", "cy"))]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def run(model: Model, stage: Train, folder: Path) -> tuple[Delta, list[dict[str, float]]]:
    folder.mkdir()
    context = Context(toys.data(), 0, lambda records: [r.gold for r in records])
    log = Log(folder / "log.jsonl")
    job = Job(model, stage, drawn(stage, context), 0, "key", folder, log, lambda *_: None)
    delta = train(job)[0]
    return delta, [json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()]


def answers(hidden: Tensor, reference: Tensor) -> Answers:
    owner = torch.arange(len(hidden)) // 2
    return Answers(hidden, torch.zeros_like(owner), owner, len(owner) // 2, hidden=hidden, reference_hidden=reference)


def test_noise_adds_its_variance_to_the_retain_loss_and_nothing_to_its_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    hidden, reference = (torch.randn(8, 16, generator=generator, dtype=torch.float64) for _ in range(2))
    hidden.requires_grad_()
    nu, losses, gradients = 0.7, [], []
    for seed in range(400):
        moved = on_rows(Noise(nu, 0, seed), ITEMS, reference, [2, 2, 2, 2])
        loss = HiddenMSE(0)(answers(hidden, moved))
        losses.append(float(loss.detach()))
        gradients.append(torch.autograd.grad(loss, hidden)[0])
    plain = HiddenMSE(0)(answers(hidden, reference))
    mean = torch.tensor(losses).mean()
    # One loss' standard deviation is about nu^2 sqrt(2/128) + the mixed part; of 400 of them a 20th of that.
    assert float(mean) == pytest.approx(float(plain.detach()) + nu**2, abs=0.02)
    expected = torch.autograd.grad(plain, hidden)[0]
    spread = 2 * nu / (16 * 2 * 4) / 400**0.5
    assert float((torch.stack(gradients).mean(0) - expected).abs().max()) < 5 * spread


def test_noise_is_a_function_of_the_seed_and_the_record_alone() -> None:
    states = torch.zeros(4, 6)
    noise = Noise(1.0, 0, 5)
    found = on_rows(noise, ITEMS[:2], states, [1, 3])
    turned = on_rows(noise, ITEMS[1::-1], states, [3, 1])
    assert torch.equal(found[1:], turned[:3]) and torch.equal(found[:1], turned[3:])
    torch.manual_seed(3)
    assert torch.equal(on_rows(noise, ITEMS[:2], states, [1, 3]), found)
    assert not torch.equal(on_rows(replace(noise, seed=6), ITEMS[:2], states, [1, 3]), found)
    alike = on_rows(noise, ITEMS[:2], states, [2, 2])
    assert not torch.equal(alike[:2], alike[2:]), "each record has its own"
    assert torch.equal(on_rows(noise, ITEMS[:2], states + 2, [1, 3]), found + 2)


def test_a_noisy_pass_goes_on_from_noisy_states(model: Model) -> None:
    item, noise = ITEMS[0], Noise(0.5, 0, 1)
    inputs = model.encoder.full(item.record, answer=item.answer).inputs
    seen: list[Tensor] = []
    layers = model.family.layers_of(model.module)
    with torch.no_grad():
        plain = model.module(**inputs).logits
        handle = layers[0].register_forward_hook(lambda _, __, out: seen.append(out))
        with disturbed(model, noise, item):
            noisy = model.module(**inputs).logits
        handle.remove()
        states = seen[0] + noise.drawn(item, seen[0].shape[1], seen[0])
        handle = layers[0].register_forward_hook(lambda *_: states)
        by_hand = model.module(**inputs).logits
        handle.remove()
        assert torch.equal(noisy, by_hand) and not torch.allclose(noisy, plain, atol=1e-3)
        assert torch.equal(model.module(**inputs).logits, plain)


@pytest.mark.parametrize("objective", [KLToReference(), HiddenMSE(0)], ids=["kl", "hidden"])
def test_adapters_and_weights_meet_the_same_noise_and_every_step_another(
    model: Model, tmp_path: Path, objective: KLToReference | HiddenMSE
) -> None:
    # A weight of nothing: the model stays at its place, and all of a loss is noise.
    still = Train("s", (replace(KEEP, objective=objective, weight=0.0),), FEW, STILL)
    adapter = run(model, still, tmp_path / "adapter")[1]
    weights = run(model, replace(still, locus=AllWeights()), tmp_path / "weights")[1]
    small = run(model, replace(still, optim=replace(FEW, micro_batch=1)), tmp_path / "small")[1]
    found = [[step["retain"] for step in steps] for steps in (adapter, weights, small)]
    assert found[1] == pytest.approx(found[0], rel=1e-4) and found[2] == pytest.approx(found[0], rel=1e-4)
    assert min(found[0]) > 1e-4 and len(set(found[0])) == 3
    if isinstance(objective, HiddenMSE):
        assert sum(found[0]) / 3 == pytest.approx(NOISE.nu**2, rel=0.3)


def test_no_noise_is_the_method_itself_bit_for_bit(model: Model, tmp_path: Path) -> None:
    plain = RMU(layer=0, optim=FEW, locus=STILL)
    assert RNA(plain, nu=0.0).recipe() == plain.recipe()
    (stage,) = plain.recipe().stages
    assert isinstance(stage, Train)
    zero = replace(stage, terms=tuple(replace(term, noise=RandomNoise(0.0)) for term in stage.terms[1:]))
    none = replace(stage, terms=stage.terms[1:])
    assert run(model, zero, tmp_path / "zero")[0].digest == run(model, none, tmp_path / "none")[0].digest


def test_noise_falls_on_what_is_kept_and_not_on_what_is_forgotten() -> None:
    for method in (RMU(layer=3), AdaptiveRMU(layer=3)):
        before, after = method.recipe().stages[0], RNA(method, nu=0.1).recipe().stages[0]
        assert isinstance(before, Train) and isinstance(after, Train)
        forget, retain = after.terms
        assert forget == before.terms[0]
        assert retain == replace(before.terms[1], noise=RandomNoise(0.1))
        noise = noise_of(retain, 7)
        assert noise and (noise.nu, noise.layer) == (0.1, 3)
    for preference in (NPO(retain_weight=2.0), DPO(retain_weight=2.0), SimNPO(retain_weight=2.0)):
        (stage,) = RNA(preference, nu=0.1, layer=0.25).recipe().stages
        assert isinstance(stage, Train)
        assert stage.terms[0] == preference.recipe().stages[0].terms[0]  # type: ignore[union-attr]
        assert (stage.terms[1].objective, stage.terms[1].noise) == (KLToReference(), RandomNoise(0.1, 0.25))
        assert stage.terms[1].weight == 2.0


def test_any_method_takes_noise_as_an_axis() -> None:
    noise = RandomNoise(0.1, 2)
    assert benign.compose(NPO(), noise=noise).recipe() == RNA(NPO(), 0.1, 2).recipe()
    told = changed(NPO(), ["noise.nu=0.1", "noise.layer=2", "beta=0.3"])
    assert told.recipe() == RNA(NPO(beta=0.3), 0.1, 2).recipe()
    assert (
        changed(RNA(), ["nu=0.1", "layer=2", "coefficient=3.0"]).recipe() == RNA(RMU(coefficient=3.0), 0.1, 2).recipe()
    )


def test_noise_without_a_place_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no term of the method keeps anything"):
        RNA(GradAscent()).recipe()
    with pytest.raises(UserError, match="needs a decoder layer"):
        run(model, Train("s", (replace(KEEP, noise=RandomNoise(0.1)),), FEW, STILL), tmp_path / "a")
    with pytest.raises(UserError, match="must not be negative"):
        run(model, Train("s", (replace(KEEP, noise=RandomNoise(-0.1, 0)),), FEW, STILL), tmp_path / "b")
    with pytest.raises(UserError, match="layers 0 to 1"):
        run(model, Train("s", (replace(KEEP, noise=RandomNoise(0.1, 9)),), FEW, STILL), tmp_path / "c")
    with pytest.raises(UserError, match="to lie on layer 0, and the objective compares the states of layer 1"):
        run(model, Train("s", (replace(KEEP, objective=HiddenMSE(1)),), FEW, STILL), tmp_path / "e")
    run(
        model,
        Train("s", (replace(KEEP, objective=HiddenMSE(1), noise=RandomNoise(0.1, -1)),), FEW, STILL),
        tmp_path / "f",
    )
    with pytest.raises(UserError, match="looks at the reference model"):
        run(model, Train("s", (replace(KEEP, objective=CrossEntropy()),), FEW, STILL), tmp_path / "d")
