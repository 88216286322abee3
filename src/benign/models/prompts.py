"""Where a prompt ends inside a batch, and what a model holds at its last token, before it answers anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benign.data.batch import Batch
from benign.models.collate import IGNORED, PER_TOKEN, collate
from benign.models.forward import sub_batches
from benign.models.load import Model
from benign.models.shallow import shallow
from benign.models.vision_cache import Seen, VisionCache

_RECORDS = 64  # per forward pass


@dataclass(frozen=True, eq=False)
class Spans:
    """Where the prompts of a batch stand, whichever side it is padded on."""

    inside: Tensor
    """[B, T] true on the prompts' tokens, false on padding and answers."""
    last: Tensor
    """[B] the place of each prompt's last token."""
    tokens: Tensor
    """[B, T] the tokens."""
    pictures: Tensor
    """[B, T] true where a token holds the place of a picture."""

    @classmethod
    def of(cls, batch: Batch, picture_ids: Sequence[int]) -> Spans:
        """The prompts of a batch: all before the first labelled token, or all where nothing is labelled."""
        tokens = batch.inputs["input_ids"]
        inside = batch.inputs["attention_mask"].bool() & ((batch.labels != IGNORED).cumsum(dim=1) == 0)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        last = torch.where(inside, places, -1).amax(dim=1)
        return cls(inside, last, tokens, torch.isin(tokens, torch.tensor(sorted(picture_ids), device=tokens.device)))

    def __getitem__(self, rows: Tensor) -> Spans:
        """Those of some rows."""
        return Spans(self.inside[rows], self.last[rows], self.tokens[rows], self.pictures[rows])

    def to(self, device: torch.device) -> Spans:
        """The same on another device."""
        return Spans(*(t.to(device) for t in (self.inside, self.last, self.tokens, self.pictures)))


def prompt_of(example: Batch) -> Batch:
    """An encoded record without its answer."""
    labelled = torch.nonzero(example.labels[0] != IGNORED)
    if not len(labelled):
        return example
    length = int(labelled[0])
    inputs = {name: value[:, :length] if name in PER_TOKEN else value for name, value in example.inputs.items()}
    return Batch(inputs, example.labels[:, :length], example.ids)


@torch.no_grad()
def prompt_states(
    model: Model, prompts: Sequence[Batch], layers: Sequence[int], vision: VisionCache | None = None
) -> Tensor:
    """[records, layers, H] float32, on the CPU: the output of decoder layers at each prompt's last token.

    Layers above the highest that is asked for do not run.

    Args:
        model: The model, with or without an injected adapter.
        prompts: Encoded prompts, each a batch of one, nothing labelled.
        layers: Numbers of decoder layers, from 0 on; where there are none, the model does not run.
        vision: Where the features of pictures are kept between calls.
    """
    vision = vision or VisionCache()
    found = torch.zeros(len(prompts), len(layers), model.module.config.get_text_config().hidden_size)
    if not layers:
        return found
    order = sorted(range(len(prompts)), key=lambda i: prompts[i].labels.shape[1])
    with shallow(model, None if model.shards else max(layers) + 1):
        for start in range(0, len(order), _RECORDS):
            places = order[start : start + _RECORDS]
            for rows, states in _passes(model, [prompts[i] for i in places], layers, vision):
                found[torch.tensor(places)[rows]] = states
    return found


def _passes(
    model: Model, prompts: Sequence[Batch], layers: Sequence[int], vision: VisionCache
) -> list[tuple[Tensor, Tensor]]:
    """(the records, their states) of each forward pass."""
    batch = collate(prompts, pad_id=model.processor.pad_id).to(model.module.device)
    spans = Spans.of(batch, ())
    found = []
    for rows, inputs in sub_batches(model, batch):
        at = (torch.arange(len(rows), device=rows.device), spans.last[rows])
        passed: dict[int, Tensor] = {}
        with ExitStack() as hooks:
            hooks.enter_context(vision.serving(model, [Seen.of(prompt) for prompt in prompts]))
            for number in dict.fromkeys(layers):
                layer = model.family.layers_of(model.module)[number]
                hooks.callback(layer.register_forward_hook(_reader(passed, number, at)).remove)
            hooks.callback(model.family.head_of(model.module).register_forward_pre_hook(_first_only).remove)
            model.module(**inputs, use_cache=False)
        found.append((rows.cpu(), torch.stack([passed[number] for number in layers], dim=1)))
    return found


def _reader(passed: dict[int, Tensor], number: int, at: tuple[Tensor, Tensor]) -> Callable[..., None]:
    def read(_: nn.Module, __: object, output: Any) -> None:
        states = output[0] if isinstance(output, tuple) else output
        passed[number] = states[at].float().cpu()

    return read


def _first_only(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The head has nothing to say here: one token keeps it from running on all of them."""
    return (args[0][:, :1], *args[1:])
