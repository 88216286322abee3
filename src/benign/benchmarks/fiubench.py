"""FIUBench: forget 1, 5 or 10 percent of 400 invented people who are known by their faces.

Source: arXiv 2411.03554 (ICLR 2025). Data: ``gray311/FIUBench`` on the hub, ``full.json``, ``split.json`` and the
pictures. The fields are those that the official code reads (gray311/VLM_Unlearned 8e98326) and ``split.json`` was read
itself; ``full.json`` was not, its types (one reworded answer, three other questions and wrong answers) are told from
readers by others. Whoever is in any forget set is kept out of what is retained. The official code lower-cases all but
the first letter of questions and answers; here they stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import ClassVar

from benign.audit.column import Column, over
from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.fact import TEN, fact_score
from benign.audit.metrics.rouge import rouge_l
from benign.audit.metrics.truth_ratio import truth_ratio
from benign.audit.observation import PARAPHRASES, Observation, Observations
from benign.audit.score import Score
from benign.benchmarks import fiu_rows, presets
from benign.benchmarks.fiu_numbers import first_sentence, mixed_min_k, share_of_keywords
from benign.benchmarks.fiu_rows import FORGET_SETS, RETAIN_SET, Asked, Keywords
from benign.benchmarks.fiu_tables import made, pictures
from benign.benchmarks.presets_text import published
from benign.benchmarks.protocol import Brought, part
from benign.benchmarks.published import Published, Stored, Tables, opened
from benign.data.record import Data
from benign.engine.recipe import Method, Optim
from benign.errors import NotMeasured, UserError
from benign.parts.loci.lora import Lora

HUB = "gray311/FIUBench (full.json, split.json and the folder SFHQ with the pictures)"
SETTINGS = (5, 10, 1)
"""Percent of the people to forget; the embedded world has no 1."""
METHODS = ("grad_ascent", "grad_diff", "kl_min", "idk")
"""The authors' baselines; theirs called PO is ``idk``."""
PUBLISHED = Optim(lr=1e-4, epochs=5.0, schedule="cosine", warmup=0.06, weight_decay=0.01, micro_batch=4)
"""``config/forget_lora.yaml`` (8e98326); the paper's table has 8 epochs."""
RATES = {"grad_ascent": 2e-5, "grad_diff": 2e-5, "kl_min": 1e-4, "idk": 3e-4}
"""The paper's learning rates."""
BATCH = 64
"""Records per step: 4, gathered 16 times."""
LOCUS = Lora(rank=128, alpha=256.0, dropout=0.05)
"""On the language model; the authors train the projector as well, in full."""


def sentence_recall(observations: Observations) -> Score | NotMeasured:
    """ROUGE-L recall of the answers' first sentences. Range 0 to 1; higher is better for the retained."""
    return rouge_l(first_sentence(observations), variant="recall")


@dataclass(frozen=True)
class FIUBench:
    """The protocol at one ratio."""

    setting: int = 5
    """Percent of the people to forget."""
    brought: Brought = Brought()
    choices: ClassVar[tuple[str, ...]] = ()
    shown: ClassVar[Mapping[str, str]] = {
        "fiu_rouge": "retain, ROUGE-L ↑", "fiu_judge": "retain, judge ↑", "fiu_truth": "retain, truth ratio ↑",
        "forget_quality_log10": "log10 forget quality ↑", "fiu_keywords": "keywords ↓", "fiu_min_k": "Min-K ↓",
        "fiu_reworded": "keywords, reworded ↓",
    }  # fmt: skip

    @property
    def name(self) -> str:
        """The ratio, and whose data."""
        return f"FIUBench forget{self.setting}{self.brought.world}"

    @property
    def original(self) -> str:
        """Trained on everybody."""
        return self.brought.original or "embedded:vlm"

    @property
    def retrained(self) -> str | None:
        """Trained on everybody but the forget sets."""
        return self.brought.retrained_or(f"embedded:vlm-retrained-{self.setting:02d}")

    @property
    def max_new_tokens(self) -> int:
        """50, as in the official configuration; the embedded world's answers are short."""
        return 50 if self.brought.anything else 18

    @property
    def columns(self) -> tuple[Column, ...]:
        """The authors' numbers that need no language model; the keywords are read when they are first needed."""
        forget, retain = part("forget", "forget"), part("retain", "retain")
        reworded = replace(forget, view=PARAPHRASES)
        return (
            Column("fiu_rouge", "ROUGE-L, retain", "FIUBench", "higher", "How much of the kept answers is told.",
                   over(retain, sentence_recall)),
            Column("fiu_judge", "Judge, retain", "FIUBench", "higher", "The judge's mark of the kept answers.",
                   over(retain, fact_score), TEN),
            Column("fiu_truth", "Truth ratio, retain", "FIUBench", "higher",
                   "How much likelier the kept answers are than wrong ones.",
                   over(retain, partial(truth_ratio, form="true_better"))),
            Column("fiu_keywords", "Keywords, forget", "FIUBench", "lower",
                   "How many of a forgotten answer's keywords are told (the authors' exact match).",
                   over(forget, self.keywords_told)),
            Column("fiu_min_k", "Min-K, forget", "FIUBench", "lower",
                   "How likely the least likely tokens of the forgotten answers are.", over(forget, mixed_min_k)),
            Column("fiu_reworded", "Keywords, reworded", "FIUBench", "lower",
                   "How many keywords are told when the question is put in other words (the authors' APE).",
                   over(reworded, self.keywords_told)),
        )  # fmt: skip

    def keywords_told(self, observations: Observations) -> Score | NotMeasured:
        """Mean over answers of the share of the keywords in the first sentence.

        Range 0 to 1; lower is better for the forgotten. Source: arXiv 2411.03554.
        """

        def share(observation: Observation) -> float:
            return share_of_keywords(self._keywords[observation.record], observation.text)

        return mean_score(first_sentence(observations), share)

    def data(self) -> Data:
        """The forgotten people's questions, and those of everybody who is in no forget set.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        sets, rows = fiu_rows.members(files), fiu_rows.people(files)
        gone = frozenset[str]().union(*(sets.get(name, frozenset()) for name in FORGET_SETS))
        forget = fiu_rows.of(files, rows, self._forget, sets.get(self._forget, frozenset()))
        kept = {unique: line for unique, line in rows.items() if unique not in gone}
        found = Data(
            forget=tuple(record for record, _ in fiu_rows.records(files, forget, "forget", asked=False)),
            retain=tuple(record for record, _ in fiu_rows.records(files, kept, "retain", asked=False)),
        )
        files.check()
        return found

    def evaluation(self) -> Data:
        """The forgotten people, and ``retain5``.

        Raises:
            UserError: Files are missing or faulty.
        """
        asked = self._asked()
        return Data(
            forget=tuple(record for record, _ in asked if record.id.startswith("forget/")),
            retain=tuple(record for record, _ in asked if record.id.startswith("retain/")),
        )

    @cached_property
    def _keywords(self) -> Keywords:
        return {record.id: keywords for record, keywords in self._asked()}

    def _asked(self) -> tuple[Asked, ...]:
        files = self._files()
        sets, rows = fiu_rows.members(files), fiu_rows.people(files)
        found: list[Asked] = []
        for group, name in (("forget", self._forget), ("retain", RETAIN_SET)):
            chosen = fiu_rows.of(files, rows, name, sets.get(name, frozenset()))
            found += fiu_rows.records(files, chosen, group, asked=True)
        files.check()
        return tuple(found)

    @property
    def _forget(self) -> str:
        return f"forget{self.setting}"

    def _files(self) -> Published:
        return opened("FIUBench", HUB, self.brought.data, made, pictures)


def protocol(setting: int, brought: Brought) -> FIUBench:
    """The protocol on the embedded world, or on the published data.

    Raises:
        UserError: The embedded world has no such ratio.
    """
    if setting == 1 and not brought.anything:
        raise UserError("the embedded people are too few to forget 1 % of them", where="--ratios", fix="use 5 or 10")
    return FIUBench(setting, brought)


def preset(name: str, brought: Brought) -> Method:
    """The method tuned for the embedded model, or with the published training settings."""
    if not brought.anything:
        return presets.embedded(name)
    return published(name, replace(PUBLISHED, lr=RATES.get(name, PUBLISHED.lr)), BATCH, LOCUS)


def tables() -> Tables:
    """The embedded world's people in FIUBench's form."""
    return made()


def stored() -> Stored:
    """Their portraits."""
    return pictures()
