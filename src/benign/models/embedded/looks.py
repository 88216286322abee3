"""What a picture shows: visible attributes with named values, and traits that only a picture can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STRANGERS_TRAIN = 1_000
"""First index of the strangers that teach what is visible."""
STRANGERS_METHOD = 10_000_000
"""First index of the strangers that unlearning methods may use."""
STRANGERS_HOLDOUT = 20_000_000
"""First index of the strangers that only an audit sees."""


@dataclass(frozen=True)
class Kind:
    """A kind of picture: its attributes with their values, and how many nameless traits it has."""

    name: str
    stream: int
    attributes: dict[str, tuple[str, ...]]
    traits: int


@dataclass(frozen=True)
class Look:
    """One subject's appearance; ``traits`` lie in [0, 1)."""

    kind: Kind
    values: dict[str, str]
    traits: tuple[float, ...]


FACE = Kind(
    "portrait",
    3,
    {
        "hair_colour": ("black", "brown", "blond", "red", "grey", "white"),
        "hair_style": ("short", "long", "curly", "spiky"),
        "eye_colour": ("blue", "green", "brown", "black"),
        "glasses": ("none", "round", "square", "tinted"),
        "hat": ("none", "cap", "beret", "hood"),
        "beard": ("none", "full", "moustache", "goatee"),
        "shirt_colour": ("red", "green", "blue", "yellow", "purple", "white"),
        "shirt_pattern": ("plain", "striped", "dotted", "checked"),
        "background": ("red", "green", "blue", "yellow", "orange", "grey"),
        "mood": ("smiling", "neutral", "frowning", "surprised"),
    },
    traits=8,
)
EYE = Kind(
    "fundus",
    4,
    {
        "disc_side": ("left", "right", "top", "bottom"),
        "tint": ("red", "orange", "brown", "pink"),
        "spots": ("none", "one", "two", "three", "four"),
        "exudate": ("none", "yellow", "white", "green"),
    },
    traits=20,
)
SHAPES = Kind(
    "shapes",
    5,
    {
        "shape": ("circle", "square", "triangle", "star", "cross"),
        "count": ("one", "two", "three", "four", "five"),
        "colour": ("red", "green", "blue", "yellow", "white", "black"),
        "ground": ("orange", "purple", "grey", "pink", "brown"),
    },
    traits=12,
)
KINDS = (FACE, EYE, SHAPES)


def draw_look(kind: Kind, seed: int, index: int) -> Look:
    """The look of subject ``index``: every attribute and trait uniform and independent."""
    random = np.random.default_rng((seed, kind.stream, index))
    values = {name: options[int(random.integers(len(options)))] for name, options in kind.attributes.items()}
    return Look(kind, values, tuple(float(t) for t in random.random(kind.traits)))


def likeness(one: Look, other: Look) -> int:
    """How many visible attributes two looks share."""
    return sum(other.values[name] == value for name, value in one.values.items())
