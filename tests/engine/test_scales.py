"""Records that count differently: what is measured of them, what the loss does with it, what the run's folder says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

import benign
from benign.data.answers import Answers
from benign.data.record import Data, Record
from benign.engine.attach import attached
from benign.engine.draw import Drawn, drawn
from benign.engine.evidence import Shown
from benign.engine.recipe import Optim, Term, Train
from benign.engine.reference import reference_for
from benign.engine.scales import Scales
from benign.engine.step import Rows, TrainingStep
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.dpo import DPO
from benign.methods.grad_ascent import GradAscent
from benign.methods.grad_diff import GradDiff
from benign.methods.guard import GUARD
from benign.methods.manu import MANU
from benign.methods.mu_coreset import MUCoreset
from benign.methods.npo import NPO
from benign.methods.rmu import RMU
from benign.models.change import Delta
from benign.models.delta import applied, load_delta
from benign.models.load import Model, load
from benign.models.vision_cache import VisionCache
from benign.parts.edits.task_arithmetic import TaskArithmetic
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from benign.parts.objectives import Objective
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.kl import KLToReference
from benign.parts.objectives.npo import NegativePreference
from benign.parts.targets import Context
from benign.parts.targets.keywords import Keywords
from benign.parts.targets.refusal import Refusal
from benign.parts.weightings import Evidence, Weighting
from benign.parts.weightings.grad_norm_coreset import GradNormCoreset
from benign.parts.weightings.guard import AttributionWeights
from benign.parts.weightings.min_k_coreset import MinKCoreset
from benign.parts.weightings.moderate_coreset import ModerateCoreset
from benign.parts.weightings.random_coreset import RandomCoreset
from tests import toys

OPTIM = Optim(lr=1e-2, epochs=None, steps=6)
LOCUS = Lora(rank=4, dropout=0.0)
NAMES = ["model.layers.1.mlp.down_proj.weight", "model.layers.0.mlp.down_proj.weight"]
DATA = Data(forget=toys.records(("ann", "bob")), retain=toys.records(("cy", "dee", "eve", "fay")))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


@dataclass(frozen=True)
class Fixed:
    """These weights."""

    weights: tuple[float, ...]

    def __call__(self, evidence: Evidence, *, seed: int) -> Sequence[float]:
        return self.weights


def context(data: Data = DATA) -> Context:
    return Context(data, 0, lambda records: [r.gold for r in records])


def shown(model: Model, stage: Train, folder: Path, data: Data = DATA) -> Shown:
    term = stage.terms[0]
    items = [Drawn(r, term.target.answers([r], [0], context(data))[0]) for r in data.forget]
    return Shown(model, stage, term, items, context(data), folder, lambda *_: None)


def stage(objective: Objective, locus: AllWeights | Lora = LOCUS) -> Train:
    return Train(
        "s", (Term("forget", objective, "forget", batch=4), Term("retain", CrossEntropy(), "keep")), OPTIM, locus
    )


def ids(weights: object, term: str = "forget", name: str = "npo") -> set[str]:
    assert isinstance(weights, dict)
    return {key for key, weight in weights[name][term].items() if weight}


def plain_gradient(model: Model, record: Record, names: Sequence[str]) -> torch.Tensor:
    """By the model's own loss on one record, a mean over its answer's tokens."""
    example = model.encoder.full(record)
    parameters = [model.module.get_parameter(name) for name in names]
    for parameter in parameters:
        parameter.requires_grad_(True)
    loss = model.module(**example.inputs, labels=example.labels).loss
    return torch.cat([way.flatten().double() for way in torch.autograd.grad(loss, parameters)])


def test_the_alignment_is_that_of_a_plain_loop(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benign.engine.evidence._RECORDS", 3)  # of eight, so that the last batch is short
    names = NAMES
    found = shown(model, stage(CrossEntropy(), AllWeights(r"model\.layers\.\d\.mlp\.down_proj")), tmp_path)
    retained = torch.stack([plain_gradient(model, r, names) for r in DATA.retain]).mean(0)
    own = torch.stack([plain_gradient(model, r, names) for r in DATA.forget])
    dots, cosines = own @ retained, torch.nn.functional.cosine_similarity(own, retained[None], dim=1)
    torch.testing.assert_close(found.alignment(cosine=False), dots, rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(found.alignment(cosine=True), cosines, rtol=1e-4, atol=1e-7)
    assert dots.std() > 0


def test_gradient_norms_of_the_head_have_a_closed_form(model: Model, tmp_path: Path) -> None:
    found = shown(model, stage(CrossEntropy(), AllWeights("lm_head")), tmp_path).gradient_norms(1)
    for record, norm in zip(DATA.forget, found, strict=True):
        example = model.encoder.full(record)
        seen: list[torch.Tensor] = []
        hook = model.module.get_submodule("lm_head").register_forward_pre_hook(
            lambda _, args, into=seen: into.append(args[0])
        )
        with torch.no_grad():
            p = torch.softmax(model.module(**example.inputs).logits[0, :-1].double(), -1)
        hook.remove()
        labels, h = example.labels[0, 1:], seen[0][0, :-1].double()
        rows = labels != -100
        wrong = p[rows] - torch.nn.functional.one_hot(labels[rows], p.shape[-1])
        gradient = wrong.T @ h[rows] / rows.sum()  # mean over tokens of (p - y) h'
        assert float(norm) == pytest.approx(float(gradient.norm()), rel=1e-4)


def test_norms_along_the_way_are_those_of_the_states_that_training_passes(model: Model, tmp_path: Path) -> None:
    plain = stage(GradientAscent())
    found = shown(model, plain, tmp_path / "a")
    once, twice = found.gradient_norms(1), found.gradient_norms(2)
    still = shown(model, replace(plain, optim=replace(OPTIM, lr=0.0)), tmp_path / "b").gradient_norms(2)
    torch.testing.assert_close(still, once)
    assert not torch.allclose(twice, once, rtol=1e-3)
    half = replace(plain, optim=replace(OPTIM, lr=1e-2, steps=3, schedule="constant"))
    assert torch.equal(shown(model, half, tmp_path / "c").gradient_norms(1), once)


def test_log_probabilities_and_features_belong_to_their_records(model: Model, tmp_path: Path) -> None:
    found = shown(model, stage(CrossEntropy()), tmp_path)
    for place, record in enumerate(DATA.forget):
        example = model.encoder.full(record)
        with torch.no_grad():
            out = model.module(**example.inputs, output_hidden_states=True)
        labels = example.labels[0, 1:]
        rows = labels != -100
        logp = out.logits[0, :-1].log_softmax(-1)[rows].gather(-1, labels[rows][:, None])[:, 0]
        torch.testing.assert_close(found.logp()[place], logp, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            found.features()[place], out.hidden_states[-1][0, :-1][rows].mean(0), atol=1e-5, rtol=1e-4
        )


def test_what_is_measured_is_kept_and_belongs_to_its_answers(model: Model, tmp_path: Path) -> None:
    found = shown(model, stage(CrossEntropy()), tmp_path)
    first, files = found.gradient_norms(1), set(tmp_path.glob("*.json"))
    assert len(files) == 1
    assert torch.equal(found.gradient_norms(1), first) and set(tmp_path.glob("*.json")) == files
    other = replace(found, items=[replace(item, answer="quito") for item in found.items])
    assert not torch.equal(other.gradient_norms(1), first)
    assert len(set(tmp_path.glob("*.json"))) == 2


OBJECTIVES: list[Objective] = [CrossEntropy(), GradientAscent(), NegativePreference(), KLToReference()]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("micro_batch", [None, 2])
def test_the_weighed_loss_is_the_weighed_mean(
    model: Model, tmp_path: Path, objective: Objective, micro_batch: int | None
) -> None:
    """Each record's loss alone, by its share of what the objective averages over, times its weight."""
    term = Term("forget", objective, "forget", batch=4)
    made = Train("s", (term,), OPTIM, LOCUS)
    plain = [
        Drawn(r, answer) for r, answer in zip(DATA.forget, ("rome", "a cat", "oslo", "a very old dog"), strict=True)
    ]
    with attached(model, LOCUS, seed=1, scratch=tmp_path) as moving:
        parameters = tuple(moving.parameters.values())
        with torch.no_grad():
            for parameter in parameters:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
        rows = Rows(model, reference_for(model, made, [[plain]], moving, tmp_path, VisionCache(), 0), VisionCache())

        def loss(items: Sequence[Drawn]) -> float:
            return TrainingStep([(term, items)], rows, parameters, 0, 1, 0, micro_batch).losses()["forget"]

        weights = [0.5, 2.0, 0.0, 1.5]
        tokens = torch.tensor([rows.of([(term, [item])], 0)[0].labels.numel() for item in plain])
        shares = tokens / tokens.sum() if objective.mean_over == "rows" else torch.full((4,), 0.25)
        by_hand = sum(w * float(s) * loss([item]) for w, s, item in zip(weights, shares, plain, strict=True))
        weighed = [replace(item, weight=w) for w, item in zip(weights, plain, strict=True)]
        assert loss(weighed) == pytest.approx(by_hand, rel=1e-4, abs=1e-6)
        assert loss(weighed) != pytest.approx(loss(plain), rel=1e-3)
        near = [replace(item, weight=1.0 + 1e-7) for item in plain]
        assert loss(near) == pytest.approx(loss(plain), rel=1e-5)


def test_records_apart_keep_what_belongs_to_them() -> None:
    owner = torch.tensor([0, 0, 1, 2, 2, 2])

    def made(seed: int) -> Answers:
        random = torch.Generator().manual_seed(seed)
        draw = lambda *shape: torch.randn(*shape, generator=random)  # noqa: E731
        return Answers(draw(6, 5), torch.arange(6) % 5, owner, 3, draw(6, 5), draw(6, 2), draw(6, 2), None, draw(6))

    rows = replace(made(0), rival=made(1))
    parts = rows.each()
    assert [part.count for part in parts] == [1, 1, 1]
    for name in ("logits", "labels", "reference", "hidden", "reference_hidden", "reference_labels", "logp"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(rows, name)), name
    assert rows.rival is not None
    rivals = [part.rival for part in parts if part.rival is not None]
    assert torch.equal(torch.cat([rival.logits for rival in rivals]), rows.rival.logits)


def test_even_weights_are_the_method_itself_bit_for_bit(model: Model, tmp_path: Path) -> None:
    method = GradDiff(optim=OPTIM, locus=LOCUS)
    hot = GUARD(method, AttributionWeights(temperature=float("inf")))
    deltas = []
    for name, made in (("plain", method), ("hot", hot), ("guard", GUARD(method))):
        result = unlearn(model, DATA, method=made, out=tmp_path / name)
        assert result.adapter is not None
        deltas.append(load_delta(result.adapter, model))
    plain, even, weighed = deltas
    assert all(torch.equal(plain.dense(name), even.dense(name)) for name in plain.tensors)
    assert any(not torch.equal(plain.dense(name), weighed.dense(name)) for name in plain.tensors)
    weights = json.loads((tmp_path / "guard" / "weights.json").read_text())["grad_diff"]
    assert weights.keys() == {"forget"} and weights["forget"].keys() == {r.id for r in DATA.forget}
    assert sum(weights["forget"].values()) == pytest.approx(4) and len(set(weights["forget"].values())) > 1
    assert not (tmp_path / "plain" / "weights.json").exists()


@pytest.mark.parametrize(
    "weighting", [RandomCoreset(0.5), GradNormCoreset(0.5, points=2), MinKCoreset(0.5), ModerateCoreset(0.5, 1)]
)
def test_only_the_coreset_is_drawn_as_often_as_all_would_be(model: Model, tmp_path: Path, weighting: object) -> None:
    method = MUCoreset(NPO(forget_batch=2, optim=replace(OPTIM, steps=None, epochs=3.0), locus=LOCUS), weighting)  # type: ignore[arg-type]
    [made] = method.recipe().stages
    assert isinstance(made, Train)
    scales = Scales(model, made, context(), tmp_path, lambda *_: None)
    steps = drawn(made, context(), scales)
    assert len(steps) == 6, "three passes over four records"
    seen = Counter(item.record.id for step in steps for item in step[0])
    assert len(seen) == 2 and set(seen.values()) == {6}
    assert set(seen) == {name for name, weight in scales.found["forget"].items() if weight}
    retained = {item.record.id for step in steps for item in step[1]}
    assert retained <= {r.id for r in DATA.retain} and "retain" not in scales.found


def test_a_share_of_one_is_the_method_itself() -> None:
    plain = NPO(optim=OPTIM)
    whole = MUCoreset(plain, RandomCoreset(1.0)).recipe()
    [made], [before] = whole.stages, plain.recipe().stages
    assert isinstance(made, Train) and isinstance(before, Train)
    assert drawn(made, context(), lambda _, records: [1.0] * len(records)) == drawn(before, context())


@pytest.mark.parametrize(
    "method",
    [DPO(optim=OPTIM, locus=LOCUS), RMU(layer=1, optim=OPTIM, locus=LOCUS), GradAscent(optim=OPTIM, locus=LOCUS)],
)
def test_any_method_takes_a_weighting(model: Model, tmp_path: Path, method: object) -> None:
    composed = benign.compose(method, weighting=GradNormCoreset(0.25, points=1))  # type: ignore[arg-type]
    result = unlearn(model, DATA, method=composed, out=tmp_path / "run")
    weights = json.loads((result.folder / "weights.json").read_text())
    [(_, terms)] = weights.items()
    assert [sum(found.values()) for found in terms.values()] == [1.0] * len(terms)


@pytest.mark.parametrize("weighting", [RandomCoreset(0.5), MinKCoreset(0.5), GradNormCoreset(0.5, points=1)])
def test_the_same_records_are_kept_by_all_terms(model: Model, tmp_path: Path, weighting: Weighting) -> None:
    """Also where the terms teach other answers, have other gradients, or see more records."""
    terms = (
        Term("forget", CrossEntropy(), "forget", Refusal()), Term("also", NegativePreference(), "forget"),
        Term("more", CrossEntropy(), "forget", kinds=("memory", "general")),
    )  # fmt: skip
    data = replace(DATA, forget=(*DATA.forget, replace(DATA.forget[0], id="general", kind="general")))
    made = benign.compose(_Two(terms, "s"), weighting=weighting).recipe().stages[0]
    assert isinstance(made, Train)
    made = replace(
        made, terms=tuple(replace(t, kinds=t.kinds if t.name == "more" else ("memory",)) for t in made.terms)
    )
    scales = Scales(model, made, context(data), tmp_path, lambda *_: None)
    drawn(made, context(data), scales)
    assert scales.found["forget"] == scales.found["also"] and sum(scales.found["forget"].values()) == 2
    assert scales.found["more"].keys() == scales.found["forget"].keys() | {"general"}


def test_what_is_known_of_a_record_is_its_own_answer(model: Model, tmp_path: Path) -> None:
    """Not of the refusal that it is to give."""
    found = shown(model, stage(CrossEntropy()), tmp_path / "own")
    refusing = replace(found, folder=tmp_path / "other", items=[replace(i, answer="I cannot.") for i in found.items])
    assert all(torch.equal(a, b) for a, b in zip(found.logp(), refusing.logp(), strict=True))
    assert torch.equal(found.features(), refusing.features())
    assert not torch.equal(found.gradient_norms(1), refusing.gradient_norms(1)), "the objective's, of what it teaches"


@dataclass(frozen=True)
class _Two:
    terms: tuple[Term, ...]
    name: str

    def recipe(self) -> benign.engine.recipe.Recipe:
        return benign.engine.recipe.Recipe((Train(self.name, self.terms, OPTIM),))


@pytest.mark.parametrize("weights", [(0.0,) * 4, (1.0, -1.0, 1.0, 1.0), (float("nan"), 1.0, 1.0, 1.0)])
def test_weights_that_are_none_are_an_error(tmp_path: Path, weights: tuple[float, ...]) -> None:
    made = Train("s", (Term("forget", CrossEntropy(), "forget", weighting=Fixed(weights)),), OPTIM)
    with pytest.raises(UserError, match="negative, not finite or all zero"):
        drawn(made, context(), Scales(None, made, context(), tmp_path, lambda *_: None))  # type: ignore[arg-type]


def test_what_trains_on_no_forget_record_cannot_be_weighed() -> None:
    with pytest.raises(UserError, match="no forget record"):
        benign.compose(MANU(), weighting=RandomCoreset())
    with pytest.raises(UserError, match="no term that forgets"):
        GUARD(MANU()).recipe()


def test_records_are_not_weighed_twice() -> None:
    """Not even alike: a weighting would silently take the place of the one before."""
    weighed = (GUARD(NPO()), MUCoreset(NPO()), benign.compose(NPO(), weighting=AttributionWeights()))
    for method in weighed:
        for twice in (GUARD(method), MUCoreset(method)):
            with pytest.raises(UserError, match="weighs its forget records already"):
                twice.recipe()


def test_the_line_between_part_and_whole_ends_at_both(model: Model, tmp_path: Path) -> None:
    """Mode connectivity (MU-Coreset): the ends are the two models, and the middle is half of each."""
    plain = NPO(optim=OPTIM, locus=LOCUS)
    methods = {"part": MUCoreset(plain, RandomCoreset(0.5)), "whole": plain}
    deltas = []
    for name, method in methods.items():
        unlearn(model, DATA, method=method, out=tmp_path / name)
        deltas.append(load_delta(tmp_path / name / "adapter", model))

    def losses(delta: Delta) -> torch.Tensor:
        with applied(model, delta), torch.no_grad():
            examples = [model.encoder.full(record) for record in (*DATA.forget, *DATA.retain)]
            return torch.stack([model.module(**e.inputs, labels=e.labels).loss for e in examples])

    ends = [losses(TaskArithmetic((1 - t, t))(*deltas).delta) for t in (0.0, 1.0)]
    for end, delta in zip(ends, deltas, strict=True):
        torch.testing.assert_close(end, losses(delta), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(ends[0], ends[1], rtol=1e-3)
    middle = TaskArithmetic((0.5, 0.5))(*deltas).delta
    for name in deltas[0].tensors:
        torch.testing.assert_close(middle.dense(name), (deltas[0].dense(name) + deltas[1].dense(name)) / 2)


def test_keywords_are_what_the_question_does_not_say() -> None:
    known = Record("a", question="where was Ann born ?", answer="Ann was born in New Rome.")
    page = Record("b", text="The town of Rome is old.")
    assert Keywords().answers([known, page], [0, 0], context()) == ["New Rome.", "town Rome old."]
