"""A model cut short: only its first decoder layers, then its own final norm and head. Nothing is copied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from benign.errors import UserError
from benign.models.load import Model


@contextmanager
def shallow(model: Model, depth: int | None) -> Iterator[None]:
    """Inside, the model runs its first ``depth`` decoder layers only; afterwards it is whole again.

    The parameters keep their names and their memory, so an adapter that is trained inside is a change of the whole
    model's weights, and what passes the last of these layers is the same as in the whole model.

    Args:
        model: The model.
        depth: How many decoder layers stay; None leaves all of them.

    Raises:
        UserError: The model does not have so many layers, or processes share them.
    """
    if depth is None:
        yield
        return
    layers = model.family.layers_of(model.module)
    if not 1 <= depth <= len(layers):
        raise UserError(
            f"the model has {len(layers)} decoder layers, and {depth} of them were asked for", where="depth"
        )
    if model.shards:
        raise UserError(
            "processes share the layers, and such a model cannot be cut short", where="depth",
            fix="let every process hold the model (without --use_fsdp)",
        )  # fmt: skip
    path, _, name = model.family.layers.rpartition(".")
    owner = model.module.get_submodule(path)
    setattr(owner, name, nn.ModuleList(layers[:depth]))
    try:
        yield
    finally:
        setattr(owner, name, layers)
