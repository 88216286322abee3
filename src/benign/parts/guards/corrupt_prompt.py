"""Corrupted prompts: where a classifier recognises the question, what enters the decoder is spoilt (ECO, arXiv
2406.07933)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from benign.data.record import Kind as RecordKind
from benign.data.record import Record
from benign.errors import UserError
from benign.parts.guards import Fit, Fitting, Layer, Prompt, Tensors
from benign.parts.guards.corruptions import Kind, corrupted
from benign.parts.guards.detector import Detector, doubted
from benign.parts.guards.zeroth_order import ZerothOrder

_ALL: tuple[RecordKind, ...] = ("memory", "understanding", "general")


@dataclass(frozen=True)
class CorruptPrompt:
    """Three steps (arXiv 2406.07933, section 3): recognise the question, choose its tokens, corrupt their embeddings by
    a strength that a search without gradients finds.

    The classifier is a logistic regression (paper: a fine-tuned RoBERTa on the question's words) on two things: the
    model's own states at the last token of the question, which have seen pictures too, and which of the forgotten
    questions' rare words a question has, which other wordings have too. Corrupted are the tokens that few questions
    have (paper: those that a named-entity tagger marks) and pictures, after they took their places among the words;
    where there are none, all but the last. The noise is a function of the question's tokens. The answer's tokens are
    never corrupted; the official code corrupts them where it scores and cannot where it generates.
    """

    spares: ClassVar[bool] = True
    watches: tuple[Layer, ...] = (0.5, 0.75)
    """The decoder layers whose output the classifier looks at; none leaves it the words alone."""
    words: bool = True
    """Whether it also looks for rare words. Their list is saved with the guard, and may name the forgotten."""
    threshold: float = 0.5
    """How sure the classifier must be, 0 to 1 (official code for its RoBERTa: 0.99 and more)."""
    negatives: Literal["retain", "keep"] = "retain"
    """Which retained records the classifier learns not to fire on (paper: all; ``keep`` takes the few where given)."""
    ridge: float = 1e-3
    """Penalty on the squared weights of the classifier, per record."""
    select: Literal["rare", "all"] = "rare"
    """Which tokens are corrupted: those that few questions have, or all but the last."""
    rare: float = 0.02
    """A token is rare that at most this share of the questions has: of fewer than 50 questions none is, and all tokens
    but the last are corrupted."""
    kind: Kind = "noise_first"
    """What corruption is (official code: ``noise_first`` on WMDP, ``zero_top`` on TOFU)."""
    dims: int = 1
    """How many entries of a token get noise or a number (official code on WMDP: 1)."""
    strength: float | None = None
    """The noise's standard deviation (official code on WMDP: 1e6), or what is added or subtracted, or the share of
    entries that are set to zero or turned (official code on TOFU, for Llama-2-7B: 0.16 to 0.24); None searches it."""
    goal: float | None = None
    """The search stops where the forgotten answers are no likelier than this; None is as likely as the original finds
    wrong ones (paper: the score of a model that never knew, or of guessing)."""
    search: ZerothOrder = ZerothOrder()
    """How the strength is searched."""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1:
            raise UserError(f"a probability from 0 to below 1 is needed, got {self.threshold}", where="threshold")
        if self.dims < 1 or (self.strength is not None and not self.strength >= 0):
            what = f"nothing is corrupted by a strength of {self.strength} on {self.dims} entries"
            raise UserError(what, where="strength", fix="give a strength of at least 0 and dims of at least 1")
        if not self.watches and not self.words:
            raise UserError("the classifier has nothing to look at", where="watches", fix="give layers, or words")

    def fit(self, fitting: Fitting, inputs: Sequence[Any]) -> Fit:
        """The classifier, the tokens that are not rare, and the strength."""
        forget, kept = fitting.records("forget"), fitting.records(self.negatives, _ALL)
        asked = [[fitting.tokens(record) for record in records] for records in (forget, kept)]
        common = self._common([*asked[0], *asked[1]])
        words = {token for tokens in asked[0] for token in tokens.tolist()} if self.words else set()
        known = torch.tensor(sorted(words - set(common.tolist())), dtype=torch.long)
        sides = zip((forget, kept), asked, strict=True)
        positive, negative = (_seen(fitting.states(records, self.watches), t, known) for records, t in sides)
        if not positive.shape[1]:
            fix = "let the classifier look at layers too"
            raise UserError("no forgotten question has a rare word to be known by", where="watches", fix=fix)
        detector = Detector.trained(positive, negative, self.ridge)
        tensors = {"weight": detector.weight, "bias": detector.bias, "common": common, "known": known}
        recall, alarms = doubted(positive, negative, self.ridge, self.threshold)
        facts = {"detector": {"recall": recall, "false_positives": alarms}}
        goal, scores = self.goal, [0.0]
        if self.strength is None:
            if goal is None:
                wrong = [_wrong(forget, place) for place in range(len(forget))]
                goal = fmean(fitting.likelihood(None, forget, wrong))

            def score(strength: float) -> float:
                tried = {**tensors, "strength": torch.tensor([strength])}
                return fmean(fitting.likelihood(tried, forget, [record.gold for record in forget]))

            strength, scores = self.search(score, goal)
        else:
            strength = self.strength
        facts["strength"] = {
            "found": strength,
            "likelihood": scores[-1],
            "goal": goal or 0.0,
            "steps": len(scores) - 1.0,
        }
        return Fit({**tensors, "strength": torch.tensor([strength])}, facts)

    def fires(self, tensors: Tensors, states: Tensor, tokens: Sequence[Tensor]) -> Tensor:
        """[records] where the classifier is sure enough."""
        seen = _seen(states, tokens, tensors["known"])
        return Detector(tensors["weight"], tensors["bias"]).probability(seen) > self.threshold

    def changed(self, tensors: Tensors, prompt: Prompt) -> Tensor:
        """[T, H] the question with its chosen tokens corrupted."""
        chosen = self._chosen(tensors, prompt)
        found = prompt.embedded.clone()
        strength = float(tensors["strength"])
        found[chosen] = corrupted(found[chosen], self.kind, self.dims, strength, prompt.tokens)
        return found

    def _chosen(self, tensors: Tensors, prompt: Prompt) -> Tensor:
        chosen = torch.zeros_like(prompt.pictures)
        if self.select == "rare":
            common = tensors["common"].to(prompt.tokens.device)
            chosen = prompt.pictures | ~torch.isin(prompt.tokens, common)
        if not chosen.any():
            chosen = torch.ones_like(chosen)
            chosen[-1] = False
        return chosen

    def _common(self, asked: Sequence[Tensor]) -> Tensor:
        """The tokens of more than the rare share of the questions: none of them tells who is meant."""
        counts = Counter(token for tokens in asked for token in set(tokens.tolist()))
        return torch.tensor(sorted(token for token, count in counts.items() if count > self.rare * len(asked)))


def _seen(states: Tensor, tokens: Sequence[Tensor], known: Tensor) -> Tensor:
    """[records, layers x H + words] what the classifier looks at."""
    words = torch.stack([torch.isin(known, one.to(known.device)) for one in tokens]).to(states)
    return torch.cat([states.flatten(1), words], dim=1)


def _wrong(records: Sequence[Record], place: int) -> str:
    """A wrong answer to a record: its own, or another record's."""
    if records[place].perturbed:
        return records[place].perturbed[0]
    others = [record.gold for record in (*records[place + 1 :], *records[:place]) if record.gold != records[place].gold]
    if not others:
        raise UserError("nothing to compare the forgotten answers with", where="forget", fix="give goal a number")
    return others[0]
