"""What a guard asks for while it is fitted, answered by the model that it stands before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from benign.data.record import Data, Kind, Record
from benign.engine.draw import records_of
from benign.engine.guard import Fitted
from benign.engine.guarded import entering
from benign.engine.recipe import Source
from benign.engine.serve import Served
from benign.errors import UserError
from benign.models.collate import collate
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.models.prompts import Spans, prompt_states
from benign.models.vision_cache import VisionCache
from benign.parts.guards import Guard, Layer, Tensors

_RECORDS = 64  # per forward pass


@dataclass(frozen=True, eq=False)
class OriginalFitting:
    """:class:`benign.parts.guards.Fitting` of a model, as its weights are now, and a user's records."""

    model: Model
    data: Data
    seed: int
    guard: Guard
    vision: VisionCache = field(default_factory=VisionCache)

    def records(self, on: str, kinds: tuple[Kind, ...] = ("memory",)) -> tuple[Record, ...]:
        """The records of one of the sources."""
        found = tuple(r for r in records_of(self.data, cast(Source, on)) if r.kind in kinds)
        if not found:
            raise UserError(f"no record of kind {', '.join(kinds)} to fit the guard on", where=on)
        return found

    def tokens(self, record: Record) -> Tensor:
        """[T] the tokens of a record's question."""
        return self.model.encoder.prompt(record).inputs["input_ids"][0]

    def states(self, records: Sequence[Record], layers: Sequence[Layer]) -> Tensor:
        """[records, layers, H] the output of decoder layers at the last token of each question."""
        return prompt_states(
            self.model, [self.model.encoder.prompt(r) for r in records], self._numbers(layers), self.vision
        )

    def urged(
        self, records: Sequence[Record], answers: Sequence[str], layers: Sequence[Layer], budget: float, steps: int
    ) -> Tensor:
        """The same, after what enters was moved so that the model gives the answers."""
        if not self.model.family.mixes:
            what = f"a {self.model.family.name} model takes other numbers of pictures in passes of their own"
            raise UserError(what, where="guard", fix="use another method")
        pairs = list(zip(records, answers, strict=True))
        parts = [pairs[start : start + _RECORDS] for start in range(0, len(pairs), _RECORDS)]
        return torch.cat([self._urged(part, self._numbers(layers), budget, steps) for part in parts])

    def likelihood(self, tensors: Tensors | None, records: Sequence[Record], answers: Sequence[str]) -> list[float]:
        """How likely each answer is, behind the guard with these tensors or without it."""
        fitted = None if tensors is None else Fitted(self.guard, tensors)
        found = Served(self.model, guard=fitted).score(records, answers)
        return [math.exp(sum(one.logp) / len(one.logp)) for one in found]

    def _numbers(self, layers: Sequence[Layer]) -> list[int]:
        return [self.model.family.layer_number(self.model.module, layer) for layer in layers]

    def _urged(self, pairs: Sequence[tuple[Record, str]], layers: Sequence[int], budget: float, steps: int) -> Tensor:
        model = self.model
        examples = [model.encoder.full(record, answer=answer) for record, answer in pairs]
        batch = collate(examples, pad_id=model.processor.pad_id).to(model.module.device)
        spans = Spans.of(batch, sorted(model.processor.picture_ids))
        shown = spans.inside & spans.pictures
        # The picture where there is one, as an adversarial image would be; else the words.
        free = torch.where(shown.any(dim=1, keepdim=True), shown, spans.inside)[..., None]
        moved = _Moved(budget)
        for _ in range(steps):
            with torch.enable_grad(), entering(model, moved):
                loss = -answer_rows(model, batch).logp.mean()
            (gradient,) = torch.autograd.grad(loss, moved.leaf)
            moved.step(gradient * free)
        passed: dict[int, Tensor] = {}
        at = (torch.arange(len(pairs), device=spans.last.device), spans.last)
        with torch.no_grad(), ExitStack() as hooks:
            hooks.enter_context(entering(model, moved))
            for number in dict.fromkeys(layers):
                layer = model.family.layers_of(model.module)[number]
                hooks.callback(layer.register_forward_hook(_reading(passed, number, at)).remove)
            answer_rows(model, batch)
        return torch.stack([passed[number] for number in layers], dim=1)


class _Moved:
    """What enters, moved by signs of the gradient (Madry et al. 2018, arXiv 1706.06083) within a budget."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.offset: Tensor | None = None
        self.leaf: Tensor = torch.zeros(0)
        self.most = 0.0

    def __call__(self, hidden: Tensor) -> Tensor:
        if self.offset is None:
            self.offset, self.most = torch.zeros_like(hidden), self.budget * float(hidden.detach().std())
        self.leaf = self.offset.detach().requires_grad_(torch.is_grad_enabled())
        return hidden.detach() + self.leaf

    def step(self, gradient: Tensor) -> None:
        """A quarter of the budget down the gradient."""
        assert self.offset is not None
        self.offset = (self.offset - self.most / 4 * gradient.sign()).clamp(-self.most, self.most)


def _reading(passed: dict[int, Tensor], number: int, at: tuple[Tensor, Tensor]) -> Any:
    def read(_: nn.Module, __: object, output: Any) -> None:
        states = output[0] if isinstance(output, tuple) else output
        passed[number] = states[at].float().cpu()

    return read
