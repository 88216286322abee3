"""What kind of method each one is: what it needs, what it moves, what it promises; by the survey of digital forgetting
(Blanco-Justicia et al. 2025, arXiv 2404.02062).

Derived from the methods' recipes by ``python -m benign.methods.stub`` and kept beside them, so that reading it needs no
torch. Nothing here is typed in by hand but the survey's headings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benign.errors import UserError, unknown_name

PATH = Path(__file__).with_name("traits.json")
COST = Path(__file__).with_name("cost.json")
"""What ``benches/methods/cost.py`` measured; a method that is not in it was not measured."""

NEEDS: Mapping[str, str] = {
    "forget": "the forget set",
    "few_retain": "some retained records",
    "retain": "the whole retain set",
    "strangers": "questions about strangers",
    "reference": "the original model's outputs while training",
    "base_model": "the model from before the fine-tune",
    "pictures": "records with pictures",
}
"""What a method may need, in words."""
TAXONOMY: Mapping[str, str] = {
    "global": "global weight modification",
    "local": "local weight modification",
    "architecture": "architecture modification",
    "input_output": "input or output modification",
}
"""The survey's four kinds of approach."""
GUARANTEES: Mapping[str, str] = {
    "exact": "exact: what was to be forgotten never was in the weights",
    "weights": "empirical: the weights changed, attacks say how far",
    "suppression": "none for the weights: what is said is filtered",
}
"""What a method's result may claim."""
MODALITIES: Mapping[str, str] = {"words": "records of words alone", "pictures": "records with pictures"}
"""What a method's records may be made of."""


@dataclass(frozen=True)
class Cost:
    """What a method cost beside NPO on the same job, in one run."""

    seconds: float
    """Seconds, as a multiple of NPO's."""
    memory: float
    """Peak memory, as a multiple of NPO's."""


@dataclass(frozen=True)
class Traits:
    """What kind of method it is."""

    papers: tuple[str, ...]
    """arXiv numbers in the first line of the method's file."""
    parts: Mapping[str, tuple[str, ...]]
    """The files of the parts that it is composed of, by axis."""
    needs: tuple[str, ...]
    """Keys of ``NEEDS``."""
    training: bool
    """Whether anything is trained."""
    guarantee: str
    """A key of ``GUARANTEES``."""
    taxonomy: str
    """A key of ``TAXONOMY``."""
    reconstructed: bool
    """Whether its file says that something could not be read and was reconstructed."""
    cost: Cost | None = None
    """What it cost where that was measured (an embedded model, tuned settings)."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Keys of ``MODALITIES``: the kinds of records that it can be run on."""
        return ("pictures",) if "pictures" in self.needs else tuple(MODALITIES)


@dataclass(frozen=True)
class Wish:
    """What a reader of the catalogue looks for; what is None is left open."""

    axis: str | None = None
    """An axis whose default is not what the method chooses."""
    having: tuple[str, ...] | None = None
    """Keys of ``NEEDS``: all that the reader has; a method that needs more is left out."""
    training: bool | None = None
    guarantee: str | None = None
    taxonomy: str | None = None
    reconstructed: bool | None = None
    modality: str | None = None
    """A key of ``MODALITIES`` that the method must take."""

    def __post_init__(self) -> None:
        """Check the words.

        Raises:
            UserError: One of them is unknown.
        """
        known = {"axis": (self.axis, AXES), "guarantee": (self.guarantee, GUARANTEES)}
        known |= {"taxonomy": (self.taxonomy, TAXONOMY), "modality": (self.modality, MODALITIES)}
        for option, (word, words) in known.items():
            if word is not None and word not in words:
                raise unknown_name(option, word, list(words), where=f"--{option}")
        for need in self.having or ():
            if need not in NEEDS:
                raise unknown_name("thing that one can have", need, list(NEEDS), where="--having")


USUAL: Mapping[str, tuple[str, ...]] = {
    "objectives": ("cross_entropy",),
    "loci": ("lora", "all_weights", "linear", "fisher_lora", "variance_lora"),
    "updates": ("weighted_sum",),
    "samplers": ("uniform",),
    "targets": ("gold",),
    "edits": (),
    "statistics": (),
    "guards": (),
    "weightings": (),
}
"""The parts by which no method is told from another."""
AXES = tuple(USUAL)


def fits(traits: Traits, wish: Wish) -> bool:
    """Whether a method is what the reader looks for."""
    if wish.axis is not None and not set(traits.parts.get(wish.axis, ())) - set(USUAL[wish.axis]):
        return False
    if wish.having is not None and set(traits.needs) - set(wish.having):
        return False
    if wish.modality not in (None, *traits.modalities):
        return False
    asked = ("training", "guarantee", "taxonomy", "reconstructed")
    return all(getattr(wish, name) in (None, getattr(traits, name)) for name in asked)


@cache
def read(path: Path = PATH, cost: Path = COST) -> dict[str, Traits]:
    """The methods' traits by name.

    Raises:
        UserError: The file is not what ``python -m benign.methods.stub`` writes.
    """
    measured = costs(cost)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: _traits(row, measured.get(name)) for name, row in content.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"cannot read the methods' traits: {error}", where=str(path), fix="python -m benign.methods.stub"
        ) from None


def told(traits: Traits) -> tuple[tuple[str, str], ...]:
    """What kind of method it is, in words: a name and a text each; the papers are the reader's to link."""
    rows = [("kind", TAXONOMY[traits.taxonomy] + ("" if traits.training else ", without training"))]
    rows += [("needs", "; ".join(NEEDS[need] for need in traits.needs))]
    rows += [("modality", ", ".join(MODALITIES[one] for one in traits.modalities))]
    rows += [("guarantee", GUARANTEES[traits.guarantee])]
    rows += [(axis, ", ".join(files)) for axis, files in traits.parts.items()]
    rows += [("reconstructed", "in part; the file says what")] if traits.reconstructed else []
    if traits.cost is not None:
        said = f"{traits.cost.seconds:.1f} times NPO's seconds, {traits.cost.memory:.1f} times its peak memory"
        rows.append(("cost", said))
    return tuple(rows)


def _traits(row: Mapping[str, Any], cost: Cost | None) -> Traits:
    return Traits(
        tuple(row["papers"]),
        {axis: tuple(files) for axis, files in row["parts"].items()},
        tuple(row["needs"]),
        bool(row["training"]),
        str(row["guarantee"]),
        str(row["taxonomy"]),
        bool(row["reconstructed"]),
        cost,
    )


def costs(path: Path = COST) -> dict[str, Cost]:
    """What was measured, by method; nothing where nothing was."""
    if not path.exists():
        return {}
    rows = json.loads(path.read_text(encoding="utf-8"))["methods"]
    return {name: Cost(row["seconds"], row["memory"]) for name, row in rows.items()}
