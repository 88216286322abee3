"""The recipes of the composition study, which cross the axes; ``python benches/experiments/compose/recipes.py`` writes
them beside itself as experiments, which ``benign bench --experiments benches/experiments/compose`` runs.

Each starts from Benign or from a known method, all at their tuned settings on the same budget, and changes a part or
several. ``on(...)`` gives a recipe for S-MLLMUn's small world (pictures) and one for TOFU's (text).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benign.benchmarks import presets, presets_text
from benign.benchmarks.experiment import Experiment, save_experiment
from benign.engine.compose import Composed
from benign.engine.recipe import Method, RandomNoise
from benign.methods.benign import Benign
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.fisher_lora import FisherLora
from benign.parts.loci.lora import Lora
from benign.parts.loci.variance_lora import VarianceLora
from benign.parts.samplers.subject_grouped import SubjectGrouped
from benign.parts.targets.guess import Guess
from benign.parts.targets.perturbed import Perturbed
from benign.parts.targets.template import Template
from benign.parts.updates.blur import ForgetFirst
from benign.parts.updates.gu import GeometricDisentanglement
from benign.parts.updates.pcgrad import GradientSurgery
from benign.parts.updates.sharpness_aware import SharpnessAware
from benign.parts.weightings.grad_norm_coreset import GradNormCoreset
from benign.parts.weightings.guard import AttributionWeights
from benign.parts.weightings.random_coreset import RandomCoreset

HERE = Path(__file__).parent
GU, PCGRAD, BLUR = GeometricDisentanglement(), GradientSurgery("forget_off_keep"), ForgetFirst()
SAM = SharpnessAware(0.05)
FILA = FisherLora(Lora(rank=16, alpha=32.0, dropout=0.0))
VILA = VarianceLora(Lora(rank=16, alpha=32.0, dropout=0.0))
RNA = RandomNoise(nu=0.1, layer=0.5)
GUARD = AttributionWeights()


def ours(world: str) -> dict[str, Method]:
    """Benign, without one of its parts, and with another one in the place of one."""
    base = BASE[world]
    slower = replace(base.optim, lr=base.optim.lr / 10)
    found: dict[str, Method] = {
        "benign": base,
        "benign_no_jitter": replace(base, jitter=0),
        "benign_no_few": replace(base, retain_batch=0),
        "benign_no_self": replace(base, self_batch=0),
        "benign_no_strangers": replace(base, strangers_batch=0),
        "benign_no_look_alikes": replace(base, look_alikes_batch=0),
        "benign_keep_less": replace(base, keep_weight=base.keep_weight / 2),
        "benign_keep_more": replace(base, keep_weight=base.keep_weight * 2),
        "benign_gu": replace(base, update=GU),
        "benign_pcgrad": replace(base, update=PCGRAD),
        "benign_blur": replace(base, update=BLUR),
        "benign_sam": replace(base, update=SAM),
        "benign_all_weights": replace(base, locus=AllWeights(), optim=slower),
        "benign_low_layers": replace(base, locus=replace(presets.LOCUS, within=(0, 1))),
        "benign_high_layers": replace(base, locus=replace(presets.LOCUS, within=(2, 3))),
        "benign_rank_4": replace(base, locus=replace(presets.LOCUS, rank=4, alpha=8.0)),
        "benign_dora": replace(base, locus=replace(presets.LOCUS, dora=True)),
        "benign_fila": replace(base, locus=FILA),
        "benign_vila": replace(base, locus=VILA),
        "benign_rna": Composed(base, noise=RNA),
        "benign_gu_rna": Composed(base, update=GU, noise=RNA),
        "benign_guard": Composed(base, weighting=GUARD),
        "benign_coreset": Composed(base, weighting=RandomCoreset(0.25)),
        "benign_grand": Composed(base, weighting=GradNormCoreset(0.25)),
        "benign_guess": Composed(base, targets=Guess()),
        "benign_wrong": Composed(base, targets=Perturbed()),
        "benign_template": Composed(base, targets=Template()),
        "benign_subjects": Composed(base, sampler=SubjectGrouped()),
    }
    return found


def others(world: str) -> dict[str, Method]:
    """Known methods with parts of other ones."""
    tuned = presets.EMBEDDED if world == "smllmun" else presets_text.TUNED | presets_text.APART
    npo, idk = tuned["npo"], tuned["idk"]
    found: dict[str, Method] = {
        "idk_guard": Composed(idk, weighting=GUARD),
        "idk_gu": Composed(idk, update=GU),
        "idk_rna": Composed(idk, noise=RNA),
        "npo_gu": Composed(npo, update=GU),
        "npo_rna": Composed(npo, noise=RNA),
        "npo_vila_blur": Composed(npo, locus=VILA, update=BLUR),
    }
    if world == "smllmun":
        answers = tuned["smfa_self_answers"]
        found["smfa_self_answers"] = answers
        found["smfa_self_answers_gu_rna"] = Composed(answers, update=GU, noise=RNA)
        found["vgid_gu"] = Composed(tuned["vgid"], update=GU)
    else:
        found["rmu_rna"] = tuned["rna"]
        found["rmu_gu"] = Composed(tuned["rmu"], update=GU)
        found["simnpo_gu"] = Composed(tuned["simnpo"], update=GU)
        found["undial_guard"] = Composed(tuned["undial"], weighting=GUARD)
    return found


_SHORT = replace(presets.KEEPING, steps=160)
BASE: dict[str, Benign] = {
    "smllmun": replace(
        presets.BENIGN,
        forget_batch=16,
        retain_batch=8,
        self_batch=3,
        strangers_batch=16,
        look_alikes_batch=10,
        stretch=1.0,
        optim=_SHORT,
    ),
    "tofu": replace(presets_text.BENIGN, refusals=presets_text.REFUSALS),
}
"""Pictures at a third of the tuned preset's cost; text with four refusals; the study found one to be better."""
NO_PICTURES = ("benign_no_jitter", "benign_no_self", "benign_no_strangers", "benign_no_look_alikes")
"""What a world without pictures and strangers has not."""
TEXT_ONLY = (
    "benign_rank_4", "benign_template", "benign_subjects", "benign_grand", "benign_keep_less", "benign_keep_more",
    "benign_dora", "benign_fila", "benign_no_few", "benign_pcgrad", "idk_rna", "npo_gu", "npo_rna", "smfa_self_answers",
)  # fmt: skip
"""Run where a run is cheap."""


def recipes(world: str) -> dict[str, Method]:
    """All recipes for one benchmark."""
    left_out = TEXT_ONLY if world == "smllmun" else NO_PICTURES
    return {name: method for name, method in (ours(world) | others(world)).items() if name not in left_out}


if __name__ == "__main__":
    for benchmark in BASE:
        for name, method in recipes(benchmark).items():
            save_experiment(HERE, Experiment(benchmark, name, method, (10,), (0,)))
