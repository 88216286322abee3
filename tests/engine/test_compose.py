"""Any method with other parts on some axes: what is given is changed, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import benign
from benign.cli.settings import changed
from benign.engine.recipe import Optim, Sculpt, Train
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.eco import ECO
from benign.methods.idk import IDK
from benign.methods.manu import MANU
from benign.methods.mllm_eraser import MLLMEraser
from benign.methods.npo import NPO
from benign.methods.retrain import Retrain
from benign.methods.smfa import SMFA
from benign.methods.ssd import SSD
from benign.methods.unierase import UniErase
from benign.models.delta import load_delta
from benign.models.load import load
from benign.parts.edits.anchor_mask import AnchorMask
from benign.parts.edits.model_patch import ModelPatch
from benign.parts.edits.prune_neurons import PruneNeurons
from benign.parts.edits.task_arithmetic import TaskArithmetic
from benign.parts.edits.ties import Ties
from benign.parts.loci.lora import Lora
from benign.parts.loci.masked import Masked
from benign.parts.samplers.cyclic import Cyclic
from benign.parts.targets.gold import Gold
from benign.parts.targets.self_answers import SelfAnswers
from benign.parts.targets.template import Template
from benign.parts.updates.pcgrad import GradientSurgery
from benign.parts.weightings.random_coreset import RandomCoreset
from tests import toys

CHOICES: dict[str, Any] = {
    "locus": Masked(share=0.1), "update": GradientSurgery(), "sampler": Cyclic(), "targets": Template(), "edit": Ties(),
    "weighting": RandomCoreset(),
}  # fmt: skip


def test_nothing_given_is_the_method_itself() -> None:
    for method in (NPO(), SMFA(self_batch=2), MANU(), Retrain(base="embedded:lm")):
        assert benign.compose(method).recipe() == method.recipe()


def test_every_axis_is_changed_where_it_stands_and_nowhere_else() -> None:
    method = SMFA(self_batch=2, strangers_batch=1)
    plain = method.recipe()
    for axis, part in CHOICES.items():
        made = benign.compose(method, **{axis: part}).recipe()
        for before, after in zip(plain.stages, made.stages, strict=False):
            if not isinstance(before, Train):
                assert after == before
                continue
            assert isinstance(after, Train)
            if axis in ("locus", "update"):
                assert after == replace(before, **{axis: part})
            elif axis == "sampler":
                assert after == replace(before, terms=tuple(replace(term, sampler=part) for term in before.terms))
            elif axis == "weighting":
                assert after == replace(
                    before, terms=tuple(replace(t, weighting=part) if t.on == "forget" else t for t in before.terms)
                )
            elif axis == "targets":
                assert {term.name for term in after.terms if term.target == part} <= {"forget"}
                assert any(isinstance(term.target, SelfAnswers) for term in before.terms + plain.stages[0].terms)  # type: ignore[union-attr]
                assert after == replace(
                    before, terms=tuple(replace(t, target=part) if t.name == "forget" else t for t in before.terms)
                )
        added = made.stages[len(plain.stages) :]
        assert added == ((Sculpt("edit", part, (plain.stages[-1].name,)),) if axis == "edit" else ())


def test_what_is_retrained_is_left_alone() -> None:
    method = Retrain(base="embedded:lm")
    assert benign.compose(method, locus=Lora(), update=GradientSurgery()).recipe() == method.recipe()
    with pytest.raises(UserError, match="whole model"):
        benign.compose(method, edit=Ties())


@pytest.mark.parametrize(
    ("method", "part", "said"),
    [
        (ECO(), {"locus": Lora()}, "locus: no stage of the method takes this"),
        (ECO(), {"sampler": Cyclic()}, "sampler: no stage"),
        (MLLMEraser(), {"targets": Template()}, "targets: no stage"),
        (SSD(), {"update": GradientSurgery()}, "update: no stage"),
        (UniErase(), {"locus": Lora()}, "locus: no stage"),
    ],
)
def test_a_part_that_would_change_nothing_is_refused(method: Any, part: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        benign.compose(method, **part)
    assert benign.compose(SSD(), locus=Masked(share=0.1)).recipe() == SSD(locus=Masked(share=0.1)).recipe()


@pytest.mark.parametrize(
    ("edit", "said"),
    [(PruneNeurons(), "statistics"), (ModelPatch(), "statistics"), (AnchorMask(), "several deltas")],
)
def test_an_edit_that_needs_more_is_refused_before_anything_is_trained(edit: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        benign.compose(NPO(), edit=edit)


def test_a_composition_runs_under_the_methods_name_and_its_edit_is_the_result(tmp_path: Path) -> None:
    base = toys.text_model(tmp_path / "base")
    quick = NPO(optim=Optim(lr=5e-3, epochs=None, steps=3), locus=Lora(dropout=0.0))
    halved = benign.compose(quick, edit=TaskArithmetic(scales=(0.5,)))
    plain, edited = (
        unlearn(str(base), toys.data(), method=method, out=tmp_path / name)
        for name, method in (("plain", quick), ("edited", halved))
    )
    assert plain.method == edited.method == "npo"
    model = load(str(base))
    whole, half = (load_delta(result.folder / "adapter", model) for result in (plain, edited))
    for name in whole.tensors:
        assert (half.dense(name) - 0.5 * whole.dense(name)).abs().max() < 1e-7 < whole.dense(name).abs().max()


def test_words_of_the_command_line_name_parts() -> None:
    made = changed(
        NPO(),
        [
            "update=pcgrad",
            "update.mode=forget_off_keep",
            "locus=masked",
            "locus.share=0.1",
            "sampler=cyclic",
            "beta=0.2",
            "targets=template",
            "edit=ties",
            "edit.density=0.5",
        ],
    )
    assert made == benign.compose(
        NPO(update=GradientSurgery(mode="forget_off_keep"), locus=Masked(share=0.1), beta=0.2),
        sampler=Cyclic(), targets=Template(), edit=Ties(density=0.5),
    )  # fmt: skip
    assert changed(IDK(), ["targets=Gold"]) == benign.compose(IDK(), targets=Gold())


def test_a_part_that_is_none_names_the_others() -> None:
    with pytest.raises(UserError, match=r"pcgrat.*pcgrad"):
        changed(NPO(), ["update=pcgrat"])
    with pytest.raises(UserError, match="neuron_paths"):
        changed(NPO(), ["locus=neuron_paths"])
