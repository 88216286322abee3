"""Any other causal language model: its parts are read off the model itself."""

from __future__ import annotations

import re

import torch
from torch import nn
from transformers import PreTrainedModel

from benign.errors import UserError
from benign.models.families.family import Family


def describe(module: PreTrainedModel) -> Family:
    """The family of a model that no file of this folder names.

    The decoder is its longest list of layers, and the default place of LoRA every linear module inside it.

    Raises:
        UserError: The model has no language-model head, no list of layers, no linear module in its layers, or
            lets a token see the next one.
    """
    model_type = str(module.config.model_type)
    parts = {name: part for name, part in module.named_modules() if isinstance(part, nn.ModuleList)}
    head = next((n for n, part in module.named_modules() if part is module.get_output_embeddings()), "")
    if not parts or not head:
        raise UserError(f"{model_type} has no list of decoder layers with a language-model head")
    layers = max(parts, key=lambda name: len(parts[name]))
    inside = [
        n.removeprefix(f"{layers}.")
        for n, p in module.named_modules()
        if n.startswith(f"{layers}.") and isinstance(p, nn.Linear)
    ]
    leaves = sorted({name.partition(".")[2] for name in inside})
    if not leaves:
        raise UserError(f"{model_type} has no linear module in {layers}")
    # Where another process has read the weights, that one has looked.
    if module.device.type != "meta" and _looks_ahead(module):
        raise UserError(f"{model_type} looks ahead: it is no causal language model as it is configured here")
    choices = "|".join(re.escape(leaf) for leaf in leaves)
    return Family(
        name=model_type,
        model_types=(model_type,),
        language=rf"{re.escape(layers)}\.\d+\.(?:{choices})",
        layers=layers,
        backbone=module.base_model_prefix,
        head=head,
    )


@torch.no_grad()
def _looks_ahead(module: PreTrainedModel) -> bool:
    # transformers offers encoders as causal models too; their labels would leak into their own predictions.
    module.eval()
    one, other = (module(torch.tensor([[5, last]], device=module.device)).logits[0, 0] for last in (6, 7))
    return not torch.allclose(one, other, atol=1e-3)
