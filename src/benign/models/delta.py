"""What a run yields: a change of the weights that can be tried, written, read and refused."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from benign.data.atomic import replacing_folder, write_bytes
from benign.errors import UserError
from benign.models.change import Delta as Delta
from benign.models.change import LowRank as LowRank
from benign.models.change import add, checked
from benign.models.digest import file_digest
from benign.models.quantized import added, quantized_linears
from benign.models.vocabulary import NewToken, extended

if TYPE_CHECKING:
    from benign.models.load import Model

LOW_RANK_FILE, DENSE_FILE, CONFIG_FILE = (
    "adapter_model.safetensors",
    "delta.safetensors",
    "adapter_config.json",
)
ABOUT_FILE, TOKENS_FILE = "benign.json", "new_tokens.safetensors"
_SIDES = ("embedding", "head")
PREFIX = "base_model.model."
"""How peft begins the names in an adapter's file."""


@contextmanager
def applied(model: Model, delta: Delta) -> Iterator[None]:
    """Inside, the weights are changed by the delta; afterwards they are the original ones, bit for bit.

    Raises:
        UserError: The delta does not fit the model.
    """
    few_bits = quantized_linears(model.module)
    targets = {name: target for name, target in checked(delta, model.module).items() if name not in few_bits}
    # Kept, not computed back: subtracting what was added does not give the same bits.
    kept = {name: parameter.detach().clone() for name, parameter in targets.items()}
    try:
        add(delta, targets)
        # After the change, because a longer table is a copy.
        with (
            added(few_bits, {name: delta.tensors[name] for name in delta.tensors if name in few_bits}),
            extended(model.module, delta.tokens),
        ):
            yield
    finally:
        with torch.no_grad():
            for name, parameter in targets.items():
                parameter.copy_(kept[name])


def save_delta(delta: Delta, model: Model, folder: Path, *, base: str) -> None:
    """Writes a delta that needs no benign to be used, and beside it what it must not be confused with.

    A delta of one rank and scale becomes an adapter in the layout of peft, any other one
    ``delta.safetensors`` with one full difference per parameter name. The rows of new tokens lie beside it. The bytes
    depend on the delta alone.

    Args:
        delta: The change.
        model: The original model.
        folder: Where it goes; an earlier delta there is replaced.
        base: Where others find the original model.

    Raises:
        UserError: The delta is empty or does not fit the model, or the folder holds other files.
    """
    if not delta.tensors and not delta.tokens:
        raise UserError("the delta changes nothing")
    checked(delta, model.module)
    ours = {LOW_RANK_FILE, DENSE_FILE, CONFIG_FILE, ABOUT_FILE, TOKENS_FILE, "README.md"}
    others = sorted(path.name for path in folder.iterdir() if path.name not in ours) if folder.is_dir() else []
    if others:
        raise UserError(
            f"holds other files: {', '.join(others[:3])}", where=str(folder), fix="give a folder of its own"
        )
    with replacing_folder(folder) as temporary:
        kind = "low_rank" if _one_adapter(delta) else "dense"
        (_write_adapter(delta, temporary, base) if kind == "low_rank" else _write_dense(delta, temporary))
        if delta.tokens:
            _save(_rows(_stored(delta)), temporary / TOKENS_FILE)
        about = {
            "format": 1,
            "kind": kind,
            "base": {"name": base, "digest": model.digest},
            "delta": _stored(delta).digest if kind == "dense" else delta.digest,
            "files": {path.name: file_digest(path) for path in sorted(temporary.iterdir())},
            "tensors": {name: _described(change) for name, change in sorted(delta.tensors.items())},
        }
        if delta.tokens:
            about["tokens"] = {text: token.id for text, token in sorted(delta.tokens.items())}
        about["seal"] = _seal(about)
        (temporary / ABOUT_FILE).write_text(json.dumps(about, indent=1) + "\n")


def load_delta(folder: Path, model: Model) -> Delta:
    """The delta in ``folder``, checked against ``model`` and against what was written.

    Raises:
        UserError: A file is missing or was changed, a tensor is missing, extra or of another shape, or the
            delta belongs to another original model.
    """
    about = _about(folder)
    if about["base"]["digest"] != model.digest:
        raise UserError(
            f"the delta belongs to another model ({about['base']['name']})",
            where=str(folder),
            fix="load its own base model",
        )
    path = folder / (LOW_RANK_FILE if about["kind"] == "low_rank" else DENSE_FILE)
    _refuse_other_keys(path, _keys(about))
    for name, digest in about["files"].items():
        if not (folder / name).exists() or file_digest(folder / name) != digest:
            raise UserError("the file is missing or was changed after it was written", where=str(folder / name))
    tokens = _tokens(load_file(folder / TOKENS_FILE), about["tokens"]) if "tokens" in about else {}
    delta = Delta(_assembled(load_file(path), about), tokens)
    checked(delta, model.module)
    if delta.digest != about["delta"]:
        raise UserError("the delta is not the one that was written", where=str(folder))
    return delta


def written_digest(folder: Path) -> str:
    """The digest of the delta in ``folder``, as :func:`load_delta` would give it; its tensors are not read.

    Raises:
        UserError: No delta is there, or it was changed after it was written.
    """
    return str(_about(folder)["delta"])


def _one_adapter(delta: Delta) -> bool:
    changes = [change for change in delta.tensors.values() if isinstance(change, LowRank)]
    same = {(change.a.shape[0], change.scale) for change in changes}
    if delta.tokens:
        return False
    return len(changes) == len(delta.tensors) and len(same) == 1 and all(n.endswith(".weight") for n in delta.tensors)


def _write_adapter(delta: Delta, folder: Path, base: str) -> None:
    tensors: dict[str, Tensor] = {}
    for name, change in sorted(delta.tensors.items()):
        if isinstance(change, LowRank):
            tensors[_peft(name, "A")], tensors[_peft(name, "B")] = _plain(change.a), _plain(change.b)
            rank, alpha = change.a.shape[0], change.scale * change.a.shape[0]
    modules = "|".join(re.escape(name.removesuffix(".weight")) for name in sorted(delta.tensors))
    config = {
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "lora_dropout": 0.0,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": rank,
        # A regex, because peft matches the names of a list as endings and writes a list in hash order.
        "target_modules": f"(?:{modules})",
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
    }
    _save(tensors, folder / LOW_RANK_FILE)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _write_dense(delta: Delta, folder: Path) -> None:
    tensors = {name: change for name, change in _stored(delta).tensors.items() if isinstance(change, Tensor)}
    _save(tensors, folder / DENSE_FILE)


def _stored(delta: Delta) -> Delta:
    """The delta as it is stored when it cannot be an adapter: every difference in full."""
    full = {n: c.dense() if isinstance(c, LowRank) else c for n, c in sorted(delta.tensors.items())}
    tokens = {text: NewToken(t.id, _plain(t.embedding), _plain(t.head)) for text, t in delta.tokens.items()}
    return Delta({name: _plain(tensor) for name, tensor in full.items()}, tokens)


def _rows(delta: Delta) -> dict[str, Tensor]:
    both = ((f"{text}/{side}", getattr(token, side)) for text, token in delta.tokens.items() for side in _SIDES)
    # Where the two tables are one, the rows are one tensor, which safetensors does not write twice.
    return {name: row.clone() for name, row in both}


def _tokens(stored: Mapping[str, Tensor], numbers: Mapping[str, int]) -> dict[str, NewToken]:
    return {text: NewToken(number, *(stored[f"{text}/{side}"] for side in _SIDES)) for text, number in numbers.items()}


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    # More than one metadata key would come in an order of its own at every call.
    write_bytes(path, save(dict(tensors), metadata={"format": "pt"}))


def _peft(name: str, side: str) -> str:
    return f"{PREFIX}{name.removesuffix('.weight')}.lora_{side}.weight"


def _described(change: Tensor | LowRank) -> dict[str, Any]:
    found: dict[str, Any] = {"shape": list(change.shape)}
    return found if isinstance(change, Tensor) else found | {"rank": change.a.shape[0], "scale": change.scale}


def _about(folder: Path) -> dict[str, Any]:
    path = folder / ABOUT_FILE
    if not path.exists():
        raise UserError(f"no {ABOUT_FILE}: not a delta that benign wrote", where=str(folder))
    try:
        about: dict[str, Any] = json.loads(path.read_text())
        whole = about["seal"] == _seal(about)
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise UserError("the file was changed after it was written", where=str(path))
    return about


def _seal(about: Mapping[str, Any]) -> str:
    content = {key: value for key, value in about.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _keys(about: Mapping[str, Any]) -> set[str]:
    names = about["tensors"]
    return {_peft(name, side) for name in names for side in "AB"} if about["kind"] == "low_rank" else set(names)


def _refuse_other_keys(path: Path, wanted: set[str]) -> None:
    try:
        with safe_open(path, framework="pt") as stored:
            found = set(stored.keys())
    except (SafetensorError, OSError) as error:
        raise UserError(f"the file is missing or damaged: {error}", where=str(path)) from error
    if found != wanted:
        parts = [
            f"{word} {sorted(names)[0]}"
            for word, names in (("missing", wanted - found), ("extra", found - wanted))
            if names
        ]
        raise UserError(f"other tensors than were written: {', '.join(parts)}", where=str(path))


def _assembled(stored: Mapping[str, Tensor], about: Mapping[str, Any]) -> dict[str, Tensor | LowRank]:
    if about["kind"] == "dense":
        return dict(stored)
    return {
        name: LowRank(stored[_peft(name, "A")], stored[_peft(name, "B")], float(entry["scale"]))
        for name, entry in about["tensors"].items()
    }
