"""Tiny models whose insides differ enough to be told apart, and people whom they know by chance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

import toys
from benign.data.record import Data, Record
from benign.engine.serve import Served
from benign.models.load import load


def served(folder: Path, seed: int) -> Served:
    """A random two-layer model with weights so large that its layers matter."""
    found = Served(load(str(toys.text_model(folder / str(seed), seed=seed)), device="cpu"))
    with torch.no_grad():
        for name, parameter in found.model.module.named_parameters():
            if "norm" not in name:
                parameter.mul_(8.0)
    return found


def asked(names: tuple[str, ...]) -> tuple[Record, ...]:
    """The toy world's records with two wrong answers each."""
    wrong = {"city": toys.CITIES, "pet": toys.PETS}
    return tuple(
        replace(r, perturbed=tuple(a for a in wrong[r.id.split("/")[1]] if a != r.answer)[:2])
        for r in toys.records(names)
    )


def data() -> Data:
    return Data(forget=asked(toys.PEOPLE[:3]), retain=asked(toys.PEOPLE[3:5]), holdout=asked(toys.PEOPLE[5:]))


def silent(what: str, done: int, total: int) -> None:
    assert 0 < done <= total
