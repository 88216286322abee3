"""UMU-Bench: forget 5, 10 or 15 percent of 500 invented people, each fact by picture and by name.

Source: Lin et al., NeurIPS 2025 (datasets and benchmarks). Data: ``linbojunzi/UMU-bench`` on the hub; what is told
here of the fields was read in the official code (QDRhhhh/UMU-bench 93b9900: ``eval.py``, ``unlearn_dataset.py``) and
its figure of an example, not in the data themselves. A fact counts as forgotten where neither modality tells it, and
as kept where both do. The official code reads real people at ``real_person``, the hub has ``Real_Person_Set``; both
will do. It draws as many retained questions as there are forgotten ones; here methods get all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from benign.audit.column import Column, over
from benign.audit.metrics.bootstrap import mean_score
from benign.audit.metrics.choice import chosen
from benign.audit.metrics.rouge import f1
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.audit.sources import Function
from benign.benchmarks import presets, umu_pairs, umu_rows
from benign.benchmarks.presets_text import published
from benign.benchmarks.protocol import Brought, part
from benign.benchmarks.published import Published, Tables, opened
from benign.benchmarks.umu_tables import made
from benign.data.line import Line
from benign.data.record import Data, Record
from benign.engine.recipe import Method, Optim
from benign.errors import NotMeasured
from benign.parts.loci.lora import Lora

HUB = "linbojunzi/UMU-bench"
SETTINGS = (5, 10, 15)
"""Percent of the people to forget."""
METHODS = ("grad_ascent", "grad_diff", "kl_min", "npo", "idk")
"""The authors' baselines; theirs called PO is ``idk``."""
PUBLISHED = Optim(lr=1e-5, epochs=5.0)
"""The official scripts' defaults."""
OWN = {"kl_min": Optim(lr=1e-5, epochs=4.0), "npo": Optim(lr=6.2e-6, epochs=4.0)}
"""Where a script has others."""
BATCH, BETA = 6, 0.4
"""Records per step; NPO's beta."""
LOCUS = Lora(rank=64, alpha=32.0, dropout=0.05)
GROUPS = (("forget", "forget"), ("retain", "retain"), ("real", "general"))
"""The groups of people with the split of the audit that each belongs to."""
Each = umu_pairs.Each
_TASKS: Mapping[str, tuple[str, Each]] = {
    "choice": ("classification", chosen), "gap": ("cloze", umu_pairs.filled), "answer": ("ROUGE-L", f1),
}  # fmt: skip
_BY = {"image": "by picture", "text": "by name"}


def _alone(observations: Observations, *, each: Each, route: str) -> Score | NotMeasured:
    """Mean over what was asked in one modality. Range 0 to 1."""
    found = observations.asked.only(lambda o: o.route == route)
    return mean_score(found, each) if found else NotMeasured(f"nothing was asked {_BY[route]}")


def _both(group: str, task: str) -> tuple[Function, str, str]:
    """The metric of both modalities together, which way is better, and what it means."""
    each = _TASKS[task][1]
    if task == "answer":
        if group == "forget":
            return umu_pairs.leak_either, "lower", "How much of a free answer either modality tells (contraharmonic)."
        return umu_pairs.kept_both, "higher", "How much of a free answer both modalities tell (harmonic mean)."
    if group == "forget":
        return partial(umu_pairs.both_wrong, each=each), "higher", "How often neither modality tells the fact."
    return partial(umu_pairs.both_right, each=each), "higher", "How often both modalities tell the fact."


def _columns() -> Iterator[Column]:
    for group, split in GROUPS:
        for task, (title, each) in _TASKS.items():
            scope = part(split, f"{group}/{task}")
            metric, better, meaning = _both(group, task)
            named = f"{group.capitalize()}, {title}"
            yield Column(f"umu_{group}_{task}", f"{named}, both", "UMU", "lower" if better == "lower" else "higher",
                         meaning, over(scope, metric))  # fmt: skip
            for route, way in _BY.items():
                yield Column(f"umu_{group}_{task}_{route}", f"{named}, {way}", "UMU",
                             "lower" if group == "forget" else "higher", f"How much is told {way} alone.",
                             over(scope, partial(_alone, each=each, route=route)))  # fmt: skip


COLUMNS = tuple(_columns())


@dataclass(frozen=True)
class Umu:
    """The protocol at one ratio."""

    setting: int = 5
    """Percent of the people to forget."""
    brought: Brought = Brought()
    choices: ClassVar[tuple[str, ...]] = ("forget", "retain", "general")
    columns: ClassVar[tuple[Column, ...]] = COLUMNS
    shown: ClassVar[Mapping[str, str]] = {
        f"umu_{group}_{task}": f"{group}, {title} {'↓' if _both(group, task)[1] == 'lower' else '↑'}"
        for group, _ in GROUPS
        for task, (title, _) in _TASKS.items()
    }

    @property
    def name(self) -> str:
        """The ratio, and whose data."""
        return f"UMU-Bench, {self.setting} %{self.brought.world}"

    @property
    def original(self) -> str:
        """Trained on everybody (``linbojunzi/llava_smu_ft``)."""
        return self.brought.original or "embedded:vlm"

    @property
    def retrained(self) -> str | None:
        """Trained on everybody but the forget set."""
        return self.brought.retrained_or(f"embedded:vlm-retrained-{self.setting:02d}")

    @property
    def max_new_tokens(self) -> int:
        """200 in the official code's longest task; the embedded world's answers are short."""
        return 200 if self.brought.anything else 18

    def data(self) -> Data:
        """``MM_QA`` with the picture and ``UM_QA`` without.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        found = Data(
            forget=_read(files, partial(umu_rows.trained, "forget"), f"forget_{self.setting}"),
            retain=_read(files, partial(umu_rows.trained, "retain"), f"retain_{100 - self.setting}"),
        )
        files.check()
        return found

    def evaluation(self) -> Data:
        """Every task, by picture and by name; real people are the general split.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        found = Data(
            forget=self._asked(files, "forget", f"forget_{self.setting}"),
            retain=self._asked(files, "retain", f"retain_{100 - self.setting}"),
            general=self._asked(files, "real", "Real_Person_Set", "real_person"),
        )
        files.check()
        return found

    def _asked(self, files: Published, group: str, *tables: str) -> tuple[Record, ...]:
        return _read(files, partial(umu_rows.asked, group, not self.brought.anything), *tables)

    def _files(self) -> Published:
        return opened("UMU-Bench", HUB, self.brought.data, partial(made, self.setting))


def _read(
    files: Published, build: Callable[[Line, umu_rows.Picture], Iterator[Record]], *tables: str
) -> tuple[Record, ...]:
    found: list[Record] = []
    for line in files.lines(*(name for table in tables for name in (f"{table}/train", table))):
        found += build(line, files.picture(line, "image", line.raw.get("image")))
        files.problems += line.problems
    return tuple(found)


def protocol(setting: int, brought: Brought) -> Umu:
    """The protocol on the embedded world, or on the published data."""
    return Umu(setting, brought)


def preset(name: str, brought: Brought) -> Method:
    """The method tuned for the embedded model, or with the published training settings."""
    if not brought.anything:
        return presets.embedded(name)
    method: Any = published(name, OWN.get(name, PUBLISHED), BATCH, LOCUS)
    found: Method = replace(method, beta=BETA) if name == "npo" else method
    return found


def tables() -> Tables:
    """The embedded world's people in UMU-Bench's form, for every ratio."""
    return {name: rows for setting in SETTINGS for name, rows in made(setting).items()}
