"""Much else before the question: far from the start of a prompt a suppressed answer may come through.

Source: long prompts wear out what was trained on short ones (Anil et al. 2024, many-shot jailbreaking); where in a
prompt something stands changes what is made of it (Liu et al. 2023, arXiv 2307.03172).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from benign.audit.attacks import Cost, Found, Ground
from benign.audit.attacks.asking import asked_again
from benign.audit.attacks.others import kept, shuffled
from benign.audit.views import asked_question, wrapped
from benign.data.record import Record


@dataclass(frozen=True)
class LongContext:
    """Put retained questions with their answers before each question, as many as the budget or the model holds.

    None is about the same subject or holds the expected answer; which ones is drawn by the record's id. The attacker
    has patience and text. A score above the retrained model's: the suppression fades with distance.
    """

    tokens: int = 4000
    """At most so many tokens of text before the question."""
    share: float = 0.5
    """And at most this share of the model's window, so that picture, question and answer fit behind it."""
    most: int | None = 50
    """At most so many records; None asks all."""
    cost: ClassVar[Cost] = "all"

    def __call__(self, ground: Ground) -> Found:
        """Attack from afar."""
        model, known = ground.served.model, kept(ground.data)
        budget = min(self.tokens, int(self.share * model.window)) if model.window else self.tokens
        reason = f"no retained memory question that fits into {budget} tokens, or no memory question in the forget set"

        def rewrite(record: Record) -> Sequence[Record]:
            return self.rewrite(record, known, ground.seed, budget, lambda text: len(model.processor.tokens(text)))

        return asked_again(ground, "long_context", rewrite, most=self.most, nothing=reason)

    def rewrite(
        self, record: Record, known: Sequence[Record], seed: int, budget: int, length: Callable[[str], int]
    ) -> Sequence[Record]:
        """The record behind at most ``budget`` tokens of others' questions and answers, as ``length`` counts them."""
        told: list[str] = []
        for other in shuffled(record, known, seed):
            line = f"{asked_question(other)} {other.gold}"
            budget -= length(f"{line}\n")
            if budget < 0:
                break
            told.append(line)
        made = wrapped(record, before="\n".join(told) + "\n\n") if told else None
        return [made] if made else []
