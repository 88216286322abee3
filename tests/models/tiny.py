"""Tiny random models of the real transformers classes, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from .pictures import (
    gemma3,
    idefics3,
    internvl,
    llava,
    llava_next,
    llava_onevision,
    mllama,
    qwen2_5_vl,
    qwen2_vl,
    qwen3_vl,
    save,
    smolvlm,
)
from .words import SIZES, tokenizer


def _text(config: type, module: type, **more: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        return save(folder, module(config(**SIZES, **more)), tokenizer(eos="<|im_end|>"))

    return make


MOE = {"num_local_experts": 4, "num_experts_per_tok": 2}
TEXT: dict[str, Callable[[Path], Path]] = {
    "llama": _text(hf.LlamaConfig, hf.LlamaForCausalLM),
    "qwen2": _text(hf.Qwen2Config, hf.Qwen2ForCausalLM, tie_word_embeddings=True),
    "qwen3": _text(hf.Qwen3Config, hf.Qwen3ForCausalLM, head_dim=8),
    "mixtral": _text(hf.MixtralConfig, hf.MixtralForCausalLM, **MOE),
    "gemma2": _text(hf.Gemma2Config, hf.Gemma2ForCausalLM, head_dim=8, final_logit_softcapping=2.0),
    # Known to no file of the families: once with scaled logits and once with other module names.
    "granite": _text(hf.GraniteConfig, hf.GraniteForCausalLM, logits_scaling=8.0),
    "gpt_neox": _text(hf.GPTNeoXConfig, hf.GPTNeoXForCausalLM),
}
PICTURES: dict[str, Callable[[Path], Path]] = {
    make.__name__: make
    for make in (
        llava,
        llava_next,
        llava_onevision,
        qwen2_vl,
        qwen2_5_vl,
        qwen3_vl,
        internvl,
        gemma3,
        idefics3,
        smolvlm,
        mllama,
    )
}


def build(name: str, folder: Path) -> Path:
    """A folder with a tiny random model, the same at every call."""
    torch.manual_seed(sorted({**TEXT, **PICTURES}).index(name))
    return {**TEXT, **PICTURES}[name](folder)
