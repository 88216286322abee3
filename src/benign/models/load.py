"""Loads a model with its processor, and refuses what transformers would only warn about."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils import logging

from benign.errors import UserError, unknown_name
from benign.models.digest import folder_digest, weight_files
from benign.models.encode import Encoder
from benign.models.families import families
from benign.models.families.family import Family
from benign.models.families.generic import describe
from benign.models.processor import Processor, read_processor
from benign.models.quantize import Bits, configured
from benign.models.quantized import make_differentiable
from benign.models.shard import Shards, together
from benign.models.source import refuse_remote_code, resolve
from benign.models.spread import reading, spread, told

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Model:
    """A model, its processor, and where they come from."""

    module: PreTrainedModel
    """The bare transformers model; an adapter may be injected into it."""
    processor: Processor
    family: Family
    source: str
    """What the user gave: a folder, a hub id or ``embedded:NAME``."""
    digest: str
    """SHA-256 over weights, configuration, tokenizer and chat template."""
    shards: Shards | None = None
    """Where the decoder layers lie in parts on several devices: how the processes keep step."""

    @cached_property
    def encoder(self) -> Encoder:
        """The model's one encoder: what training has encoded, an audit need not encode again."""
        return Encoder(self.processor, self.family)

    @property
    def window(self) -> int | None:
        """The most tokens that a prompt and its answer may have together; None where the configuration does not say."""
        most = getattr(self.module.config.get_text_config(), "max_position_embeddings", None)
        return most if isinstance(most, int) and most > 0 else None


def load(
    source: str | Path,
    *,
    dtype: torch.dtype | str = "auto",
    device: torch.device | str | None = None,
    trust_remote_code: bool = False,
    revision: str | None = None,
    quantize: Bits | None = None,
) -> Model:
    """The model at ``source`` with its processor, ready for inference.

    Args:
        source: A model's folder, a hub id, or ``embedded:NAME`` for a model that comes with the library.
        dtype: A torch dtype or its name; ``auto`` is float32 on a CPU and bfloat16 on a GPU.
        device: Where it goes; by default the first GPU, else the CPU.
        trust_remote_code: Whether the model may bring Python code of its own.
        revision: The branch, tag or commit of a hub id.
        quantize: ``4bit`` or ``8bit`` to keep the decoder's linear layers in few bits (bitsandbytes); then only
            adapters can be trained, and what is trained belongs to the model in these bits.

    Raises:
        UserError: The source is no model, is of an unknown architecture, wants to run its own code, has only
            pickled, damaged, missing, misshaped or NaN weights, its processor cannot be read, or it cannot be shared.
    """
    source = str(source)
    folder = resolve(source, revision)
    if not trust_remote_code:
        refuse_remote_code(folder)
    _refuse_damage(weight_files(folder))
    place = torch.device(device) if device is not None else _first_device()
    with _quiet():
        config = _config(folder, trust_remote_code)
        few_bits = _few_bits(quantize, config, _auto_class(folder, config, trust_remote_code), _dtype(dtype, place))
        options = {"quantization_config": few_bits, "device_map": {"": place}} if few_bits else {}
        with reading(source) if together() else nullcontext(True) as reads:
            if reads:
                module = _module(folder, config, _dtype(dtype, place), trust_remote_code, options)
                _refuse_nan(module, source)
            else:
                module = _hollow(folder, config, _dtype(dtype, place), trust_remote_code)
            family = families().get(config.model_type) or describe(module)
            processor = read_processor(folder, family, trust_remote_code=trust_remote_code)
            digest = folder_digest(folder) if reads else ""
    shards = None
    if together():
        shards, digest = spread(module, family), told(digest)
    if few_bits:
        make_differentiable(module)
        # bitsandbytes puts its weights where they belong, and refuses to be moved.
        return Model(module.eval(), processor, family, source, sha256(f"{digest} {quantize}".encode()).hexdigest())
    return Model(module.to(place).eval(), processor, family, source, digest, shards)


def _few_bits(kind: Bits | None, config: PreTrainedConfig, auto: Any, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    if kind is None:
        return None
    if together():
        raise UserError("processes cannot share weights of few bits", where="quantize", fix="drop one of them")
    with torch.device("meta"):
        return configured(kind, families().get(config.model_type), auto.from_config(config), dtype)


def _config(folder: Path, trust_remote_code: bool) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code, local_files_only=True)
    except (ValueError, KeyError, OSError) as error:
        raise _unknown(folder) from error


def _auto_class(folder: Path, config: PreTrainedConfig, trust_remote_code: bool) -> Any:
    known, pictures, text = (
        families().get(config.model_type),
        AutoModelForImageTextToText,
        AutoModelForCausalLM,
    )
    if known is not None:
        return pictures if known.multimodal else text
    # A multimodal model of no known family: its language model cannot be told from its vision tower.
    if type(config) in pictures._model_mapping or not (type(config) in text._model_mapping or trust_remote_code):
        raise _unknown(folder)
    return text


def _module(
    folder: Path, config: PreTrainedConfig, dtype: torch.dtype, trust_remote_code: bool, options: Mapping[str, Any]
) -> PreTrainedModel:
    auto = _auto_class(folder, config, trust_remote_code)
    try:
        module, report = auto.from_pretrained(
            folder, config=config, dtype=dtype, use_safetensors=True, output_loading_info=True,
            trust_remote_code=trust_remote_code, local_files_only=True, **options,
        )  # fmt: skip
    except (RuntimeError, ValueError, OSError, SafetensorError) as error:
        raise UserError(
            f"the weights do not fit the configuration: {str(error).strip().splitlines()[-1]}",
            where=str(folder),
        ) from error
    _refuse_gaps(report, folder)
    return module


def _hollow(folder: Path, config: PreTrainedConfig, dtype: torch.dtype, trust_remote_code: bool) -> PreTrainedModel:
    """The module without any weights, on the device ``meta``."""
    auto = _auto_class(folder, config, trust_remote_code)
    with torch.device("meta"):
        module: PreTrainedModel = auto.from_config(config, dtype=dtype, trust_remote_code=trust_remote_code)
    return module


def _refuse_damage(files: list[Path]) -> None:
    for path in files:
        try:
            with safe_open(path, framework="pt") as weights:
                weights.keys()
        except (SafetensorError, OSError) as error:
            raise UserError(
                f"the file is damaged: {error}", where=str(path), fix="copy or download it again"
            ) from error


def _refuse_gaps(report: Mapping[str, Any], folder: Path) -> None:
    missing = sorted(report["missing_keys"])
    shapes = sorted(str(item[0] if isinstance(item, tuple) else item) for item in report["mismatched_keys"])
    if not missing and not shapes:
        return
    extra = sorted(report["unexpected_keys"])
    hint = f"; the file has instead {_some(extra)}" if extra else ""
    what = f"missing weights: {_some(missing)}{hint}" if missing else f"weights of another shape: {_some(shapes)}"
    raise UserError(what, where=str(folder), fix="the file belongs to another model or was written by another version")


def _refuse_nan(module: PreTrainedModel, source: str) -> None:
    bad = [n for n, p in module.named_parameters() if p.is_floating_point() and not torch.isfinite(p).all()]
    if bad:
        raise UserError(f"weights that are not numbers: {_some(bad)}", where=source)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _first_device() -> torch.device:
    """The GPU of this process where several make a run together, the first GPU, or the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def _dtype(dtype: torch.dtype | str, place: torch.device) -> torch.dtype:
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype == "auto":
        return torch.bfloat16 if place.type == "cuda" else torch.float32
    if dtype not in DTYPES:
        raise unknown_name("dtype", dtype, [*DTYPES, "auto"])
    return DTYPES[dtype]


def _unknown(folder: Path) -> UserError:
    model_type = json.loads((folder / "config.json").read_text()).get("model_type")
    known = ", ".join(sorted(families()))
    what = f"unsupported architecture {model_type!r}" if model_type else "config.json names no model_type"
    return UserError(
        what, where=str(folder), fix=f"known: {known}, and the other causal language models of transformers"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """What transformers says while loading is either raised here as an error or not worth a line."""
    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
