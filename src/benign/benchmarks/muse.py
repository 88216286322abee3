"""MUSE, six ways to look at unlearning: news articles or books are to be forgotten as their owner and as a reader.

Source: arXiv 2407.06460. Data: ``muse-bench/MUSE-News`` and ``muse-bench/MUSE-Books`` on the hub (configuration and
split are folder and file), or what ``load_data.py`` of swj0419/muse_bench (fcd6651) writes. Its numbers: verbatim and
knowledge memorisation of the forget set, PrivLeak, and knowledge memorisation of the retain set, which is the utility.
News has four sizes of the forget set (``scal``) and four requests in a row (``sust``, :class:`MuseRequests`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

from benign.audit.column import Column, across, over
from benign.audit.metrics.privleak import PERCENT, privleak
from benign.audit.metrics.verbatim import knowledge_memorisation, verbatim_memorisation
from benign.benchmarks import invented
from benign.benchmarks.documents import CHARACTERS, document, pieces
from benign.benchmarks.presets_text import DOCUMENTS, embedded, published
from benign.benchmarks.protocol import Brought, part
from benign.benchmarks.published import Published, Row, Tables, opened
from benign.data.line import Line
from benign.data.record import Data, Record
from benign.engine.recipe import Method, Optim
from benign.errors import UserError

Corpus = Literal["news", "books"]
Variant = Literal["news", "books", "requests"]
VARIANTS = ("news", "books", "requests")
SETTINGS = (1, 2, 3, 4)
"""How many of the four parts of the forget set are forgotten at once, or one after another; Books has one."""
USUAL = {"requests": SETTINGS}
METHODS = DOCUMENTS
PUBLISHED = Optim(lr=1e-5, epochs=10.0, schedule="constant")
"""Epochs at most; ``EPOCHS`` has what the authors stopped at."""
EPOCHS = {"grad_ascent": 1.0, "grad_diff": 7.0}
"""News, as in ``unlearn_news_sust.sh``; of Books the authors' scripts name only the ten."""
BATCH = 32
WORDS = 96
"""Of a continuation that is compared: about the 128 tokens of the official code, which needs the model's tokenizer."""
_FOLDS, _FOLD = 4, 5

_COLUMNS = (
    Column("verbmem_f", "VerbMem, forget", "MUSE", "lower",
           "How closely the model goes on as the forgotten texts do.",
           over(part("forget", "verbmem/forget"), verbatim_memorisation)),
    Column("knowmem_f", "KnowMem, forget", "MUSE", "lower",
           "How well the model answers questions about the forgotten texts.",
           over(part("forget", "knowmem/forget_qa"), knowledge_memorisation)),
    Column("knowmem_r", "KnowMem, retain", "MUSE", "higher",
           "How well the model answers questions about the kept texts.",
           over(part("retain", "knowmem/retain_qa"), knowledge_memorisation)),
    Column("privleak", "PrivLeak", "MUSE", "lower",
           "How well the forgotten texts can be told from unseen ones, beside a retrained model; 0 is the goal.",
           across(partial(privleak, convention="muse"), forget=part("forget", "privleak/forget", documents=True),
                  holdout=part("holdout", "privleak/holdout", documents=True)), PERCENT),
)  # fmt: skip


@dataclass(frozen=True)
class Muse:
    """The protocol on one corpus."""

    corpus: Corpus = "news"
    setting: int = 1
    """How many parts of the forget set are forgotten at once."""
    brought: Brought = Brought()
    choices: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[Column, ...]] = _COLUMNS
    shown: ClassVar[Mapping[str, str]] = {
        "verbmem_f": "VerbMem ↓", "knowmem_f": "KnowMem ↓", "privleak": "PrivLeak → 0", "knowmem_r": "utility ↑",
    }  # fmt: skip

    @property
    def name(self) -> str:
        """The corpus, how much of it, and whose data."""
        size = f", {self.setting} of {_FOLDS} parts" if self.setting > 1 else ""
        return f"MUSE-{self.corpus.capitalize()}{size}{self.brought.world}"

    @property
    def original(self) -> str:
        """Trained on everything (``muse-bench/MUSE-News_target`` and so on)."""
        return self.brought.original or invented.ORIGINAL

    @property
    def retrained(self) -> str | None:
        """Trained on the retain set alone (``muse-bench/MUSE-News_retrain``)."""
        return (self.brought.retrained or None) if self.brought.anything else invented.RETRAINED

    @property
    def max_new_tokens(self) -> int:
        """128, as for VerbMem in the official code; KnowMem's 32 are cut at the end of the line."""
        return 128 if self.brought.anything else 24

    def data(self) -> Data:
        """The forget texts, and the retain texts that may be trained on (``retain1``).

        Raises:
            UserError: Files are missing or faulty.
        """
        table = "raw/forget" if self.setting == 1 else f"scal/forget_{self.setting}"
        return self._training(table)

    def evaluation(self) -> Data:
        """Continuations, questions and texts; methods saw neither the questions nor ``retain2``, which they are about.

        Raises:
            UserError: Files are missing or faulty.
        """
        files = self._files()
        forget = (
            *files.records("verbmem/forget", build=_continued),
            *self._questions(files, "forget"),
            *_documents(files, "privleak/forget"),
        )
        found = Data(
            forget=forget,
            retain=self._questions(files, "retain"),
            holdout=_documents(files, "privleak/holdout"),
        )
        files.check()
        return found

    def _training(self, table: str) -> Data:
        files = self._files()
        size = CHARACTERS if self.brought.anything else invented.CHARACTERS
        found = Data(pieces(_documents(files, table), size), pieces(_documents(files, "raw/retain1"), size))
        files.check()
        return found

    def _questions(self, files: Published, split: str) -> tuple[Record, ...]:
        """Ten examples stand before each question, as in the official code; the embedded model knows none such."""
        table = f"knowmem/{split}_qa"
        examples = files.records(f"{table}_icl", build=partial(_asked, f"{table}_icl", None))
        shown = "".join(f"Question: {one.question}\nAnswer: {one.answer}\n\n" for one in examples)
        before = shown if self.brought.anything else None
        return files.records(table, build=partial(_asked, table, before))

    def _files(self) -> Published:
        hub = f"muse-bench/MUSE-{self.corpus.capitalize()}"
        return opened(f"MUSE-{self.corpus.capitalize()}", hub, self.brought.data, partial(tables, self.corpus))


@dataclass(frozen=True)
class MuseRequests(Muse):
    """Sustainability: requests met one after the other, each on the last one's model; the setting is how many.

    The questions stay: those about forgotten texts are about the first request's.
    """

    @property
    def name(self) -> str:
        """How many requests, and whose data."""
        return f"MUSE-News, {self.setting} of {_FOLDS} requests in a row{self.brought.world}"

    def data(self) -> Data:
        """The last request's texts, and the retain texts that may be trained on.

        Raises:
            UserError: Files are missing or faulty.
        """
        return self._training(f"sust/forget_{self.setting}")

    def met(self) -> tuple[Data, ...]:
        """The requests so far, the first one first.

        Raises:
            UserError: Files are missing or faulty.
        """
        return tuple(self._training(f"sust/forget_{number}") for number in range(1, self.setting + 1))


def _documents(files: Published, table: str) -> tuple[Record, ...]:
    return files.records(table, build=partial(document, table))


def _continued(line: Line, number: int) -> Record:
    rest = " ".join(line.identifier("gt").split()[:WORDS])
    return Record(f"verbmem/forget/{number}", question=line.identifier("prompt"), answer=rest)


def _asked(table: str, before: str | None, line: Line, number: int) -> Record:
    question = line.identifier("question")
    asked = question if before is None else f"{before}Question: {question}\nAnswer:"
    return Record(f"{table}/{number}", question=asked, answer=line.identifier("answer"))


def protocol(setting: int, brought: Brought, corpus: Variant) -> Muse:
    """The protocol on one corpus, of the embedded world or the published one; ``requests`` are of News.

    Raises:
        UserError: Books has one size of the forget set.
    """
    if corpus == "requests":
        return MuseRequests("news", setting, brought)
    if corpus == "books" and setting != 1:
        raise UserError(f"muse-books has no setting {setting}", where="--ratios", fix="known: 1")
    return Muse(corpus, setting, brought)


def preset(name: str, brought: Brought, corpus: Variant) -> Method:
    """The method tuned for the embedded model, or with the published training settings."""
    if not brought.anything:
        return embedded(name)
    return published(name, replace(PUBLISHED, epochs=EPOCHS.get(name, PUBLISHED.epochs)), BATCH)


def tables(corpus: Variant) -> Tables:
    """The embedded world in MUSE's form: an article per author, or a book per five of them."""
    gone, stay, unmet = invented.forgotten(), invented.kept(), invented.unmet()
    folds = [gone[_FOLD * i : _FOLD * (i + 1)] for i in range(_FOLDS)]
    first = gone if corpus == "books" else folds[0]
    half = len(stay) // 2
    found: dict[str, list[Row | str]] = {
        "verbmem/forget": [{"prompt": r.question, "gt": r.answer} for r in invented.records(first)],
        "privleak/forget": [r.answer for r in invented.records(first)],
        "privleak/retain": [r.answer for r in invented.records(stay[half : half + len(first)])],
        "privleak/holdout": [r.answer for r in invented.records(unmet[: len(first)])],
        "raw/retain1": [invented.passage(author) for author in stay[:half]],
        "raw/retain2": [invented.passage(author) for author in stay[half:]],
        "raw/holdout": [invented.passage(author) for author in unmet],
    }
    for split, authors in (("forget", first), ("retain", stay[half : half + 2 * _FOLD])):
        asked = [{"question": r.paraphrases[0], "answer": r.answer} for r in invented.records(authors)]
        found[f"knowmem/{split}_qa"] = [*asked]
        examples = invented.records(stay[-1:] if split == "retain" else gone[-1:])
        found[f"knowmem/{split}_qa_icl"] = [{"question": r.question, "answer": r.answer} for r in examples]
    if corpus == "books":
        found["raw/forget"] = [" ".join(invented.passage(author) for author in fold) for fold in folds]
        return found
    found["raw/forget"] = [invented.passage(author) for author in first]
    for number in range(1, _FOLDS + 1):
        together = [author for fold in folds[:number] for author in fold]
        found[f"scal/forget_{number}"] = [invented.passage(author) for author in together]
        found[f"sust/forget_{number}"] = [invented.passage(author) for author in folds[number - 1]]
    return found
