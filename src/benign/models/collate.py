"""Puts encoded records side by side: sequences padded to one length, pictures one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from benign.data.batch import Batch

Side = Literal["right", "left"]
IGNORED = -100
ALIGNED = ("attention_mask", "token_type_ids", "mm_token_type_ids", "cross_attention_mask")
"""Inputs with one entry per token (dimension 1), padded with zeros."""
PER_TOKEN = ("input_ids", *ALIGNED)
"""The inputs that belong to tokens; all others belong to pictures."""


def collate(examples: Sequence[Batch], *, side: Side = "right", pad_id: int) -> Batch:
    """One batch of several examples.

    Args:
        examples: Encoded records, each a batch of its own.
        side: Where the padding goes: right to train and score, left to generate.
        pad_id: The token that fills up ``input_ids``.

    Raises:
        ValueError: There are no examples.
    """
    if not examples:
        raise ValueError("a batch needs at least one example")
    length = max(example.labels.shape[1] for example in examples)
    inputs: dict[str, Tensor] = {}
    for name in dict.fromkeys(name for example in examples for name in example.inputs):
        if name == "input_ids":
            inputs[name] = _sequences([e.inputs[name] for e in examples], length, side, pad_id)
        elif name in ALIGNED:
            inputs[name] = _sequences(_filled(examples, name), length, side, 0)
        else:
            inputs[name] = _pictures([e.inputs[name] for e in examples if name in e.inputs])
    labels = _sequences([example.labels for example in examples], length, side, IGNORED)
    return Batch(inputs, labels, tuple(id for example in examples for id in example.ids))


def continued(prompt: Batch, ids: Tensor, *, unlabelled: int = 0) -> Batch:
    """A question with more tokens of text behind it, all but the first few of them labelled.

    Args:
        prompt: An encoded question, a batch of one.
        ids: [n] the tokens.
        unlabelled: How many of them come before the labelled ones.
    """
    inputs, said = dict(prompt.inputs), ids[None]
    inputs["input_ids"] = torch.cat([inputs["input_ids"], said.to(inputs["input_ids"])], dim=1)
    for name in ALIGNED:
        if name in inputs:
            inputs[name] = torch.cat([inputs[name], _text(name, inputs[name], len(ids))], dim=1)
    labels = torch.cat([torch.full_like(said[:, :unlabelled], IGNORED), said[:, unlabelled:]], dim=1)
    return Batch(inputs, torch.cat([prompt.labels, labels.to(prompt.labels)], dim=1), prompt.ids)


def _text(name: str, own: Tensor, count: int) -> Tensor:
    """What more tokens of text have in an input with one entry per token."""
    if own.ndim > 2:
        # They look at the pictures that the question's last token looks at.
        return own[:, -1:].expand(-1, count, *own.shape[2:])
    return own.new_full((1, count), int(name == "attention_mask"))


def _filled(examples: Sequence[Batch], name: str) -> list[Tensor]:
    """The input of every example, zeros where it has none, at one trailing shape."""
    model = next(e.inputs[name] for e in examples if name in e.inputs)
    found = [e.inputs.get(name, model.new_zeros(*e.labels.shape, *model.shape[2:])) for e in examples]
    most = [max(sizes) for sizes in zip(*(t.shape[2:] for t in found), strict=True)]
    return [_grown(tensor, [*tensor.shape[:2], *most]) for tensor in found]


def _sequences(rows: Sequence[Tensor], length: int, side: Side, fill: int) -> Tensor:
    padded = []
    for row in rows:
        missing = row.new_full((row.shape[0], length - row.shape[1], *row.shape[2:]), fill)
        padded.append(torch.cat([row, missing] if side == "right" else [missing, row], dim=1))
    return torch.cat(padded)


def _pictures(tensors: Sequence[Tensor]) -> Tensor:
    most = [max(sizes) for sizes in zip(*(t.shape[1:] for t in tensors), strict=True)]
    return torch.cat([_grown(tensor, [tensor.shape[0], *most]) for tensor in tensors])


def _grown(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    # functional.pad takes (before, after) pairs from the last dimension to the first.
    amounts = [n for now, then in zip(reversed(tensor.shape), reversed(shape), strict=True) for n in (0, then - now)]
    return functional.pad(tensor, amounts) if any(amounts) else tensor
