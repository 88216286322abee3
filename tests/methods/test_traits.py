"""What the catalogue says about a method's kind is what its recipe does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benign import methods
from benign.errors import UserError
from benign.methods import Wish, traits
from benign.methods.derive import derive, of_recipe
from benign.methods.traits import TAXONOMY, Cost, Traits, fits, told

NPO = Traits(
    papers=("2404.05868",),
    parts={
        "objectives": ("npo", "cross_entropy"),
        "loci": ("lora",),
        "updates": ("weighted_sum",),
        "samplers": ("uniform",),
        "targets": ("gold",),
    },
    needs=("forget", "few_retain", "reference"),
    training=True,
    guarantee="weights",
    taxonomy="global",
    reconstructed=False,
)


def named(wish: Wish) -> set[str]:
    return {known.name for known in methods.describe(wish)}


def test_a_method_is_read_off_its_recipe() -> None:
    assert derive("npo") == NPO


def test_the_kept_file_is_what_the_recipes_say() -> None:
    assert {name: derive(name) for name in ("npo", "smfa", "manu")} == {
        name: traits.read(cost=Path("none"))[name] for name in ("npo", "smfa", "manu")
    }


def test_a_method_that_needs_a_name_from_the_user_is_read_all_the_same() -> None:
    found = derive("retrain")
    assert found.needs == ("retain", "base_model")
    assert found.guarantee == "exact"


def test_what_is_left_out_where_it_is_not_there_is_not_needed() -> None:
    assert derive("benign").needs == ("forget", "few_retain", "reference")


def test_what_only_ascends_needs_the_forget_set_alone() -> None:
    assert {"grad_ascent", "task_arithmetic"} <= named(Wish(having=("forget",)))
    assert "npo" not in named(Wish(having=("forget", "few_retain")))
    assert "npo" in named(Wish(having=("forget", "few_retain", "reference")))


def test_pruning_trains_nothing_and_is_local() -> None:
    assert "manu" in named(Wish(training=False, taxonomy="local"))
    assert "npo" not in named(Wish(training=False))
    assert "manu" not in named(Wish(training=True)) | named(Wish(taxonomy="global"))


def test_who_needs_pictures_is_of_no_use_where_there_are_none() -> None:
    assert "manu" not in named(Wish(modality="words")) and "npo" in named(Wish(modality="words"))
    assert {"manu", "npo"} <= named(Wish(modality="pictures"))


def test_an_axis_tells_who_chooses_on_it() -> None:
    assert {"smfa", "ties", "task_arithmetic"} <= named(Wish(axis="edits"))
    assert "npo" not in named(Wish(axis="edits"))
    assert "pdu" in named(Wish(axis="updates"))
    assert "smfa" not in named(Wish(axis="updates"))


def test_what_was_reconstructed_says_so() -> None:
    assert "ties" in named(Wish(reconstructed=True))
    assert "npo" in named(Wish(reconstructed=False))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"modality": "sound"}, "--modality.*sound"),
        ({"axis": "edit"}, "--axis.*did you mean 'edits'"),
        ({"having": ("money",)}, "--having.*money"),
    ],
)
def test_an_unknown_word_is_answered_with_those_known(wish: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Wish(**wish)  # type: ignore[arg-type]


def test_an_open_wish_fits_all() -> None:
    assert fits(NPO, Wish())


def test_measured_costs_are_beside_their_methods(tmp_path: Path) -> None:
    costs = tmp_path / "cost.json"
    costs.write_text(json.dumps({"methods": {"npo": {"seconds": 1.0, "memory": 1.0}}}))
    found = traits.read(cost=costs)
    assert found["npo"].cost == Cost(1.0, 1.0)
    assert found["smfa"].cost is None


def test_a_kind_is_told_in_words() -> None:
    facts = dict(told(replace(NPO, reconstructed=True, needs=("forget", "pictures"), training=False)))
    assert facts["kind"] == f"{TAXONOMY['global']}, without training"
    assert facts["needs"] == "the forget set; records with pictures" and facts["modality"] == "records with pictures"
    assert facts["objectives"] == "npo, cross_entropy" and "reconstructed" in facts and "cost" not in facts
    assert dict(told(NPO))[
        "modality"
    ] == "records of words alone, records with pictures" and "reconstructed" not in dict(told(NPO))


def test_what_a_recipe_shows_has_no_paper() -> None:
    method = methods.find("npo")()
    assert of_recipe(method.recipe()) == replace(NPO, papers=())


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "traits.json"
    broken.write_text('{"npo": {"papers": []}}')
    with pytest.raises(UserError, match=r"traits\.json.*stub"):
        traits.read(broken)


def test_a_filter_is_no_erasure_and_says_what_it_is_fitted_on() -> None:
    found = derive("eco")
    assert (found.taxonomy, found.guarantee, found.training) == ("input_output", "suppression", False)
    assert found.needs == ("forget", "retain")


def test_dampening_and_rewriting_are_told_from_training() -> None:
    dampened, rewritten = derive("ssd"), derive("unierase")
    assert (dampened.needs, dampened.training, dampened.taxonomy) == (("forget", "few_retain"), False, "local")
    assert (rewritten.needs, rewritten.training, rewritten.taxonomy) == (("forget", "few_retain"), True, "local")
