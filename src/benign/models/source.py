"""Finds a model's folder, and looks into its JSON files before anything of it is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benign.errors import UserError

EMBEDDED = "embedded:"
WANTED = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "additional_chat_templates/*")
HARMLESS = frozenset({"_name_or_path", "_commit_hash", "_diffusers_version", "_valid_processor_keys"})
"""Private keys with text that transformers itself writes and that choose no code."""
KERNELS = frozenset({"attn_implementation", "experts_implementation"})


def resolve(source: str, revision: str | None = None) -> Path:
    """The folder of a model given as a folder, a hub id or ``embedded:NAME``; a hub id is downloaded.

    Raises:
        UserError: There is no such model, or the folder holds none.
    """
    if source.startswith(EMBEDDED):
        from benign.models import embedded

        return Path(embedded.path(source.removeprefix(EMBEDDED)))
    folder = Path(source).expanduser()
    if not folder.exists():
        if source.startswith((".", "/", "~")) or source.count("/") != 1:
            raise UserError(
                f"no such folder: {source}",
                fix="give a model's folder, a hub id (owner/name) or embedded:NAME",
            )
        folder = _downloaded(source, revision)
    if not folder.is_dir():
        raise UserError("not a folder", where=source, fix="give the folder that holds config.json")
    if not (folder / "config.json").exists():
        adapter = (folder / "adapter_config.json").exists()
        fix = (
            "it is an adapter: load its base model"
            if adapter
            else "a model's folder holds config.json and model.safetensors"
        )
        raise UserError("not a model's folder: no config.json", where=source, fix=fix)
    if (folder / "adapter_config.json").exists():
        raise UserError(
            "a model and an adapter in one folder",
            where=source,
            fix="keep the adapter in a folder of its own",
        )
    return folder


def _downloaded(source: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=list(WANTED)))
    except Exception as error:  # The hub's errors share no base class.
        first = str(error).strip().partition("\n")[0]
        raise UserError(f"{source} is neither a folder nor a model that the hub lets you have: {first}") from error


def refuse_remote_code(folder: Path) -> None:
    """Refuses JSON files that make transformers run code other than its own.

    Raises:
        UserError: A file cannot be read, or carries ``auto_map``, a private key or a kernel from the hub.
    """
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith((".index.json", "tokenizer.json", "vocab.json")):
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError("not valid JSON", where=str(path)) from error
        for key, value in _pairs(content):
            # A number cannot name code; transformers writes some private ones itself.
            private = key.startswith("_") and key not in HARMLESS and '"' in json.dumps(value)
            kernel = key in KERNELS and "/" in json.dumps(value)
            if key == "auto_map" or private or kernel:
                fix = "trust_remote_code=True runs it; read that code first"
                raise UserError(f"{key!r} can make this model run code of its own", where=str(path), fix=fix)


def _pairs(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield str(key), value
            yield from _pairs(value)
    elif isinstance(content, list):
        for value in content:
            yield from _pairs(value)
