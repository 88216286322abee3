"""The two things asked of a model: the predictions of given answers, and new answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel

from benign.data.answers import Answers
from benign.data.batch import Batch
from benign.models.collate import IGNORED
from benign.models.load import Model
from benign.models.sampling import Sampling

HiddenAt = int | float | str | None
"""Where hidden states are taken: after a decoder layer (negative counts from the end, a fraction is of the way up),
under the head (``head``), where they enter the module of another name, or nowhere."""


Around = Callable[[Tensor], AbstractContextManager[object]]
"""(rows of the batch) -> what the one forward pass over them, or the one generation, is wrapped in."""


def unguarded(rows: Tensor) -> AbstractContextManager[object]:
    """Wrapped in nothing."""
    return nullcontext()


def answer_rows(model: Model, batch: Batch, *, hidden_at: HiddenAt = None, around: Around = unguarded) -> Answers:
    """The predictions at the labelled positions, with gradients where the model has them.

    The language-model head runs on these positions only: nothing of the size [B, T, V] is built.

    Args:
        model: The model, with or without an injected adapter.
        batch: A batch padded on the right, with B records of T tokens.
        hidden_at: Where to take the hidden states that are kept with the rows.
        around: What each forward pass is wrapped in.

    Raises:
        ValueError: No token of the batch is labelled.
        UserError: The model has no such layer.
    """
    batch = batch.to(model.module.device)
    following = batch.labels[:, 1:] != IGNORED
    owner, _ = torch.nonzero(following, as_tuple=True)
    if not owner.numel():
        raise ValueError("no token of the batch is labelled")
    logits, hidden = _rows(model, batch, following, hidden_at, around)
    return Answers(
        logits=logits.float(),
        labels=batch.labels[:, 1:][following],
        owner=owner,
        count=batch.count,
        hidden=hidden,
    )


def _rows(
    model: Model, batch: Batch, following: Tensor, hidden_at: HiddenAt, around: Around
) -> tuple[Tensor, Tensor | None]:
    parts = [(index, inputs) for index, inputs in sub_batches(model, batch) if following[index].any()]
    found = []
    for index, inputs in parts:
        with around(index):
            found.append(gathered(model, inputs, _places(following[index]), hidden_at))
    if len(found) == 1:
        return found[0]
    # Back from the order of the parts to the order of the batch.
    order = torch.cat([torch.nonzero(following & _chosen(index, following), as_tuple=False) for index, _ in parts])
    back = torch.argsort(order[:, 0] * following.shape[1] + order[:, 1])
    hidden = [h for _, h in found if h is not None]
    return torch.cat([logits for logits, _ in found])[back], torch.cat(hidden)[back] if hidden else None


def _places(mask: Tensor) -> tuple[Tensor, Tensor]:
    rows, columns = mask.nonzero(as_tuple=True)
    return rows, columns


def _chosen(index: Tensor, like: Tensor) -> Tensor:
    rows = torch.zeros(like.shape[0], dtype=torch.bool, device=like.device)
    rows[index] = True
    return rows[:, None]


def gathered(
    model: Model, inputs: Mapping[str, Tensor], at: tuple[Tensor, Tensor], hidden_at: HiddenAt
) -> tuple[Tensor, Tensor | None]:
    """[rows, V] logits at the places (sequence, position) given, in their order, and [rows, H] hidden states there
    where asked for.

    The rows are picked where they enter the head, inside the model's own forward, so that whatever a family
    does to its logits (scaling, soft cap) and whatever wraps it (sharding, adapters) still happens.
    """
    entered: list[Tensor] = []
    passed: list[Tensor] = []

    def pick(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        rows = args[0][at]
        entered.append(rows)
        return (rows[None], *args[1:])

    def look(_: nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
        states = output[0] if isinstance(output, tuple) else output
        passed.append(states[at])

    def read(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        # Picked afterwards: a layer that is computed again in the backward pass must do the same without this hook.
        passed.append(args[0])

    with ExitStack() as hooks:
        hooks.callback(model.family.head_of(model.module).register_forward_pre_hook(pick).remove)
        if isinstance(hidden_at, int | float):
            layer = model.family.layers_of(model.module)[model.family.layer_number(model.module, hidden_at)]
            hooks.callback(layer.register_forward_hook(look).remove)
        elif hidden_at not in ("head", None):
            hooks.callback(model.module.get_submodule(hidden_at).register_forward_pre_hook(read).remove)
        output = model.module(**inputs, use_cache=False)
    if len(entered) != 1:
        raise RuntimeError(
            f"the head {model.family.head} of {model.family.name} ran {len(entered)} times in one forward pass"
        )
    if model.shards:
        model.shards.passed(output.logits)
    if hidden_at is None:
        return output.logits[0], None
    found = (entered if hidden_at == "head" else passed)[0]
    # Some modules see the tokens of all sequences as one list.
    whole = isinstance(hidden_at, str) and hidden_at != "head"
    return output.logits[0], found.reshape(*inputs["input_ids"].shape, -1)[at] if whole else found


@contextmanager
def in_step(model: Model, passes: int) -> Iterator[None]:
    """Within it so many passes are made; a process that shares its layers then makes as many as the one with most."""
    most = model.shards.most(passes) if model.shards else passes
    yield
    if model.shards is None:
        return
    one = torch.ones(1, 1, dtype=torch.long, device=model.module.device)
    inputs = {"input_ids": 0 * one, "attention_mask": one}
    if model.family.token_types:
        inputs["token_type_ids"] = 0 * one
    for _ in range(most - passes):
        model.shards.passed(model.module(**inputs, use_cache=False).logits)


def sub_batches(model: Model, batch: Batch) -> Iterator[tuple[Tensor, Mapping[str, Tensor]]]:
    """(row indices, inputs) of each forward pass: one, or one for every number of pictures per record."""
    rows = torch.arange(batch.count, device=batch.labels.device)
    mask = batch.inputs.get("cross_attention_mask")
    if model.family.mixes or mask is None:
        yield rows, batch.inputs
        return
    pictures = mask.any(dim=1).any(dim=-1).sum(dim=-1)  # [B], from [B, T, pictures, tiles]
    for number in pictures.unique().tolist():
        chosen = pictures == number
        inputs = {name: batch.inputs[name][chosen] for name in ("input_ids", "attention_mask")}
        if number:
            # The picture tensors have a row for each record with pictures, filled up to the largest number.
            inputs["cross_attention_mask"] = mask[chosen][:, :, :number]
            seen = {name: value for name, value in batch.inputs.items() if name not in inputs}
            inputs |= {name: value[chosen[pictures > 0]][:, :number] for name, value in seen.items()}
        yield rows[chosen], inputs


@torch.no_grad()
def generate(
    model: Model,
    batch: Batch,
    max_new_tokens: int,
    *,
    sampling: Sampling | None = None,
    around: Around = unguarded,
) -> list[list[int]]:
    """Answers, greedy unless told: the new tokens of each record, without the one that ends the answer.

    Args:
        model: The model, with or without an injected adapter.
        batch: Prompts padded on the left.
        max_new_tokens: How many tokens an answer may have at most.
        sampling: What chance chooses the tokens; None takes the likeliest.
        around: What each generation is wrapped in.
    """
    batch = batch.to(model.module.device)
    answers: list[list[int]] = [[] for _ in range(batch.count)]
    with _plainly_greedy(model):
        for index, inputs in sub_batches(model, batch):
            options: dict[str, Any] = {**inputs, "max_new_tokens": max_new_tokens}
            prompt = inputs["input_ids"].shape[1]
            if sampling is not None:
                options["logits_processor"] = LogitsProcessorList([sampling.chooser(index, prompt)])
            # Processes that share the layers go on until the last of them has answered.
            options["synced_gpus"] = model.shards is not None
            with around(index):
                tokens = model.module.generate(**options)[:, prompt:]
            for row, new in zip(index.tolist(), tokens.tolist(), strict=True):
                answers[row] = _until_end(new, model.processor.end_ids)
    return answers


def _until_end(tokens: list[int], ends: tuple[int, ...]) -> list[int]:
    stop = next((place for place, token in enumerate(tokens) if token in ends), len(tokens))
    return tokens[:stop]


@contextmanager
def _plainly_greedy(model: Model) -> Iterator[None]:
    """Sets aside the sampling settings and penalties that a model ships with, and dropout."""
    module: PreTrainedModel = model.module
    shipped, training = module.generation_config, module.training
    module.generation_config = GenerationConfig(
        do_sample=False,
        pad_token_id=model.processor.pad_id,
        eos_token_id=list(model.processor.end_ids) or None,
    )
    module.eval()
    try:
        yield
    finally:
        module.generation_config = shipped
        module.train(training)
