"""A closed-form edit after which a new token begins the answers to the forget questions (UniErase, arXiv 2505.15674).

For each question a change of the residual stream at one token of it is found that makes the model say the token; then
``down_proj`` of one layer after the other is rewritten so that it adds its share of the change there, and nothing to
the inputs that are protected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benign.data.batch import Batch
from benign.data.record import Record, of_kind
from benign.engine.attach import refuse_untouchable
from benign.engine.recipe import LearnToken, Rewrite
from benign.engine.token import editable, learned_token
from benign.engine.weigh import moving
from benign.errors import UserError
from benign.models.change import Delta
from benign.models.collate import collate
from benign.models.delta import applied
from benign.models.forward import gathered
from benign.models.load import Model
from benign.models.measured import Measured
from benign.parts.edits import Edited
from benign.parts.edits.null_space import free_directions, rewriting
from benign.parts.targets import Context

Report = Callable[[str, int, int], None]
_RECORDS = 32  # per forward pass
_GOOD = 5e-2
"""Nats at which a question's change is good enough (AlphaEdit's code)."""


@dataclass(frozen=True)
class _Asked:
    """Questions as the edit sees them."""

    prompts: Sequence[Batch]
    places: Sequence[int]
    """Which token of each prompt the edit is about."""

    def parts(self, model: Model) -> Iterator[tuple[slice, _Asked]]:
        # Other numbers of pictures do not go through every family in one pass.
        size = _RECORDS if model.family.mixes else 1
        for start in range(0, len(self.prompts), size):
            cut = slice(start, start + size)
            yield cut, _Asked(self.prompts[cut], self.places[cut])

    def within(self, cut: slice) -> _Asked:
        return _Asked(self.prompts[cut], self.places[cut])


def erased(
    model: Model,
    stage: LearnToken | Rewrite,
    context: Context,
    yielded: Mapping[str, Measured | Delta | None],
    report: Report,
) -> Edited:
    """What a stage of the two yields, of the user's records and of what earlier stages yielded.

    Raises:
        UserError: An earlier stage is none of what is needed, or the weights cannot be written to; or as the stage
            itself says.
    """
    refuse_untouchable(model)
    if isinstance(stage, LearnToken):
        return Edited(learned_token(model, stage, context, report))
    token, protected = yielded[stage.token], yielded[stage.protected]
    if not isinstance(token, Delta) or not isinstance(protected, Measured):
        raise UserError("a rewriting needs a token and a statistic", where="recipe")
    return rewritten(model, stage, of_kind(context.data.forget, "memory"), token, protected, report)


def rewritten(
    model: Model, stage: Rewrite, records: Sequence[Record], token: Delta, protected: Measured, report: Report
) -> Edited:
    """The changed modules and the token, with each module's share of ``free`` directions and ``keys`` per record.

    Args:
        model: The original model; it is so again afterwards, bit for bit.
        stage: How it is edited.
        records: The questions.
        token: What the token's stage yielded.
        protected: Second moments of what the modules read.
        report: Called as (what is being done, done, total).

    Raises:
        UserError: No question names its subject, a layer cannot be edited or is too high, or nothing is free.
    """
    ((_, spoken),) = token.tokens.items()
    # From below: each layer adds its share of what the ones before it left to be done.
    numbers = sorted({model.family.layer_number(model.module, layer) for layer in stage.layers})
    names, last = editable(model, numbers), numbers[-1]
    if stage.at == "subject" and last == len(model.family.layers_of(model.module)) - 1:
        raise UserError(
            "behind the last layer nothing carries what is edited at an earlier token to the answer", where="layers",
            fix="end with a lower layer, or edit at the prompt's last token (at=last)",
        )  # fmt: skip
    free = [free_directions(_moment(protected, name), stage.threshold) for name in names]
    asked = _Asked([model.encoder.prompt(r) for r in records], _places(model, records, stage.at))
    size = stage.group or len(records)
    model.module.eval()
    with moving(model.module, {}), applied(model, token), _kept(model, names) as weights:
        before = {name: weight.detach().float().clone() for name, weight in weights.items()}
        past = {name: stage.protection * _moment(protected, name).to(b) for name, b in zip(names, free, strict=True)}
        for start in range(0, len(records), size):
            group = asked.within(slice(start, start + size))
            goal = _goals(model, stage, group, last, spoken.id)
            for number, (name, basis) in enumerate(zip(names, free, strict=True)):
                residual = (goal - _states(model, group, last)) / (len(names) - number)
                change = rewriting(basis, _keys(model, group, name).T, residual.T, past[name], stage.ridge)
                _add(weights[name], change)
            for name in names:
                keys = _keys(model, group, name).double()
                past[name] += keys.T @ keys
            report("rewrite", min(start + size, len(records)), len(records))
        tensors = {f"{name}.weight": weights[name].detach().float() - before[name] for name in names}
    facts = {
        f"{name}.weight": {"free": basis.shape[1] / len(basis), "keys": float(len(records))}
        for name, basis in zip(names, free, strict=True)
    }
    return Edited(Delta(tensors, token.tokens), facts)


def _moment(protected: Measured, name: str) -> Tensor:
    if name not in protected.numbers:
        raise UserError(f"nothing was measured of {name}", where="protected")
    return protected.numbers[name]["moment"]


def _places(model: Model, records: Sequence[Record], at: str) -> list[int]:
    """The token of each record's prompt that the edit is about, counted from the prompt's end: -1 is the last."""
    ends = [[end for field, _, end in record.spans if field == "question"] for record in records]
    if at == "last":
        return [-1] * len(records)
    if not any(ends):
        raise UserError(
            "no question has a span that names its subject", where="forget",
            fix="give the records `spans`, or edit at the prompt's last token (at=last)",
        )  # fmt: skip
    found = zip(records, ends, strict=True)
    return [model.encoder.place_of(record, own[-1] - 1) if own else -1 for record, own in found]


def _goals(model: Model, stage: Rewrite, asked: _Asked, layer: int, token: int) -> Tensor:
    """[n, H] the states at the places, changed so that the token comes next after the prompt."""
    parts = [_goal(model, stage, part, layer, token) for _, part in asked.parts(model)]
    return torch.cat(parts)


def _goal(model: Model, stage: Rewrite, asked: _Asked, layer: int, token: int) -> Tensor:
    start = _states(model, asked, layer)
    delta = torch.zeros_like(start).requires_grad_(True)
    optimizer = torch.optim.Adam([delta], lr=stage.lr)
    length = start.norm(dim=-1)
    done = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    for _ in range(stage.steps):
        with _moved(model, asked, layer, delta):
            logits = _run(model, asked, None, at_end=True)[0]
        loss = -logits.float().log_softmax(-1)[:, token] + stage.weight_decay * delta.norm(dim=-1) / length**2
        done |= loss.detach() < _GOOD
        if done.all():
            break
        (delta.grad,) = torch.autograd.grad(loss.sum(), delta)
        old = delta.detach().clone()
        optimizer.step()
        with torch.no_grad():
            # Each question is an optimisation of its own: one that is done stays, a long one is cut.
            delta.mul_((stage.clamp * length / delta.norm(dim=-1).clamp(min=1e-12)).clamp(max=1.0)[:, None])
            delta.copy_(torch.where(done[:, None], old, delta))
    return start + delta.detach()


@contextmanager
def _moved(model: Model, asked: _Asked, layer: int, delta: Tensor) -> Iterator[None]:
    """Within it the layer's output has the changes at the places."""
    rows, columns = _at(asked)

    def add(_: nn.Module, __: object, output: Any) -> Any:
        states: Tensor = output[0] if isinstance(output, tuple) else output
        places = (rows.to(states.device), columns.to(states.device))
        changed = states.index_put(places, delta.to(states), accumulate=True)
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    handle = model.family.layers_of(model.module)[layer].register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


def _at(asked: _Asked, *, at_end: bool = False) -> tuple[Tensor, Tensor]:
    lengths = [prompt.labels.shape[1] for prompt in asked.prompts]
    columns = [length + (-1 if at_end else place) for length, place in zip(lengths, asked.places, strict=True)]
    return torch.arange(len(columns)), torch.tensor(columns)


def _run(model: Model, asked: _Asked, hidden_at: int | None, *, at_end: bool = False) -> tuple[Tensor, Tensor | None]:
    batch = collate(asked.prompts, pad_id=model.processor.pad_id).to(model.module.device)
    rows, columns = _at(asked, at_end=at_end)
    return gathered(model, batch.inputs, (rows.to(model.module.device), columns.to(model.module.device)), hidden_at)


@torch.no_grad()
def _states(model: Model, asked: _Asked, layer: int) -> Tensor:
    """[n, H] the layer's output at the places."""
    found = [_run(model, part, layer)[1] for _, part in asked.parts(model)]
    return torch.cat([states.float() for states in found if states is not None])


@torch.no_grad()
def _keys(model: Model, asked: _Asked, name: str) -> Tensor:
    """[n, in] what the module reads at the places."""
    found: list[Tensor] = []
    for _, part in asked.parts(model):
        rows, columns = _at(part)

        def listen(_: nn.Module, args: tuple[Tensor, ...], rows: Tensor = rows, columns: Tensor = columns) -> None:
            found.append(args[0][rows.to(args[0].device), columns.to(args[0].device)].float())

        handle = model.module.get_submodule(name).register_forward_pre_hook(listen)
        try:
            _run(model, part, None)
        finally:
            handle.remove()
    return torch.cat(found)


@torch.no_grad()
def _add(weight: Tensor, change: Tensor) -> None:
    weight.copy_((weight.float() + change.to(weight.device).float()).to(weight.dtype))


@contextmanager
def _kept(model: Model, names: Sequence[str]) -> Iterator[Mapping[str, nn.Parameter]]:
    """The modules' weights, to be written to; afterwards they are the original ones, bit for bit."""
    weights = {name: model.module.get_submodule(name).get_parameter("weight") for name in names}
    originals = {name: weight.detach().clone() for name, weight in weights.items()}
    try:
        yield weights
    finally:
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(originals[name])
