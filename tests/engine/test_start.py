"""An adapter that starts inside the weights: nothing changes at first, nothing is lost at the end, and it is FILA's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from torch import Tensor

from benign.data.record import Data, Record
from benign.engine.attach import attached
from benign.engine.draw import drawn
from benign.engine.importance import Importances
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.train import Job, train
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.collate import collate
from benign.models.delta import load_delta, save_delta
from benign.models.forward import answer_rows
from benign.models.load import Model, load
from benign.parts.loci import StartedLocus
from benign.parts.loci.factors import TOKENS, FactorImportance, factor
from benign.parts.loci.fisher_lora import FisherLora
from benign.parts.loci.importance import Importance
from benign.parts.loci.lora import Lora
from benign.parts.loci.variance_lora import VarianceLora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.npo import NegativePreference
from benign.parts.targets import Context
from tests import toys

SMALL = Lora(rank=4, alpha=8.0, dropout=0.0)
LOCI: list[StartedLocus] = [FisherLora(SMALL), VarianceLora(SMALL)]
NAME = "model.layers.0.mlp.down_proj.weight"
DATA = Data(forget=toys.records(("ann", "bob")), retain=toys.records(("cy", "dee")))
for_both = pytest.mark.parametrize("locus", LOCI, ids=lambda locus: type(locus).__name__)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def service(model: Model, folder: Path) -> Importances:
    return Importances(model, DATA, folder, lambda *_: None)


def logits(model: Model, record: Record = DATA.forget[0]) -> Tensor:
    model.module.eval()
    found: Tensor = model.module(**model.encoder.full(record).inputs).logits[0].detach()
    return found


def stage(locus: StartedLocus, **optim: object) -> Train:
    terms = (Term("forget", NegativePreference(), "forget"), Term("retain", CrossEntropy(), "keep"))
    made = Optim(lr=1e-2, epochs=None, steps=4, schedule="constant")
    return Train("s", terms, replace(made, **optim), locus)  # type: ignore[arg-type]


def run(model: Model, locus: StartedLocus, folder: Path, *, stop: int | None = None) -> Delta:
    def report(what: str, done: int, total: int) -> None:
        if what.startswith("train") and done - 1 == stop:
            raise KeyboardInterrupt

    context, made = Context(DATA, 0, lambda records: [r.gold for r in records]), stage(locus)
    log = Log(folder.with_suffix(".jsonl"))
    return train(Job(model, made, drawn(made, context), 0, "key", folder, log, report, 0.0, DATA))[0]


@for_both
def test_the_model_says_the_same_right_after_the_start(locus: StartedLocus, model: Model, tmp_path: Path) -> None:
    before = logits(model)
    with attached(model, locus, seed=0, scratch=tmp_path, measure=service(model, tmp_path)) as moving:
        assert float((logits(model) - before).abs().max()) < 1e-5
        with torch.no_grad():
            next(iter(moving.parameters.values())).add_(0.1)
        assert float((logits(model) - before).abs().max()) > 1e-3
        with moving.reference():
            assert torch.equal(logits(model), before)
        assert float((logits(model) - before).abs().max()) > 1e-3
        free = [name for name, p in model.module.named_parameters() if p.requires_grad]
        assert len(free) == len(moving.parameters) and not any(".start." in name for name in free)
    assert torch.equal(logits(model), before)


@for_both
def test_the_first_gradient_is_that_of_an_adapter_on_a_rewritten_base(
    locus: StartedLocus, model: Model, tmp_path: Path
) -> None:
    """By hand: with L a function of M = W - s B0 A0 + s B A, dL/dA = s B^T dL/dM and dL/dB = s dL/dM A^T."""
    weight = model.module.get_parameter(NAME).requires_grad_(True)
    batch = collate([model.encoder.full(DATA.forget[0])], pad_id=model.processor.pad_id)
    (whole,) = torch.autograd.grad(-answer_rows(model, batch).logp.mean(), weight)
    weight.requires_grad_(False)
    with attached(model, locus, seed=0, scratch=tmp_path, measure=service(model, tmp_path)) as moving:
        a, b = (next(p for n, p in moving.parameters.items() if NAME[:-7] in n and f"lora_{s}" in n) for s in "AB")
        by_a, by_b = torch.autograd.grad(-answer_rows(model, batch).logp.mean(), [a, b])
    size = float(whole.abs().max())
    torch.testing.assert_close(by_a, 2.0 * b.T @ whole, rtol=1e-3, atol=1e-4 * size)
    torch.testing.assert_close(by_b, 2.0 * whole @ a.T, rtol=1e-3, atol=1e-4 * size)
    assert bool(a.any()) and bool(b.any()) and size > 0


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
@for_both
def test_plain_peft_loads_the_whole_result_on_the_untouched_base(
    locus: StartedLocus, model: Model, tmp_path: Path
) -> None:
    said: list[Tensor] = []

    def look(what: str, done: int, total: int) -> None:
        if what.startswith("train") and done == total:
            said.append(logits(model))

    context, made = Context(DATA, 0, lambda records: [r.gold for r in records]), stage(locus)
    log = Log(tmp_path / "log.jsonl")
    delta, _ = train(Job(model, made, drawn(made, context), 0, "key", tmp_path / "w", log, look, data=DATA))
    save_delta(delta, model, tmp_path / "adapter", base=model.source)
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["r"] == 8
    assert load_delta(tmp_path / "adapter", model).digest == delta.digest
    before = logits(model)
    plain = PeftModel.from_pretrained(load(model.source).module, tmp_path / "adapter").eval()
    loaded = plain(**model.encoder.full(DATA.forget[0]).inputs).logits[0].detach()
    torch.testing.assert_close(loaded, said[0], atol=1e-5, rtol=0.0)
    assert float((said[0] - before).abs().max()) > 1e-2


@for_both
def test_a_resumed_run_is_the_straight_run(locus: StartedLocus, model: Model, tmp_path: Path) -> None:
    straight = run(model, locus, tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        run(model, locus, tmp_path / "b", stop=2)
    assert '"step": 2' in (tmp_path / "b" / "checkpoint.json").read_text()
    assert run(model, locus, tmp_path / "b").digest == straight.digest


def test_factor_importances_are_those_of_gradients_taken_by_hand(model: Model, tmp_path: Path) -> None:
    """A and B from the seed; the weight itself is set to W + s B A, and dL/dA = s B^T dL/dM, dL/dB = s dL/dM A^T."""
    wanted = FactorImportance(2, 4.0, 0.5, Importance("variance"), seed=3)
    found = service(model, tmp_path)(wanted, "forget", {NAME: model.module.get_parameter(NAME)})
    weight = model.module.get_parameter(NAME)
    generator = torch.Generator().manual_seed(3)
    a = 0.5 * torch.randn(2, weight.shape[1], generator=generator)
    b = 0.5 * torch.randn(weight.shape[0], 2, generator=generator)
    original, gradients, tokens = weight.detach().clone(), [], 0
    try:
        weight.requires_grad_(True).data.add_(2.0 * b @ a)
        for record in DATA.forget:
            rows = answer_rows(model, collate([model.encoder.full(record)], pad_id=model.processor.pad_id))
            gradients.append(torch.autograd.grad(-rows.logp.mean(), weight)[0].double())
            tokens += len(rows.labels)
    finally:
        weight.requires_grad_(False).data.copy_(original)
    stacked = torch.stack(gradients)
    by_hand = {"A": 2.0 * b.double().T @ stacked, "B": 2.0 * stacked @ a.double().T}
    for side, values in by_hand.items():
        variance = values.var(0, unbiased=False)
        close = torch.isclose(
            found[factor(NAME, side)].double(), variance, rtol=1e-2, atol=1e-4 * float(variance.max())
        )
        assert close.all() and float(variance.max()) > 0
    assert int(found[TOKENS]) == tokens
    assert torch.equal(weight, original)


def test_the_variance_is_the_batch_fisher_less_the_squared_mean(model: Model, tmp_path: Path) -> None:
    weights = {NAME: model.module.get_parameter(NAME)}
    for per in ("records", "tokens"):
        found = {
            kind: service(model, tmp_path)(Importance(kind, 1, per), "forget", weights)[NAME].double()  # type: ignore[arg-type]
            for kind in ("variance", "batch_fisher", "absolute")
        }
        expected = found["batch_fisher"] - found["absolute"].square()
        torch.testing.assert_close(found["variance"], expected, rtol=1e-3, atol=1e-6 * float(expected.max()))
        assert 0.0 < float(found["variance"].sum()) < 0.999 * float(found["batch_fisher"].sum())
    assert not weights[NAME].requires_grad


def test_means_over_tokens_weigh_long_answers_more_and_further_passes_see_other_batches(
    model: Model, tmp_path: Path
) -> None:
    first = replace(DATA.forget[0], answer="rome rome rome rome rome rome rome")
    many = Importances(model, replace(DATA, forget=(first, *DATA.forget[1:])), tmp_path, lambda *_: None)
    weights = {NAME: model.module.get_parameter(NAME)}
    records, tokens = (
        many(Importance("batch_fisher", 4, per), "forget", weights)[NAME] for per in ("records", "tokens")
    )  # type: ignore[arg-type]
    batch = collate([many.model.encoder.full(r) for r in many.data.forget], pad_id=model.processor.pad_id)
    weight = weights[NAME].requires_grad_(True)
    (by_hand,) = torch.autograd.grad(-answer_rows(model, batch).logp.mean(), weight)
    weight.requires_grad_(False)
    torch.testing.assert_close(tokens, by_hand.square(), rtol=1e-3, atol=1e-4 * float(by_hand.square().max()))
    assert float((tokens - records).abs().max()) > 0.1 * float(tokens.max())
    parts, counts = [], []
    for pair in (many.data.forget[:2], many.data.forget[2:]):
        weight.requires_grad_(True)
        rows = answer_rows(model, collate([model.encoder.full(r) for r in pair], pad_id=model.processor.pad_id))
        parts.append(torch.autograd.grad(-rows.logp.mean(), weight)[0].square())
        counts.append(len(rows.labels))
    weight.requires_grad_(False)
    expected = sum(n * part for n, part in zip(counts, parts, strict=True)) / sum(counts)
    pairs = many(Importance("batch_fisher", 2, "tokens"), "forget", weights)[NAME]
    assert isinstance(expected, Tensor) and counts[0] > 2 * counts[1]
    torch.testing.assert_close(pairs, expected, rtol=1e-3, atol=1e-4 * float(expected.max()))
    passes = [many(Importance("variance", 2, passes=n), "forget", weights)[NAME] for n in (1, 4)]
    assert float((passes[0] - passes[1]).abs().max()) > 0.01 * float(passes[0].max())
    one = [many(Importance("variance", 1, passes=n), "forget", weights)[NAME] for n in (1, 3)]
    torch.testing.assert_close(one[0], one[1], rtol=1e-3, atol=1e-4 * float(one[0].max()))


def test_a_forget_set_of_one_batch_has_no_variance_and_is_refused(model: Model, tmp_path: Path) -> None:
    locus = VarianceLora(SMALL, Importance("variance", batch=len(DATA.forget)))
    with pytest.raises(UserError, match="one batch has no variance"):
        run(model, locus, tmp_path / "dead")
    assert not any(".lora_" in name for name, _ in model.module.named_modules())


def test_vila_keeps_a_fraction_of_filas_numbers(model: Model, tmp_path: Path) -> None:
    sizes = {}
    for locus in LOCI:
        folder = tmp_path / type(locus).__name__
        with attached(model, locus, seed=0, scratch=tmp_path, measure=service(model, folder)):
            sizes[type(locus)] = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    assert sizes[VarianceLora] < 0.5 * sizes[FisherLora]
