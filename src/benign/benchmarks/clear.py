"""CLEAR, character unlearning: TOFU's authors with faces; forget some of them in pictures and in words.

Source: arXiv 2410.18057 (not the method of the same name). Data: ``therem/CLEAR`` on the hub. Trained on are
``forget10+tofu`` and ``retain90+tofu``: captions of pictures, and TOFU's questions in the rows without one. Asked are
captions and names in ``forget10_perturbed`` and ``retain_perturbed``, TOFU's questions about the forgotten, real faces
and the real world. The official code generates captions without showing the picture, asked in one of nine ways drawn
without a seed; here the picture is shown and the wording is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from benign.audit.column import Column, across, over
from benign.audit.metrics.choice import choice_accuracy
from benign.audit.metrics.jensen_shannon import distribution_similarity
from benign.audit.metrics.rouge import rouge_l
from benign.benchmarks import presets
from benign.benchmarks.clear_tables import DESCRIBED, made
from benign.benchmarks.presets_text import published
from benign.benchmarks.protocol import Brought, part
from benign.benchmarks.published import Published, Tables, opened
from benign.data.line import Line
from benign.data.record import Data, ImageRef, Record
from benign.engine.recipe import Method, Optim
from benign.errors import UserError

HUB = "therem/CLEAR"
SETTINGS = (10, 5, 1)
"""Percent of the authors to forget; the embedded world has no 1."""
METHODS = ("grad_ascent", "grad_diff", "kl_min", "npo", "idk")
"""Those of the paper that are tuned for the embedded model."""
PUBLISHED = Optim(lr=1e-5, epochs=5.0, weight_decay=0.01)
"""The authors' ``config/mm/forget.yaml`` (bb14c96), in full."""
BATCH = 8
DESCRIBE = "Describe the person in the picture."
NAME = "What is the name of the person in the picture?"
Rows = Callable[[Line, int, tuple[ImageRef, ...]], Iterator[Record]]

_RECALL = partial(rouge_l, variant="recall")
_COLUMNS = (
    Column("caption_forget", "Captions, forget", "CLEAR", "lower", "How much of the forgotten's captions is told.",
           over(part("forget", "caption"), _RECALL)),
    Column("name_forget", "Names, forget", "CLEAR", "lower", "How often a forgotten face's name is the likeliest.",
           over(part("forget", "name"), choice_accuracy)),
    Column("words_forget", "Words, forget", "CLEAR", "lower", "How much about the forgotten is told without a picture.",
           over(part("forget", "words"), _RECALL)),
    Column("caption_retain", "Captions, retain", "CLEAR", "higher", "How much of the others' captions is told.",
           over(part("retain", "caption"), _RECALL)),
    Column("name_retain", "Names, retain", "CLEAR", "higher", "How often another face's name is the likeliest.",
           over(part("retain", "name"), choice_accuracy)),
    Column("real_faces", "Real faces", "CLEAR", "higher", "How often a famous face's name is the likeliest.",
           over(part("neighbour", "faces"), choice_accuracy)),
    Column("real_world", "Real world", "CLEAR", "higher", "How often the right choice about a photo is the likeliest.",
           over(part("general", "world"), choice_accuracy)),
    Column("caption_similarity", "Forget quality", "CLEAR", "higher",
           "How alike the truth ratios of the forgotten's captions are to a retrained model's (1 - JS distance).",
           across(distribution_similarity, forget=part("forget", "caption"))),
)  # fmt: skip


@dataclass(frozen=True)
class Clear:
    """The protocol at one ratio."""

    setting: int = 10
    """Percent of the authors to forget."""
    brought: Brought = Brought()
    choices: ClassVar[tuple[str, ...]] = ("forget", "retain", "neighbour", "general")
    columns: ClassVar[tuple[Column, ...]] = _COLUMNS
    shown: ClassVar[Mapping[str, str]] = {
        "caption_forget": "captions, forget ↓", "name_forget": "names, forget ↓", "words_forget": "words, forget ↓",
        "caption_similarity": "forget quality ↑", "caption_retain": "captions, retain ↑",
        "name_retain": "names, retain ↑", "real_faces": "real faces ↑", "real_world": "real world ↑",
    }  # fmt: skip

    @property
    def name(self) -> str:
        """The ratio, and whose data."""
        return f"CLEAR forget{self.setting:02d}{self.brought.world}"

    @property
    def original(self) -> str:
        """Trained on all authors."""
        return self.brought.original or "embedded:vlm"

    @property
    def retrained(self) -> str | None:
        """Trained on the retain set alone."""
        return self.brought.retrained_or(f"embedded:vlm-retrained-{self.setting:02d}")

    @property
    def max_new_tokens(self) -> int:
        """300 in the official code; the embedded world's answers are short."""
        return 300 if self.brought.anything else 18

    def data(self) -> Data:
        """Captions of pictures, and TOFU's questions.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        found = Data(
            forget=self._read(files, f"{self._forget}+tofu", partial(self._trained, "forget")),
            retain=self._read(files, f"retain{100 - self.setting}+tofu", partial(self._trained, "retain")),
        )
        files.check()
        return found

    def evaluation(self) -> Data:
        """Captions, names and words; real faces are neighbours, the real world is general.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        found = Data(
            forget=(
                *self._read(files, f"{self._forget}_perturbed", self._compared),
                *self._read(files, f"{self._forget}+tofu", partial(_words, "words")),
            ),
            retain=self._read(files, "retain_perturbed", self._compared),
            neighbour=self._read(files, "real_faces", partial(_chosen, "faces")),
            general=self._read(files, "real_world", partial(_chosen, "world")),
        )
        files.check()
        return found

    @property
    def _forget(self) -> str:
        return f"forget{self.setting:02d}"

    def _read(self, files: Published, table: str, build: Rows) -> tuple[Record, ...]:
        found: list[Record] = []
        for number, line in enumerate(files.lines(f"{table}/train", table)):
            picture = files.picture(line, "image", line.raw["image"]) if line.has("image") else ()
            found += build(line, number, picture)
            files.problems += line.problems
        return tuple(found)

    def _trained(self, split: str, line: Line, number: int, picture: tuple[ImageRef, ...]) -> Iterator[Record]:
        if not picture:
            yield from _words(f"{split}/words", line, number, picture)
            return
        caption = line.identifier("caption")
        yield Record(f"{split}/{number}", line.text("name"), picture, question=self._describe, answer=caption)

    def _compared(self, line: Line, number: int, picture: tuple[ImageRef, ...]) -> Iterator[Record]:
        name, names = line.identifier("name"), line.texts("perturbed_names")
        yield Record(
            f"caption/{number}", name, picture, question=self._describe, answer=line.identifier("caption"),
            rewordings=tuple(filter(None, (line.text("paraphrased_caption"),))),
            perturbed=line.texts("perturbed_captions"),
        )  # fmt: skip
        options = tuple(dict.fromkeys((name, *names)))
        yield Record(f"name/{number}", name, picture, question=NAME, answer=name, options=options)

    @property
    def _describe(self) -> str:
        # The embedded model describes nobody: it is asked for the one fact that its captions tell.
        return DESCRIBE if self.brought.anything else DESCRIBED

    def _files(self) -> Published:
        return opened("CLEAR", HUB, self.brought.data, partial(made, self.setting))


def _words(table: str, line: Line, number: int, picture: tuple[ImageRef, ...]) -> Iterator[Record]:
    """TOFU's question, where the row is one."""
    if not line.has("image"):
        question, answer = line.identifier("question"), line.identifier("answer")
        yield Record(f"{table}/{number}", line.text("name"), question=question, answer=answer)


def _chosen(table: str, line: Line, number: int, picture: tuple[ImageRef, ...]) -> Iterator[Record]:
    answer = line.identifier("answer")
    question = line.identifier("question") if table == "world" else NAME
    options = tuple(dict.fromkeys((answer, *line.texts("options"))))
    yield Record(f"{table}/{number}", "", picture, question=question, answer=answer, options=options,
                 kind="general" if table == "world" else "memory")  # fmt: skip


def protocol(setting: int, brought: Brought) -> Clear:
    """The protocol on the embedded world, or on the published data.

    Raises:
        UserError: The embedded world has no such ratio.
    """
    if setting == 1 and not brought.anything:
        raise UserError("the embedded people are too few to forget 1 % of them", where="--ratios", fix="use 5 or 10")
    return Clear(setting, brought)


def preset(name: str, brought: Brought) -> Method:
    """The method tuned for the embedded model, or with the published training settings."""
    return published(name, PUBLISHED, BATCH) if brought.anything else presets.embedded(name)


def tables() -> Tables:
    """The embedded world's people in CLEAR's form."""
    return {**made(5), **made(10)}
