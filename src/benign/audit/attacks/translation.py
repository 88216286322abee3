"""The question in another language: unlearning that was trained in one language need not reach the others.

Source: RWKU's cross-lingual probes (French, German, Spanish; arXiv 2406.10890); Lynch et al. 2024 (arXiv 2402.16835);
for languages that are rare in training, Yong et al. 2023 (arXiv 2310.02446).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.questions import MOST
from benign.audit.views import asked_question, reworded
from benign.data.record import Record
from benign.errors import NotMeasured

Translate = Callable[[str, str], str]
"""(text, language code) to the text in that language; empty where it cannot."""


@dataclass(frozen=True)
class Translation:
    """Translate each question and ask for the answer in the language that is expected.

    Nothing here translates: bring ``translate``, or the attack says that it was not made. The attacker speaks another
    language. A score above the retrained model's: the memory can be reached from there.
    """

    translate: Translate | None = None
    """A translator, such as a local model's; it must give the same for the same text. One that is a dataclass can be
    told from others by an audit that goes on later."""
    languages: tuple[str, ...] = ("fr", "de", "es")
    """Language codes (RWKU's three)."""
    answer: str = "Answer in English."
    """Set behind the translated question, because answers are compared in the records' language."""
    most: int | None = MOST
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "standard"

    def __call__(self, ground: Ground) -> Found:
        """Attack by translation."""
        if self.translate is None:
            return Found(NotMeasured("no translator given: Translation(translate=...) takes (text, language) to text"))
        reason = "the translator gave nothing for any question of the forget set"
        return asked_again(ground, "translation", self.rewrite, most=self.most, nothing=reason)

    def rewrite(self, record: Record) -> Sequence[Record]:
        """The record with its question in each language."""
        if self.translate is None:
            return ()
        question = asked_question(record)
        found = [self.translate(question, language).strip() for language in self.languages]
        return [reworded(record, f"{text} {self.answer}".strip()) for text in found if text]
