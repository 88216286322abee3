"""Which observations a column is about, with the reason in words where there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.audit.observation import AS_IS, PARAPHRASES, PREFIXES, Observations, Route
from benign.data.record import Kind
from benign.errors import NotMeasured

RouteChoice = Literal["any", "main", "by_name", "image", "text"]


@dataclass(frozen=True)
class Scope:
    """Splits, kind of question, route and wording.

    ``main`` is by picture where any memory question shows one, else by words; ``by_name`` is the words of data whose
    main route is the picture: the second way to the same memory.
    """

    splits: tuple[str, ...]
    kind: Kind | None = None
    route: RouteChoice = "any"
    view: str = AS_IS
    asked: bool = True
    """Whether plain documents, which are scored but not asked, stay out."""

    def pick(self, observations: Observations) -> Observations | NotMeasured:
        """The observations in scope, or why there are none."""
        main = main_route(observations)
        if self.route == "by_name" and main == "text":
            return NotMeasured("no memory question has a picture: the memory columns already ask by name")
        routes: dict[RouteChoice, Route] = {"main": main, "by_name": "text", "image": "image", "text": "text"}
        route = routes.get(self.route)
        found = observations.where(split=self.splits, kind=self.kind, route=route, view=self.view)
        found = found.asked if self.asked else found
        return found if found else NotMeasured(self._nothing(route))

    def _nothing(self, route: Route | None) -> str:
        shown = {"image": " with a picture", "text": " by name", None: ""}[route]
        sort = f"{self.kind} questions" if self.kind else "questions"
        wordings = {AS_IS: "", PARAPHRASES: " in other words", PREFIXES: " after a beginning of the answer"}
        wording = wordings.get(self.view, f" seen as {self.view}")
        sets = " or ".join(self.splits)
        return f"no {sort}{shown}{wording} in the {sets} set"


def main_route(observations: Observations) -> Route:
    """``image`` where any memory question shows a picture, else ``text``."""
    return "image" if observations.where(kind="memory", route="image") else "text"
