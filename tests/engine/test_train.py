"""The training loop: equal to a straightforward one, whatever the micro-batch, the update's way and the locus."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from benign.data.record import Data
from benign.engine import checkpoint
from benign.engine.attach import attached
from benign.engine.draw import drawn
from benign.engine.log import Log
from benign.engine.recipe import Optim, Term, Train
from benign.engine.train import Job, learning_rate, train
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.load import Model, load
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.objectives.grad_ascent import GradientAscent
from benign.parts.objectives.kl import KLToReference
from benign.parts.samplers.interleaved_ratio import InterleavedRatio
from benign.parts.targets import Context
from benign.parts.targets.refusal import Refusal
from benign.parts.updates import Gradient, State, Step
from tests import toys

STILL = Lora(rank=4, dropout=0.0)
OPTIM = Optim(lr=1e-2, epochs=None, steps=6, schedule="cosine", warmup=0.3)
TERMS = (
    Term("forget", CrossEntropy(), on="forget", target=Refusal(), batch=2),
    Term("retain", CrossEntropy(), on="keep", batch=3, weight=0.5),
    Term("close", KLToReference(), on="keep", batch=2, weight=2.0),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def run(model: Model, stage: Train, folder: Path, data: Data | None = None) -> Delta:
    context = Context(data or toys.data(), 0, lambda records: [r.gold for r in records])
    folder.mkdir(exist_ok=True)
    job = Job(model, stage, drawn(stage, context), 0, "key", folder, Log(folder / "log.jsonl"), lambda *_: None)
    return train(job)[0]


def close(one: Delta, other: Delta, tolerance: float) -> None:
    assert set(one.tensors) == set(other.tensors)
    for name in one.tensors:
        torch.testing.assert_close(one.dense(name), other.dense(name), atol=tolerance, rtol=1e-4)


@dataclass(frozen=True)
class SumApart:
    """The weighted sum, by way of separate gradients."""

    def init(self, parameters: Gradient) -> State:
        return State()

    def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
        gradients = step.gradients()
        assert list(gradients) == ["forget", "retain", "close"]
        return tuple(torch.stack(column).sum(0) for column in zip(*gradients.values(), strict=True)), state


def test_micro_batches_train_the_same(model: Model, tmp_path: Path) -> None:
    stage = Train("s", TERMS, OPTIM, STILL)
    small = replace(stage, optim=replace(OPTIM, micro_batch=2))
    close(run(model, stage, tmp_path / "a"), run(model, small, tmp_path / "b"), 1e-5)


def test_separate_gradients_sum_to_the_joined_one(model: Model, tmp_path: Path) -> None:
    stage = Train("s", TERMS, OPTIM, STILL)
    close(run(model, stage, tmp_path / "a"), run(model, replace(stage, update=SumApart()), tmp_path / "b"), 1e-5)


def test_one_step_of_all_weights_is_the_hand_written_step(model: Model, tmp_path: Path) -> None:
    """AdamW's first step moves each weight by lr against the sign of its clipped gradient (up to its epsilon)."""
    data = toys.data()
    term = Term("forget", CrossEntropy(), on="forget", batch=2)
    optim = Optim(lr=1e-3, epochs=None, steps=1, schedule="constant", clip=1e9)
    delta = run(model, Train("s", (term,), optim, AllWeights()), tmp_path, data)
    tokenizer, module = model.processor.tokenizer, model.module
    module.requires_grad_(True)
    total, count = torch.zeros(()), 0
    for record in data.forget:
        chat = [{"role": "user", "content": record.question}, {"role": "assistant", "content": record.answer}]
        ids = tokenizer.apply_chat_template(chat, tokenize=True, return_tensors="pt", return_dict=True)["input_ids"]
        logp = module(ids).logits.log_softmax(-1)[0, :-1].gather(-1, ids[0, 1:, None])[-2:]  # the answer and </s>
        total, count = total - logp.sum(), count + 2
    gradients = torch.autograd.grad(total / count, [p for _, p in module.named_parameters()])
    module.requires_grad_(False)
    for (name, _), gradient in zip(module.named_parameters(), gradients, strict=True):
        expected = -1e-3 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(delta.dense(name), expected, atol=1e-4, rtol=1e-2)


@pytest.mark.parametrize("locus", [STILL, AllWeights()], ids=["adapter off", "from disk"])
def test_the_reference_is_the_original_model_while_the_weights_move(
    model: Model, tmp_path: Path, locus: Lora | AllWeights
) -> None:
    run(model, Train("s", TERMS, OPTIM, locus), tmp_path)
    steps = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert abs(steps[0]["close"]) < 1e-5
    assert steps[-1]["close"] > 1e-3


@pytest.mark.parametrize("locus", [STILL, AllWeights()], ids=["lora", "all"])
def test_the_model_is_bit_for_bit_the_original_afterwards(
    model: Model, tmp_path: Path, locus: Lora | AllWeights
) -> None:
    before = {name: p.detach().clone() for name, p in model.module.named_parameters()}
    run(model, Train("s", TERMS[:2], OPTIM, locus), tmp_path)
    after = dict(model.module.named_parameters())
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_lora_within_one_layer_moves_that_layer_only(model: Model, tmp_path: Path) -> None:
    delta = run(model, Train("s", TERMS[:1], OPTIM, replace(STILL, within=(1,))), tmp_path)
    assert delta.tensors
    assert all(".layers.1." in name for name in delta.tensors)


def test_a_locus_that_matches_nothing_names_the_nearest(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nearest names.*q_proj"):
        run(model, Train("s", TERMS[:1], OPTIM, Lora(modules=r"model\.layers\.\d+\.attention\.q_proj")), tmp_path)
    with pytest.raises(UserError, match=r"layers \(7,\)"):
        run(model, Train("s", TERMS[:1], OPTIM, Lora(within=(7,))), tmp_path)


def test_a_loss_that_is_not_finite_stops_with_the_last_good_state(model: Model, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Breaks(GradientAscent):
        def __call__(self, answers):  # type: ignore[no-untyped-def]
            return super().__call__(answers) * (float("nan") if broken() else 1.0)

    calls = iter([False, False, True])

    def broken() -> bool:
        return next(calls)

    stage = Train("s", (Term("forget", Breaks(), on="forget", batch=2),), OPTIM, STILL)
    with pytest.raises(UserError, match="not finite at step 2"):
        run(model, stage, tmp_path)
    assert '"step": 2' in (tmp_path / "checkpoint.json").read_text()
    assert not any(".lora_" in name for name, _ in model.module.named_parameters())


def test_learning_rates_by_hand() -> None:
    linear = Optim(lr=1.0, schedule="linear", warmup=0.2)
    assert [learning_rate(linear, step, 10) for step in (0, 1, 2, 6)] == pytest.approx([0.5, 1.0, 1.0, 0.5])
    cosine = Optim(lr=1.0, schedule="cosine")
    assert [learning_rate(cosine, step, 10) for step in (0, 5)] == pytest.approx([1.0, 0.5])
    assert learning_rate(Optim(lr=1.0, schedule="constant"), 9, 10) == 1.0


def test_jittered_variants_take_turns_over_the_epochs() -> None:
    term = Term("forget", CrossEntropy(), on="forget", batch=2, jitter=2)
    stage = Train("s", (term,), replace(OPTIM, steps=6), STILL)
    context = Context(toys.data(), 0, lambda records: [r.gold for r in records])
    shown: dict[str, list[int]] = {}
    for step in drawn(stage, context):
        for item in step[0]:
            shown.setdefault(item.record.id, []).append(item.variant)
    assert {record: sorted(variants) for record, variants in shown.items()} == {
        "ann/city": [0, 0, 1, 1, 2, 2],
        "ann/pet": [0, 0, 1, 1, 2, 2],
    }
    plain = drawn(replace(stage, terms=(replace(term, jitter=0),)), context)
    assert {item.variant for step in plain for item in step[0]} == {0}
    assert len({item.key for step in drawn(stage, context) for item in step[0]}) == 6


def test_a_moved_step_leaves_parameters_and_losses_as_they_were(model: Model, tmp_path: Path) -> None:
    seen: dict[str, object] = {}

    @dataclass(frozen=True)
    class Looks:
        def init(self, parameters: Gradient) -> State:
            seen["parameters"] = parameters
            return State()

        def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
            parameters = seen["parameters"]
            assert isinstance(parameters, tuple)
            before = [p.detach().clone() for p in parameters]
            here, gradient = step.losses(), step.sum()
            with step.moved(tuple(torch.full_like(p, 0.3) for p in parameters)):
                elsewhere = step.sum()
                seen["apart"] = max(float((a - b).abs().max()) for a, b in zip(gradient, elsewhere, strict=True))
                seen["there"] = step.losses()["forget"]
            assert all(torch.equal(a, b) for a, b in zip(before, parameters, strict=True))
            assert step.losses() == pytest.approx(here, rel=1e-6)
            seen["here"] = here["forget"]
            return gradient, state

    run(model, Train("s", TERMS[:2], replace(OPTIM, steps=1), STILL, update=Looks()), tmp_path)
    assert isinstance(seen["apart"], float) and seen["apart"] > 1e-4
    assert seen["there"] != pytest.approx(seen["here"], rel=1e-3)


def test_a_term_that_rests_has_no_gradient_of_its_own(model: Model, tmp_path: Path) -> None:
    terms = (TERMS[0], replace(TERMS[1], sampler=InterleavedRatio(every=2)))
    seen: list[float] = []

    @dataclass(frozen=True)
    class Looks:
        def init(self, parameters: Gradient) -> State:
            return State()

        def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
            apart = step.gradients()
            assert list(apart) == ["forget", "retain"]
            seen.append(max(float(g.abs().max()) for g in apart["retain"]))
            return apart["forget"], state

    run(model, Train("s", terms, replace(OPTIM, steps=4), STILL, update=Looks()), tmp_path)
    assert [value > 0 for value in seen] == [True, False, True, False]


def test_no_step_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="stage s: a stage takes at least one step, got 0"):
        run(model, Train("s", TERMS, replace(OPTIM, steps=0), STILL), tmp_path)


def test_layers_computed_again_give_the_same_weights(model: Model, tmp_path: Path) -> None:
    plain = run(model, Train("s", TERMS, OPTIM, STILL), tmp_path / "plain")
    again = run(model, Train("s", TERMS, replace(OPTIM, checkpointing=True), STILL), tmp_path / "again")
    close(plain, again, 1e-7)
    assert not any(getattr(part, "gradient_checkpointing", False) for part in model.module.modules())

    calls: list[bool] = []
    stage = Train("s", TERMS[:1], replace(OPTIM, steps=1), STILL)
    handle = model.module.model.layers[0].mlp.register_forward_pre_hook(
        lambda *_: calls.append(torch.is_grad_enabled())
    )
    try:
        run(model, stage, tmp_path / "once")
        once = len(calls)
        run(model, replace(stage, optim=replace(stage.optim, checkpointing=True)), tmp_path / "twice")
    finally:
        handle.remove()
    assert once > 0 and len(calls) - once == 2 * once, "the layers are run again in the backward pass"


def test_without_a_mean_of_gradients_a_step_is_the_gradients_sign(model: Model, tmp_path: Path) -> None:
    optim = Optim(lr=1e-3, epochs=None, steps=2, schedule="constant", betas=(0.0, 0.999), clip=1e9)
    locus = AllWeights()
    terms = (Term("forget", CrossEntropy(), on="forget", batch=2),)
    two = run(model, Train("s", terms, optim, locus), tmp_path / "two")
    one = run(model, Train("s", terms, replace(optim, steps=1), locus), tmp_path / "one")
    mean = run(model, Train("s", terms, replace(optim, betas=(0.9, 0.999)), locus), tmp_path / "mean")
    name = "model.layers.1.mlp.down_proj.weight"
    # The first step is the sign whatever the betas; the second one is g2 / sqrt((b v1 + g2^2 (1 - b)) / (1 - b^2)).
    torch.testing.assert_close(one.dense(name).abs().max(), torch.tensor(1e-3), rtol=1e-3, atol=0)
    assert float((two.dense(name) - mean.dense(name)).abs().max()) > 1e-5


def test_a_checkpoint_that_was_cut_off_is_skipped_and_a_flipped_bit_is_told(model: Model, tmp_path: Path) -> None:
    stage = Train("s", TERMS[:1], OPTIM, STILL)
    job = _checkpointed(model, stage, tmp_path)
    state, tensors = tmp_path / "checkpoint.json", next(tmp_path.glob("*.safetensors"))
    whole, content = state.read_bytes(), tensors.read_bytes()
    straight = run(model, stage, tmp_path / "straight")
    for size in (*range(0, len(whole), 37), len(whole) - 1):
        state.write_bytes(whole[:size])
        assert _read(job, model) is None
    state.write_bytes(whole)
    for size in (0, 8, len(content) // 2, len(content) - 1):
        tensors.write_bytes(content[:size])
        assert _read(job, model) is None
    close(train(job)[0], straight, 0.0)
    state.write_bytes(whole)
    tensors.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match="the checkpoint is damaged"):
        train(job)


def _checkpointed(model: Model, stage: Train, folder: Path) -> Job:
    """A job that was interrupted behind its third step."""

    def interrupt(_: str, done: int, __: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    context = Context(toys.data(), 0, lambda records: [r.gold for r in records])
    log = Log(folder / "log.jsonl")
    steps = drawn(stage, context)
    with pytest.raises(KeyboardInterrupt):
        train(Job(model, stage, steps, 0, "key", folder, log, interrupt, save_every_seconds=0.0))
    return Job(model, stage, steps, 0, "key", folder, log, lambda *_: None)


def _read(job: Job, model: Model) -> object:
    with attached(model, job.stage.locus, seed=0, scratch=job.folder / "scratch") as moving:
        return checkpoint.read(job.folder, job.key, moving.parameters, torch.optim.AdamW(moving.parameters.values()))


def test_an_update_sees_what_the_optimiser_divides_by(model: Model, tmp_path: Path) -> None:
    handed: list[Gradient] = []
    seen: list[Gradient | None] = []

    @dataclass(frozen=True)
    class Noted:
        def init(self, parameters: Gradient) -> State:
            return State()

        def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
            gradient = step.sum()
            seen.append(step.scale())
            handed.append(tuple(way.clone() for way in gradient))
            return gradient, state

    clip, beta = 0.05, 0.9
    optim = replace(OPTIM, steps=3, clip=clip, betas=(0.0, beta))
    run(model, Train("s", TERMS[:2], optim, STILL, Noted()), tmp_path)
    assert seen[0] is None
    squares = [torch.zeros_like(way) for way in handed[0]]
    for number, gradient in enumerate(handed[:-1], start=1):
        length = float(torch.cat([way.flatten() for way in gradient]).norm())
        assert length > 2 * clip, "clipping would not show"
        squares = [beta * s + (1 - beta) * (way * clip / length) ** 2 for s, way in zip(squares, gradient, strict=True)]
        scale = seen[number]
        assert scale is not None
        for found, mean in zip(scale, squares, strict=True):
            torch.testing.assert_close(found, (mean / (1 - beta**number)).sqrt() + 1e-8, rtol=1e-3, atol=1e-7)


def test_second_derivatives_are_those_of_the_gradient(model: Model, tmp_path: Path) -> None:
    seen = []

    @dataclass(frozen=True)
    class Bent:
        def init(self, parameters: Gradient) -> State:
            return State()

        def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
            ways = step.gradients()
            exact = step.curved({"forget": ways["retain"], "close": ways["forget"]})
            reach, ends = 1e-2, []
            for sign in (1, -1):
                with step.moved(tuple(sign * reach * way for way in ways["retain"])):
                    forget = step.gradients(["forget"])["forget"]
                with step.moved(tuple(sign * reach * way for way in ways["forget"])):
                    close_ = step.gradients(["close"])["close"]
                ends.append([a + b for a, b in zip(forget, close_, strict=True)])
            differences = [(a - b) / (2 * reach) for a, b in zip(*ends, strict=True)]
            seen.append((torch.cat([e.flatten() for e in exact]), torch.cat([d.flatten() for d in differences])))
            return step.sum(), state

    for micro_batch in (None, 2):
        stage = Train("s", TERMS, replace(OPTIM, steps=2, micro_batch=micro_batch), STILL, Bent())
        run(model, stage, tmp_path / str(micro_batch))
    for exact, difference in seen:
        assert float((exact - difference).norm()) < 0.02 * float(exact.norm())
    torch.testing.assert_close(seen[0][0], seen[2][0], rtol=1e-3, atol=1e-4 * float(seen[0][0].abs().max()))


def test_plain_steps_are_the_gradient_times_the_rate(model: Model, tmp_path: Path) -> None:
    handed: list[Gradient] = []

    @dataclass(frozen=True)
    class Handed:
        def init(self, parameters: Gradient) -> State:
            return State()

        def __call__(self, step: Step, state: State) -> tuple[Gradient, State]:
            assert step.scale() is None
            handed.append(tuple(way.clone() for way in step.sum()))
            return handed[-1], state

    optim = Optim(lr=0.5, epochs=None, steps=3, schedule="constant", clip=1e9, optimizer="sgd")
    delta = run(model, Train("s", TERMS[:1], optim, AllWeights(), Handed()), tmp_path)
    names = sorted(delta.tensors)
    for place, name in enumerate(names):
        expected = -0.5 * sum(gradient[place] for gradient in handed)
        torch.testing.assert_close(delta.dense(name), expected, rtol=1e-4, atol=1e-6)
