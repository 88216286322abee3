"""Where a guard takes hold of a model, in scoring exactly as in generation; its own hooks only, and only for one pass.

In generation the question is the first pass and every later pass is one token of the answer; in scoring both are one
pass. So whatever concerns the question acts on its tokens in the first pass and leaves the answer's alone.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from benign.data.answers import Answers
from benign.data.batch import Batch
from benign.engine.guard import Fitted
from benign.models.change import Delta
from benign.models.collate import collate
from benign.models.delta import applied
from benign.models.forward import Around, answer_rows
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.models.prompts import Spans, prompt_of, prompt_states
from benign.models.quantized import added
from benign.models.shallow import shallow
from benign.models.vision_cache import Seen, VisionCache
from benign.parts.guards import Guard, LogitGuard, Prompt, PromptGuard, StateGuard


def is_prompt_guard(guard: Guard) -> bool:
    """Whether a guard looks at a question and fires or not."""
    return hasattr(guard, "fires")


def fired(model: Model, fitted: Fitted, prompts: Sequence[Batch], vision: VisionCache | None = None) -> Tensor:
    """[records] on which questions a prompt guard fires.

    Args:
        model: The model.
        fitted: A prompt guard.
        prompts: Encoded questions, each a batch of one without an answer.
        vision: Where the features of pictures are kept.
    """
    guard: PromptGuard = fitted.guard  # type: ignore[assignment]
    layers = [model.family.layer_number(model.module, layer) for layer in guard.watches]
    tokens = [prompt.inputs["input_ids"][0] for prompt in prompts]
    return guard.fires(fitted.tensors, prompt_states(model, prompts, layers, vision), tokens)


def guarded_rows(model: Model, examples: Sequence[Batch], fitted: Fitted, vision: VisionCache) -> Answers:
    """The predictions of the labelled tokens behind a guard, in the order of the examples.

    What a guard that spares does not fire on is computed as without it, in the same passes: bit for bit the same.
    """
    guard = fitted.guard
    if hasattr(guard, "joined"):
        own = packed_rows(model, examples, vision=vision)
        with _assisting(model, fitted):
            other = packed_rows(model, examples, vision=vision)
        return replace(own, logits=guard.joined(own.logits, other.logits))
    if not is_prompt_guard(guard):
        return _wrapped(model, examples, fitted, torch.ones(len(examples), dtype=torch.bool), vision)
    own = packed_rows(model, examples, vision=vision)
    on = fired(model, fitted, [prompt_of(example) for example in examples], vision)
    if not on.any():
        return own
    changed = _wrapped(model, [examples[i] for i in on.nonzero()[:, 0].tolist()], fitted, on[on], vision)
    logits = own.logits.clone()
    logits[on.to(own.owner.device)[own.owner]] = changed.logits
    return replace(own, logits=logits)


def generating(model: Model, prompts: Sequence[Batch], batch: Batch, fitted: Fitted, vision: VisionCache) -> Around:
    """What the generation of answers to these questions is wrapped in.

    Args:
        model: The model.
        prompts: The encoded questions.
        batch: All of them, padded on the left.
        fitted: The guard.
        vision: Where the features of pictures are kept.
    """
    guard = fitted.guard
    if hasattr(guard, "joined"):
        return lambda rows: _twinned(model, fitted)
    on = fired(model, fitted, prompts, vision) if is_prompt_guard(guard) else torch.ones(len(prompts), dtype=torch.bool)
    return _holding(model, fitted, batch, on)


def _wrapped(model: Model, examples: Sequence[Batch], fitted: Fitted, on: Tensor, vision: VisionCache) -> Answers:
    batch = collate(examples, pad_id=model.processor.pad_id)
    with vision.serving(model, [Seen.of(example) for example in examples]):
        return answer_rows(model, batch, around=_holding(model, fitted, batch, on))


def _holding(model: Model, fitted: Fitted, batch: Batch, on: Tensor) -> Around:
    """Takes hold of the questions of a batch on which the guard is on."""
    spans = Spans.of(batch, sorted(model.processor.picture_ids)).to(model.module.device)

    @contextmanager
    def hold(rows: Tensor) -> Iterator[None]:
        part, acts = spans[rows], on.to(rows.device)[rows]
        with ExitStack() as hooks:
            if acts.any() and is_prompt_guard(fitted.guard):
                hooks.enter_context(entering(model, _changing(fitted, part, acts)))
            elif acts.any():
                hooks.enter_context(_steering(model, fitted, part))
            yield

    return hold


@contextmanager
def entering(model: Model, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within it ``change`` is made to what enters the first decoder layer, pictures in their places, [B, T, H], in the
    first pass."""
    passes = 0

    def hook(_: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        nonlocal passes
        passes += 1
        if passes > 1:
            return None
        if args:
            return (change(args[0]), *args[1:]), options
        return args, {**options, "hidden_states": change(options["hidden_states"])}

    first = model.family.layers_of(model.module)[0]
    handle = first.register_forward_pre_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _changing(fitted: Fitted, spans: Spans, acts: Tensor) -> Callable[[Tensor], Tensor]:
    guard: PromptGuard = fitted.guard  # type: ignore[assignment]

    def change(hidden: Tensor) -> Tensor:
        hidden = hidden.clone()
        for row in acts.nonzero()[:, 0].tolist():
            inside = spans.inside[row]
            prompt = Prompt(hidden[row, inside], spans.tokens[row, inside], spans.pictures[row, inside])
            hidden[row, inside] = guard.changed(fitted.tensors, prompt).to(hidden)
        return hidden

    return change


@contextmanager
def _steering(model: Model, fitted: Fitted, spans: Spans) -> Iterator[None]:
    guard: StateGuard = fitted.guard  # type: ignore[assignment]
    rows = torch.arange(len(spans.last), device=spans.last.device)

    def moved(layer: int | float) -> Callable[..., Any]:
        passes = 0

        def hook(_: nn.Module, __: object, output: Any) -> Any:
            nonlocal passes
            passes += 1
            if passes > 1:
                return None
            states = output[0] if isinstance(output, tuple) else output
            shift = guard.shift(fitted.tensors, layer, states[rows, spans.last].float()).to(states)
            states = torch.where(spans.inside[..., None], states + shift[:, None], states)
            return (states, *output[1:]) if isinstance(output, tuple) else states

        return hook

    with ExitStack() as hooks:
        for layer in guard.layers:
            module = model.family.layers_of(model.module)[model.family.layer_number(model.module, layer)]
            hooks.callback(module.register_forward_hook(moved(layer)).remove)
        yield


@contextmanager
def _assisting(model: Model, fitted: Fitted) -> Iterator[None]:
    """Within it the model is the assistant: its own first layers, changed by what was trained."""
    guard: LogitGuard = fitted.guard  # type: ignore[assignment]
    with shallow(model, guard.depth):
        changes = guard.assistant(fitted.tensors).tensors
        linears = {f"{n}.weight": part for n, part in model.module.named_modules() if isinstance(part, nn.Linear)}
        beside = {name: change for name, change in changes.items() if name in linears}
        # Norms, biases and embeddings have no product that a change could be added to: they are written to.
        within = Delta({name: change for name, change in changes.items() if name not in linears})
        with added(linears, beside), applied(model, within) if within.tensors else nullcontext():
            yield


@contextmanager
def _twinned(model: Model, fitted: Fitted) -> Iterator[None]:
    """Within it, each forward pass of a generation is one of the model and one of the assistant, with a cache each."""
    guard: LogitGuard = fitted.guard  # type: ignore[assignment]
    module: Any = model.module
    own, cache = module.forward, None

    @functools.wraps(own)
    def both(*args: Any, **options: Any) -> Any:
        nonlocal cache
        if cache is None:
            # Of the kind that the family generates with, and still empty.
            cache = copy.deepcopy(options.get("past_key_values"))
        output = own(*args, **options)
        with _assisting(model, fitted):
            other = own(*args, **{**options, "past_key_values": cache})
        output.logits = guard.joined(output.logits.float(), other.logits.float())
        return output

    module.forward = both
    try:
        yield
    finally:
        del module.forward
