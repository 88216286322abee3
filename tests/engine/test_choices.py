"""A word that is none of a field's choices is refused wherever it stands, and nothing else is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest

import benign
from benign.engine.choices import refuse_unknown_choices
from benign.engine.recipe import Optim, Recipe, Term, Train
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.catalogue import find, names
from benign.methods.flat import FLAT
from benign.methods.guard import GUARD
from benign.methods.melu import MELU
from benign.methods.meow import MEOW
from benign.methods.npo import NPO
from benign.methods.smfa import SMFA
from benign.parts.objectives.cross_entropy import CrossEntropy
from benign.parts.samplers.paired import Paired
from benign.parts.targets.inverted import InvertedFacts
from benign.parts.weightings.guard import AttributionWeights
from benign.parts.weightings.random_coreset import RandomCoreset
from tests import toys


@dataclass(frozen=True)
class Several:
    """Fields of every kind that holds words."""

    kinds: tuple[Literal["a", "b"], ...] = ("a",)
    maybe: Literal["a", "b"] | None = None
    either: Literal["a"] | float = 1.0
    free: str = "anything"
    any: Literal["a"] | str = "anything"
    pool: tuple[str, ...] = ("any", "thing")


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (FLAT("chi"), r"FLAT\.divergence: unknown choice 'chi'"),  # type: ignore[arg-type]
        (MEOW(variant="grad_dif"), r"MEOW\.variant: .*did you mean 'grad_diff'"),  # type: ignore[arg-type]
        (MEOW(inverted=InvertedFacts(choose="most")), r"InvertedFacts\.choose: unknown choice 'most'"),  # type: ignore[arg-type]
        (MELU(NPO(), Paired("melu")), r"Paired\.scheme: .*modular"),  # type: ignore[arg-type]
        (GUARD(NPO(), AttributionWeights(similarity="l2")), r"AttributionWeights\.similarity"),  # type: ignore[arg-type]
        (GUARD(SMFA(preset="papre")), r"SMFA\.preset: .*did you mean 'paper'"),  # type: ignore[arg-type]
        (benign.compose(NPO(optim=Optim(schedule="step")), weighting=RandomCoreset()), r"Optim\.schedule"),  # type: ignore[arg-type]
        (Several(kinds=("a", "c")), r"Several\.kinds: unknown choice 'c'"),  # type: ignore[arg-type]
        (Several(maybe="c"), r"Several\.maybe"),  # type: ignore[arg-type]
        (Several(either="b"), r"Several\.either"),  # type: ignore[arg-type]
    ],
    ids=lambda value: type(value).__name__ if dataclasses.is_dataclass(value) else "",
)
def test_another_word_is_refused_with_the_known_ones(method: object, told: str) -> None:
    with pytest.raises(UserError, match=told):
        refuse_unknown_choices(method)


def test_what_may_be_any_text_may() -> None:
    refuse_unknown_choices(Several())
    refuse_unknown_choices(Several(("b", "a"), "b", "a", "c", "c", ("d",)))
    refuse_unknown_choices(replace(Several(), either=2.0))


@dataclass(frozen=True)
class Own:
    """A method of somebody else's, whose types are nobody's business."""

    recipe_: Recipe
    note: "unheard_of" = "anything"  # type: ignore[name-defined]  # noqa: F821, UP037

    def recipe(self) -> Recipe:
        return self.recipe_


def test_recipes_by_hand_are_looked_through_too(tmp_path: Path) -> None:
    term = Term("forget", CrossEntropy(), "forget")
    refuse_unknown_choices(Own(Recipe((Train("train", (term,)),))))
    for wrong in (replace(term, on="forgets"), replace(term, kinds=("memory", "memories"))):  # type: ignore[arg-type]
        with pytest.raises(UserError, match=r"Term\.(on|kinds): unknown choice"):
            unlearn("no model is loaded", toys.data(), method=Own(Recipe((Train("train", (wrong,)),))), out=tmp_path)


@pytest.mark.parametrize("name", names())
def test_every_method_is_made_of_words_that_it_knows(name: str) -> None:
    refuse_unknown_choices(find(name)())


def test_a_run_does_not_begin(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown choice 'foo'"):
        unlearn("no model is loaded", toys.data(), method=MEOW(variant="foo"), out=tmp_path / "run")  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()
