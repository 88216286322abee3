"""The residual stream at the places where answers are predicted: read after every layer, or replaced by another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from benign.data.answers import Answers
from benign.data.batch import Batch
from benign.data.softmax import label_logp
from benign.models.collate import IGNORED
from benign.models.forward import answer_rows
from benign.models.load import Model

_ROWS = 256  # at a time, where something of the size [rows, V] is built


def layer_count(model: Model) -> int:
    """How many decoder layers the model has."""
    return len(model.family.layers_of(model.module))


@torch.no_grad()
def layer_states(model: Model, batch: Batch) -> Tensor:
    """[layers, rows, H] the output of every decoder layer where a labelled token is predicted, before the final norm.

    The last entry is what the final norm gets, not what it makes of it: transformers' ``hidden_states[-1]`` is the
    latter, which cannot be put back in without being normed twice.

    Args:
        model: The model, in the mode (dropout or none) that it is in.
        batch: Of a family that cannot mix records, of one record.
    """
    found: list[Tensor] = []
    at = _places(batch)

    def look(_: nn.Module, __: object, output: Any) -> None:
        found.append(_states(output)[tuple(place.to(_states(output).device) for place in at)].detach())

    with ExitStack() as hooks:
        for layer in model.family.layers_of(model.module):
            hooks.callback(layer.register_forward_hook(look).remove)
        answer_rows(model, batch)
    return torch.stack(found)


@torch.no_grad()
def patched_rows(model: Model, batch: Batch, layer: int, states: Tensor) -> Answers:
    """The predictions of the labelled tokens with the output of one decoder layer replaced where they are predicted.

    Args:
        model: The model that goes on from the replaced states.
        batch: As for :func:`layer_states`.
        layer: The number of the decoder layer, from 0 on or negative.
        states: [rows, H], in the order of :func:`layer_states`.
    """
    with _replaced(model, layer, states, _places(batch)):
        return answer_rows(model, batch)


@torch.no_grad()
def read_out(model: Model, states: Tensor, labels: Tensor) -> Tensor:
    """[rows] the log-probability (nats) of each label by the model's own final norm and head of [rows, H] states.

    Every family has its own way from the last layer to the logits (norm, scaling, soft cap). So the model itself
    takes it, on sequences of one token whose last layer's output is replaced by the states.
    """
    found = []
    for part, asked in zip(states.split(_ROWS), labels.split(_ROWS), strict=True):
        one = torch.zeros(len(part), 1, dtype=torch.long, device=model.module.device)
        inputs = {"input_ids": one, "attention_mask": one + 1}
        if model.family.token_types:
            inputs["token_type_ids"] = one
        with _replaced(model, -1, part, (torch.arange(len(part)), torch.zeros(len(part), dtype=torch.long))):
            logits = model.module(**inputs, use_cache=False).logits[:, 0]
        found.append(label_logp(logits.float(), asked.to(logits.device)))
    return torch.cat(found)


@contextmanager
def _replaced(model: Model, layer: int, states: Tensor, at: Sequence[Tensor]) -> Iterator[None]:
    def put(_: nn.Module, __: object, output: Any) -> Any:
        changed = _states(output).clone()
        changed[tuple(place.to(changed.device) for place in at)] = states.to(changed)
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    handle = model.family.layers_of(model.module)[layer].register_forward_hook(put)
    try:
        yield
    finally:
        handle.remove()


def _states(output: Any) -> Tensor:
    states: Tensor = output[0] if isinstance(output, tuple) else output
    return states


def _places(batch: Batch) -> tuple[Tensor, Tensor]:
    rows, columns = (batch.labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
    return rows, columns
