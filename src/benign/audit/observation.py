"""What one system did on one record, and a collection of it that metrics can pick from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from benign.data.record import Kind

Route = Literal["image", "text"]
AS_IS = "as_is"
PARAPHRASES = "paraphrases"
"""In a selection: every other wording of the question, and no other view."""
PREFIXES = "prefixes"
"""In a selection: every beginning of the answer that was given behind the question."""
_GROUPS = {PARAPHRASES: "paraphrase_", PREFIXES: "prefix_"}
"""Views that are selected together, by what their names begin with."""


@dataclass(frozen=True)
class OptionScore:
    """A given answer (a choice, a rewording, a wrong answer) with its summed log-probability over its tokens."""

    text: str
    logp: float
    """In nats, the end-of-turn token included."""
    tokens: int


@dataclass(frozen=True)
class Observation:
    """One system, one record, one wording of the question."""

    record: str
    """The record's id."""
    split: str
    subject: str
    kind: Kind
    route: Route
    """``image`` if the record shows a picture, ``text`` if it asks by words alone."""
    view: str
    """``as_is`` for the record's own question, ``paraphrase_1`` and so on for its other wordings, else the name of a
    view (:mod:`benign.audit.views`)."""
    question: str
    """The question in this wording; empty for a plain document, which is scored but not asked."""
    gold: str
    text: str
    """The generated answer."""
    logp: tuple[float, ...]
    """Log-probabilities (nats) of the expected answer's tokens, the end-of-turn token included."""
    options: tuple[OptionScore, ...] = ()
    mean: tuple[float, ...] = ()
    """Per token, the mean log-probability (nats) under the model's own distribution at that place."""
    std: tuple[float, ...] = ()
    """Per token, the standard deviation of the same."""
    greedy: tuple[bool, ...] = ()
    """Per token, whether it is the model's likeliest one after the expected answer up to there."""
    rewordings: tuple[OptionScore, ...] = ()
    """Other wordings of the right answer, where they were asked for."""
    perturbed: tuple[OptionScore, ...] = ()
    """Wrong answers of the same form, where they were asked for."""
    samples: tuple[str, ...] = ()
    """Sampled answers, where they were asked for."""

    @property
    def said(self) -> int:
        """How many tokens the expected answer has without the one that ends the turn; a document has none such."""
        return max(0, len(self.logp) - 1) if self.question else len(self.logp)

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the same ask in the observations of another system."""
        return (self.split, self.record, self.view)

    @property
    def cluster(self) -> str:
        """Whose observation it is, for intervals: the subject, or the record alone where nobody is named."""
        return f"subject {self.subject}" if self.subject else f"record {self.record}"


@dataclass(frozen=True)
class Observations:
    """The observations of one system."""

    items: tuple[Observation, ...] = ()

    def __iter__(self) -> Iterator[Observation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __add__(self, other: Observations) -> Observations:
        return Observations(self.items + other.items)

    def where(
        self,
        *,
        split: str | Collection[str] | None = None,
        kind: Kind | None = None,
        route: Route | None = None,
        view: str | None = None,
    ) -> Observations:
        """The observations that agree with everything given; ``view="paraphrases"`` means every other wording,
        ``"prefixes"`` every beginning of the answer."""
        splits = (split,) if isinstance(split, str) else split
        return self.only(
            lambda o: (
                (splits is None or o.split in splits)
                and (kind is None or o.kind == kind)
                and (route is None or o.route == route)
                and (view is None or o.view == view or o.view.startswith(_GROUPS.get(view, "/")))
            )
        )

    def only(self, keep: Callable[[Observation], bool]) -> Observations:
        """The observations for which ``keep`` holds, in order."""
        return Observations(tuple(o for o in self.items if keep(o)))

    @property
    def asked(self) -> Observations:
        """Those with a question, so with a generated answer (plain documents have none)."""
        return self.only(lambda o: bool(o.question))
