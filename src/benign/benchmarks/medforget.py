"""MedForget: forget an institution, patients, studies or sections of a hospital's records.

Source: arXiv 2512.09867. The data (questions about MIMIC-CXR) are to be released on PhysioNet and could not be read;
tables, fields and tasks are those of the official code (fengli-wu/MedForget df0e78c: ``chip/chip.py``, ``eval.py``,
``run_chip.sh``). Guesses: that an answer to a choice is its text, and that a row without ``hierarchy_level`` belongs
as deep as it names its place (the code asks the question's words). A forget set must take with it what lies below its
targets and leave what lies beside them: both have a column of their own. Subjects are paths, so the attack that
rebuilds a record from its place (:mod:`benign.audit.attacks.reconstruction`) works on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from benign.audit.column import Column, over
from benign.audit.judges.judge import Judge, verdicts
from benign.audit.metrics.bootstrap import interval, mean_score
from benign.audit.metrics.rouge import f1, rouge_l
from benign.audit.observation import Observation, Observations
from benign.audit.score import Score
from benign.audit.sources import Function
from benign.benchmarks import medforget_rows, presets
from benign.benchmarks.medforget_tables import made
from benign.benchmarks.presets_text import published
from benign.benchmarks.protocol import Brought, part
from benign.benchmarks.published import Tables, opened
from benign.data.record import Data
from benign.engine.recipe import Method, Optim
from benign.errors import NotMeasured
from benign.parts.loci.lora import Lora

HUB = "MedForget on PhysioNet, for those with credentials (github.com/fengli-wu/MedForget tells when)"
VARIANTS = ("institution", "patient", "study", "section")
"""The level whose targets are forgotten."""
SETTINGS = (1,)
"""Each level has one forget set."""
METHODS = ("grad_ascent", "grad_diff", "kl_min", "npo", "idk")
"""The usual ones; the official code has CHIP alone."""
PUBLISHED = Optim(lr=1e-4, epochs=3.0, clip=1.0)
"""The defaults of the official ``finetune.py``; how its baselines were trained is not in it."""
BATCH = 8
"""Records per step: 2, gathered 4 times."""
LOCUS = Lora(rank=16, alpha=16.0, dropout=0.05)
_RETRAINED = {"institution": "embedded:vlm-retrained-10", "patient": "embedded:vlm-retrained-05"}
"""No shipped model has lost a study and kept its patient."""


def answered(observations: Observations) -> Score | NotMeasured:
    """Share of answers whose ROUGE-L is 1, which is what the authors count as right in choices and gaps.

    Range 0 to 1; lower is better for the forgotten, higher for others.
    """
    return mean_score(observations.asked, lambda o: float(f1(o) == 1.0))


def total(observations: Observations, judge: Judge) -> Score | NotMeasured:
    """Mean of a quarter of ROUGE-L F1 and three quarters of the judge's mark over 10: the authors' total score.

    Range 0 to 1; lower is better for the forgotten, higher for others. Their judge is DeepSeek's chat model.
    """
    asked = observations.asked
    marks = verdicts(judge, [partial(judge.fact, o.question, o.gold, o.text) for o in asked])
    values = [0.25 * f1(o) + 0.75 * mark / 10 for o, mark in zip(asked, marks, strict=True)]
    return interval(values, [o.cluster for o in asked])


def related(observations: Observations, *, relation: str) -> Score | NotMeasured:
    """ROUGE-L F1 over all tasks of the records that are so related to the targets. Range 0 to 1."""
    found = observations.asked.only(_is(relation))
    return mean_score(found, f1) if found else NotMeasured(f"no record is a {relation} of what is forgotten")


def _is(relation: str) -> Callable[[Observation], bool]:
    return lambda o: o.record.split("/")[2] == relation


_TASKS: Mapping[str, tuple[str, Function, str]] = {
    "generation": ("generation", partial(rouge_l, variant="f1"), "How much of a free answer is right (ROUGE-L F1)."),
    "classification": ("classification", answered, "How often the right choice is given word by word."),
    "cloze": ("cloze", answered, "How often the gap is filled word by word."),
}
COLUMNS = (
    *(
        Column(f"medforget_{split}_{task}", f"{split.capitalize()}, {title}", "MedForget",
               "lower" if split == "forget" else "higher", meaning, over(part(split, f"{split}/{task}"), metric))
        for split in ("forget", "retain")
        for task, (title, metric, meaning) in _TASKS.items()
    ),
    Column("medforget_forget_total", "Forget, total", "MedForget", "lower",
           "ROUGE-L and the judge's mark of free answers about the forgotten.",
           over(part("forget", "forget/generation"), total)),
    Column("medforget_retain_total", "Retain, total", "MedForget", "higher",
           "ROUGE-L and the judge's mark of free answers about the retained.",
           over(part("retain", "retain/generation"), total)),
    Column("medforget_children", "Children", "MedForget", "lower", "How much is told of what lies below the targets.",
           over(part("forget", "forget"), partial(related, relation="child"))),
    Column("medforget_siblings", "Siblings", "MedForget", "higher", "How much is told of what lies beside the targets.",
           over(part("retain", "retain"), partial(related, relation="sibling"))),
)  # fmt: skip


@dataclass(frozen=True)
class MedForget:
    """The protocol at one level."""

    level: str = "institution"
    """What is forgotten, with all below it."""
    brought: Brought = Brought()
    choices: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[Column, ...]] = COLUMNS
    shown: ClassVar[Mapping[str, str]] = {
        "medforget_forget_generation": "forget, generation ↓",
        "medforget_forget_classification": "forget, classification ↓",
        "medforget_forget_cloze": "forget, cloze ↓",
        "medforget_children": "children ↓",
        "medforget_retain_generation": "retain, generation ↑",
        "medforget_retain_classification": "retain, classification ↑",
        "medforget_retain_cloze": "retain, cloze ↑",
        "medforget_siblings": "siblings ↑",
    }

    @property
    def name(self) -> str:
        """The level, and whose data."""
        return f"MedForget, {self.level}{self.brought.world}"

    @property
    def original(self) -> str:
        """Trained on everything (the authors' is tuned from Lingshu-7B)."""
        return self.brought.original or "embedded:vlm"

    @property
    def retrained(self) -> str | None:
        """Trained on all but the forget set; of the embedded world, for institution and patient only."""
        return self.brought.retrained_or(_RETRAINED.get(self.level))

    @property
    def max_new_tokens(self) -> int:
        """128, as in the official code; the embedded world's answers are short."""
        return 128 if self.brought.anything else 18

    def data(self) -> Data:
        """The level's forget set and retain set.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = opened("MedForget", HUB, self.brought.data, partial(made, self.level))
        names = [f"{self.level}_level/{part}_set_all" for part in ("forget", "retain")]
        forget, retain = medforget_rows.read(files, names, self.level, plain=not self.brought.anything)
        files.check()
        return Data(forget=forget, retain=retain)

    def evaluation(self) -> Data:
        """The same: the audit asks what was trained on.

        Raises:
            UserError: Files are missing or faulty.
        """
        return self.data()


def protocol(setting: int, brought: Brought, level: str) -> MedForget:
    """The protocol on the embedded world, or on the published data; there is one setting."""
    return MedForget(level, brought)


def preset(name: str, brought: Brought, level: str) -> Method:
    """The method tuned for the embedded model, or with the official training's settings."""
    return published(name, PUBLISHED, BATCH, LOCUS) if brought.anything else presets.embedded(name)


def tables(level: str) -> Tables:
    """The embedded world's people as patients."""
    return made(level)
