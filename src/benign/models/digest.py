"""The identity of a model: SHA-256 over its weights, configuration, tokenizer and chat template."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benign.errors import UserError

CHUNK_BYTES = 2**22
PROCESSOR_FILES = (
    "tokenizer*", "vocab*", "merges.txt", "*.model", "special_tokens_map.json", "added_tokens.json",
    "*processor_config.json", "chat_template*", "additional_chat_templates/*",
)  # fmt: skip
"""Where transformers keeps a processor in a model's folder."""


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and bytes of a model folder's weights, configuration and processor files.

    Raises:
        UserError: The folder holds no safetensors weights.
    """
    configs = [folder / name for name in ("config.json", "generation_config.json") if (folder / name).exists()]
    files = sorted({*weight_files(folder), *configs, *processor_files(folder)})
    return digest_of([(path.relative_to(folder).as_posix(), path) for path in files])


def digest_of(files: Sequence[tuple[str, Path]]) -> str:
    """SHA-256 over names and file contents, in the given order."""
    # hashlib lets go of the interpreter lock, so the shards of a large model are read side by side.
    with ThreadPoolExecutor(max_workers=4) as pool:
        digests = list(pool.map(file_digest, [path for _, path in files]))
    listing = [[name, digest] for (name, _), digest in zip(files, digests, strict=True)]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def processor_files(folder: Path) -> list[Path]:
    """The files of a model's folder that hold its processor, sorted."""
    return sorted({path for pattern in PROCESSOR_FILES for path in folder.glob(pattern) if path.is_file()})


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that transformers reads from a model's folder, sorted.

    Raises:
        UserError: There are none, or one that the index names is missing.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        return [single]
    if index.exists():
        try:
            names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        except (ValueError, KeyError, AttributeError) as error:
            raise UserError("the index of the weights cannot be read", where=str(index)) from error
        lost = [name for name in names if not (folder / name).exists()]
        if lost:
            raise UserError(f"missing weight files: {', '.join(lost)}", where=str(folder))
        return [folder / name for name in names]
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
    if pickled:
        fix = "convert them to safetensors: pickled files can run code"
        raise UserError(f"only pickled weights ({', '.join(pickled[:3])})", where=str(folder), fix=fix)
    raise UserError("no model.safetensors in the folder", where=str(folder))
