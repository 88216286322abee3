"""Neuron paths of a model on a user's records: activations scaled in hooks, gradients taken, layer after layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from benign.data.record import Record
from benign.errors import UserError
from benign.models.collate import collate
from benign.models.encode import Example
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.parts.loci.neuron_paths import NeuronPaths
from benign.parts.loci.path_neurons import on_the_way

Report = Callable[[int, int], None]
"""Called as (records done, total)."""


def on_paths(model: Model, paths: NeuronPaths, records: Sequence[Record], report: Report) -> dict[str, Tensor]:
    """By the name of the module that reads a layer's neurons, [n] the share of the records on whose path each lies.

    The vision tower's paths are those of records with pictures; the decoder's are those of records without, or where
    all show pictures, of all with them.

    Raises:
        UserError: The model has no such neurons, or no record shows a picture.
    """
    names = on_the_way(paths, model.module, model.family)
    told = [record for record in records if not record.images]
    shown = [record for record in records if record.images]
    chosen = shown if paths.stack == "vision" else told or shown
    if not chosen:
        raise UserError("no record shows a picture to follow through the vision tower", where="forget")
    model.module.eval()
    found = {name: torch.zeros(_width(model, name)) for name in names}
    for place, record in enumerate(chosen):
        example = model.encoder.full(record)
        for name, neurons in zip(names, path_of(model, paths, example, names), strict=True):
            found[name][neurons.cpu()] += 1 / len(chosen)
        report(place + 1, len(chosen))
    return found


def path_of(model: Model, paths: NeuronPaths, example: Example, names: Sequence[str]) -> list[Tensor]:
    """For each of the modules that read neurons, in order, the neurons on one record's path."""
    activations = _activations(model, example, names)
    path: list[Tensor] = []
    for layer in range(len(names)):
        here = activations[: layer + 1]
        gradients = _gradients(model, example, dict(zip(names, _scaled(here, path, paths.steps), strict=False)))
        path.append(paths.best(paths.scores(here, gradients, path)))
    return path


def _scaled(activations: Sequence[Tensor], path: Sequence[Tensor], steps: int) -> list[Tensor]:
    """Per layer so far [S, T, n]: the last layer's activations at the integral's points, of the layers before only
    what lies on the path."""
    points = (torch.arange(steps) / steps).to(activations[-1])[:, None, None]
    found = []
    for activation, neurons in zip(activations, path, strict=False):
        full = activation.repeat(steps, 1, 1)
        full[:, :, neurons] *= points
        found.append(full)
    return [*found, activations[-1] * points]


@torch.no_grad()
def _activations(model: Model, example: Example, names: Sequence[str]) -> list[Tensor]:
    """Per module [T, n] what it reads of one record."""
    seen: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for name in names:

            def look(_: nn.Module, args: tuple[Tensor, ...], name: str = name) -> None:
                seen[name] = args[0].flatten(0, -2)

            hooks.callback(model.module.get_submodule(name).register_forward_pre_hook(look).remove)
        answer_rows(model, collate([example], pad_id=model.processor.pad_id))
    return [seen[name] for name in names]


def _gradients(model: Model, example: Example, scaled: Mapping[str, Tensor]) -> list[Tensor]:
    """Per module [S, T, n] the gradient of the answer's log-probability where the module reads the given numbers; zero
    where the answer does not depend on them."""
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in scaled.items()}
    steps = len(next(iter(leaves.values())))
    batch = collate([example] * steps, pad_id=model.processor.pad_id)
    with torch.enable_grad(), _reading(model.module, leaves):
        logp = answer_rows(model, batch).logp.sum()
        found = torch.autograd.grad(logp, list(leaves.values()), allow_unused=True)
        if model.shards:
            # Nothing else goes backward through this pass.
            model.shards.tail()
    return [torch.zeros_like(leaf) if g is None else g for leaf, g in zip(leaves.values(), found, strict=True)]


@contextmanager
def _reading(module: nn.Module, given: Mapping[str, Tensor]) -> Iterator[None]:
    """Within it the modules read the given numbers, whatever comes to them."""
    with ExitStack() as hooks:
        for name, numbers in given.items():

            def put(_: nn.Module, args: tuple[Tensor, ...], numbers: Tensor = numbers) -> tuple[Tensor, ...]:
                return (numbers.reshape(args[0].shape), *args[1:])

            hooks.callback(module.get_submodule(name).register_forward_pre_hook(put).remove)
        yield


def _width(model: Model, name: str) -> int:
    return model.module.get_submodule(name).get_parameter("weight").shape[1]
