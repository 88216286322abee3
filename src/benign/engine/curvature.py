"""A curvature's numbers on records: how the answers' predictions depend on what linear modules put out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benign.data.record import Record
from benign.models.collate import collate
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.models.measured import Numbers
from benign.parts.statistics import Curvature

Report = Callable[[str, int, int], None]
Pairs = list[tuple[Tensor, Tensor]]
"""[tokens, in] inputs and [tokens, out] gradients of the outputs, one pair for each time the module ran."""


@dataclass
class _Sum:
    parts: dict[str, Tensor]
    tokens: int = 0

    def add(self, numbers: Numbers, tokens: int) -> None:
        self.parts = {name: self.parts.get(name, 0) + value for name, value in numbers.items()}
        self.tokens += tokens


@dataclass(frozen=True)
class Passes:
    """Passes over the records, forward and backward, one record at a time so that nothing needs padding."""

    model: Model
    statistic: Curvature
    records: Sequence[Record]
    text_only: bool
    report: Report

    def measured(self, names: Sequence[str]) -> dict[str, Numbers]:
        """The numbers of each module that ran; the first pass for all of it, then the second one."""
        answers, first = self._over(names, 0, lambda _, x, g: self.statistic.part(x, g))
        ran = {name: one for name, one in first.items() if one.tokens}
        found = {name: self.statistic.whole(one.parts, one.tokens, answers) for name, one in ran.items()}
        answers, second = self._over(list(found), 1, lambda name, x, g: self.statistic.again(found[name], x, g))
        return {name: self.statistic.refined(one, second[name].parts, answers) for name, one in found.items()}

    def _over(
        self, names: Sequence[str], number: int, part: Callable[[str, Tensor, Tensor], Numbers]
    ) -> tuple[int, dict[str, _Sum]]:
        """How many answer tokens there were, and each module's sums."""
        sums = {name: _Sum({}) for name in names}
        answers = 0
        with _frozen(self.model.module):
            for place, record in enumerate(self.records):
                pairs: dict[str, Pairs] = {name: [] for name in names}
                with _listening(self.model.module, pairs):
                    answers += self._back(record, place)
                for name, found in pairs.items():
                    if found:
                        x, g = (torch.cat(side) for side in zip(*found, strict=True))
                        sums[name].add(part(name, x, g), len(x))
                done = number * len(self.records) + place + 1
                self.report("measure curvature", done, 2 * len(self.records))
        return answers, sums

    def _back(self, record: Record, place: int) -> int:
        """Go backward from the answer's predictions; the number of its tokens."""
        example = self.model.encoder.full(record, text_only=self.text_only)
        rows = answer_rows(self.model, collate([example], pad_id=self.model.processor.pad_id))
        if rows.logits.requires_grad:  # else nothing that is looked at ran
            rows.logits.backward(self.statistic.pull(rows.logits.detach(), rows.labels, place=place))
        return len(rows.labels)


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Within it no parameter collects a gradient."""
    before = {name: p.requires_grad for name, p in module.named_parameters()}
    module.eval()
    module.requires_grad_(False)
    try:
        yield
    finally:
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(before[name])


@contextmanager
def _listening(module: nn.Module, pairs: Mapping[str, Pairs]) -> Iterator[None]:
    """Within it what enters the modules is noted with the gradient of what leaves them."""

    def listen(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            inputs = args[0].detach().flatten(0, -2)
            if not output.requires_grad:
                output.requires_grad_(True)
            output.register_hook(lambda gradient: pairs[name].append((inputs, gradient.flatten(0, -2))))

        return hook

    with ExitStack() as hooks:
        for name in pairs:
            hooks.callback(module.get_submodule(name).register_forward_hook(listen(name)).remove)
        yield
