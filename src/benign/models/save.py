"""Writes a whole model as plain transformers reads it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

from benign.data.atomic import replacing_folder
from benign.errors import UserError
from benign.models.delta import Delta, applied
from benign.models.digest import folder_digest
from benign.models.load import Model
from benign.models.quantized import quantized_linears
from benign.models.shard import whole
from benign.models.spread import told
from benign.models.vocabulary import write_tokenizer


def save(model: Model, folder: Path, *, delta: Delta | None = None) -> str:
    """Writes weights (safetensors), configuration and processor, and returns the written model's digest.

    Where processes share the model, all of them must come here; the first one writes.

    Args:
        model: The model, without an injected adapter.
        folder: Where it goes; an earlier model there is replaced.
        delta: A change to be merged into the written weights; the model itself is left as it is. The tokens that it
            brings are in the written tokenizer.

    Raises:
        UserError: An adapter is injected, the delta does not fit, the model is quantised, or the folder holds
            something else.
    """
    if any(".lora_" in name for name, _ in model.module.named_parameters()):
        raise UserError(
            "an adapter is injected into the model",
            fix="take its delta and remove it, then save with the delta",
        )
    if quantized_linears(model.module):
        raise UserError("a model in few bits cannot be written whole", fix="load it without quantising it")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "config.json").exists():
        raise UserError("holds something else than a model", where=str(folder), fix="give a folder of its own")
    with applied(model, delta) if delta else nullcontext():
        if model.shards is None:
            _write(model, folder, delta, None)
            return folder_digest(folder)
        weights = _gathered(model.module, keep=model.shards.rank == 0)
    if model.shards.rank == 0:
        _write(model, folder, delta, weights)
    return told(folder_digest(folder) if model.shards.rank == 0 else "")


def _write(model: Model, folder: Path, delta: Delta | None, weights: dict[str, Tensor] | None) -> None:
    with replacing_folder(folder) as temporary:
        model.module.save_pretrained(temporary, state_dict=weights)
        model.processor.save(temporary)
        if delta and delta.tokens:
            write_tokenizer(temporary, delta.tokens)


@torch.no_grad()
def _gathered(module: nn.Module, *, keep: bool) -> dict[str, Tensor]:
    """The whole weights, in main memory; empty in a process that does not keep them. All must come here."""
    found: dict[str, Tensor] = {}
    first: dict[int, str] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        # Two names of one weight stay two names of one weight.
        again = first.setdefault(id(tensor), name)
        full = whole(tensor) if again == name else None
        if keep:
            found[name] = found[again] if full is None else full.cpu()
    return found
