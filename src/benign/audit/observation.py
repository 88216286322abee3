"""What one system did on one record, and a collection of it that metrics can pick from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from benign.data.record import Kind

Route = Literal["image", "text"]
AS_IS = "as_is"


@dataclass(frozen=True)
class OptionScore:
    """One choice of a multiple-choice question with its summed log-probability (nats) over its tokens."""

    text: str
    logp: float
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
    """``as_is`` for the record's own question, ``paraphrase_1`` and so on for its other wordings."""
    question: str
    """The question in this wording; empty for a plain document, which is scored but not asked."""
    gold: str
    text: str
    """The generated answer."""
    logp: tuple[float, ...]
    """Log-probabilities (nats) of the expected answer's tokens, the end-of-turn token included."""
    options: tuple[OptionScore, ...] = ()

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
        """The observations that agree with everything given; ``view="paraphrases"`` means every other wording."""
        splits = (split,) if isinstance(split, str) else split
        return self.only(
            lambda o: (
                (splits is None or o.split in splits)
                and (kind is None or o.kind == kind)
                and (route is None or o.route == route)
                and (view is None or o.view == view or (view == "paraphrases" and o.view != AS_IS))
            )
        )

    def only(self, keep: Callable[[Observation], bool]) -> Observations:
        """The observations for which ``keep`` holds, in order."""
        return Observations(tuple(o for o in self.items if keep(o)))

    @property
    def asked(self) -> Observations:
        """Those with a question, so with a generated answer (plain documents have none)."""
        return self.only(lambda o: bool(o.question))
