"""How a model's decoder is read into few bits by bitsandbytes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, get_args

import torch
from torch import nn
from transformers import BitsAndBytesConfig

from benign.errors import UserError, unknown_name
from benign.models.families.family import Family, linear_modules

Bits = Literal["4bit", "8bit"]
"""NF4 with quantised constants (QLoRA, arXiv 2305.14314), or LLM.int8() (arXiv 2208.07339)."""


def configured(kind: str, family: Family | None, empty: nn.Module, dtype: torch.dtype) -> BitsAndBytesConfig:
    """How transformers is to read the weights: those of the decoder's linear layers in few bits, the rest as they are.

    Args:
        kind: ``4bit`` or ``8bit``.
        family: Tells which layers the decoder's are.
        empty: The model without weights, for the names of its layers.
        dtype: What is computed in.

    Raises:
        UserError: There is no such kind, bitsandbytes is not installed, or the family is not known.
    """
    if kind not in get_args(Bits):
        raise unknown_name("quantisation", kind, list(get_args(Bits)), where="quantize")
    if find_spec("bitsandbytes") is None:
        raise UserError("needs bitsandbytes", where="quantize", fix="pip install 'benign[quantized]'")
    if family is None:
        raise UserError("which layers are the decoder's is not known for this architecture", where="quantize")
    chosen = set(linear_modules(empty, family.language))
    rest = [name for name, part in empty.named_modules() if isinstance(part, nn.Linear) and name not in chosen]
    return BitsAndBytesConfig(
        load_in_4bit=kind == "4bit",
        load_in_8bit=kind == "8bit",
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=rest,
    )
