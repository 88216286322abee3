"""A comparison's verdict in words: who forgets more, who keeps more, what was not shown, and on how much it rests."""

from __future__ import annotations

from dataclasses import dataclass

from benign.audit.comparison import LEVEL, Comparison, Line
from benign.audit.paired import Paired
from benign.report.words import listed, percent

_THINGS = {"forget": "forgetting", "keep": "keeping", "health": "health"}
_VERBS = {"forget": "forgets more", "keep": "keeps more", "health": "is healthier"}
NOT_BETTER = ("refusal_forget",)
"""To refuse is one way to forget, to invent another: neither is the better one, so it counts for no side."""


def neutral(line: Line) -> bool:
    """Whether the column counts for no side."""
    return line.column.name in NOT_BETTER or line.better == "neither"


@dataclass(frozen=True)
class Words:
    """A comparison as a person says it."""

    headline: str
    sentences: tuple[str, ...]


def words(comparison: Comparison) -> Words:
    """The verdict: who forgets more, who keeps more, what was not shown, and on how much it rests."""
    a, b = names(comparison)
    shown = {section: _winners(comparison, section) for section in _THINGS}
    sentences = [_sentence(comparison, section) for section in _THINGS if _of(comparison, section)]
    sentences += _limits(comparison)
    return Words(_headline(shown, a, b), tuple(sentences))


def names(comparison: Comparison) -> tuple[str, str]:
    """What the two are called; A and B are added where they have the same name."""
    if comparison.a != comparison.b:
        return comparison.a, comparison.b
    return f"A ({comparison.a})", f"B ({comparison.b})"


def _of(comparison: Comparison, section: str) -> list[Line]:
    return [
        line
        for line in comparison.lines
        if line.column.section == section and isinstance(line.found, Paired) and not neutral(line)
    ]


def _winners(comparison: Comparison, section: str) -> set[str]:
    return {str(line.winner) for line in _of(comparison, section)} - {"neither"}


def _headline(shown: dict[str, set[str]], a: str, b: str) -> str:
    parts, mixed, open_ = [], [], []
    for side, name in (("a", a), ("b", b)):
        won = [_VERBS[section] for section, winners in shown.items() if winners == {side}]
        if won:
            parts.append(f"{name} {listed(won)}")
    for section, winners in shown.items():
        if winners == {"a", "b"}:
            mixed.append(_THINGS[section])
        elif not winners and section != "health":
            open_.append(_THINGS[section])
    told = [", ".join(parts)] if parts else []
    told += [f"in {listed(mixed)} each is better somewhere"] if mixed else []
    if not told:
        return f"No difference between {a} and {b} is shown"
    told += [f"no difference in {listed(open_)} is shown"] if open_ else []
    headline = "; ".join(told)
    return headline if parts else headline[:1].upper() + headline[1:]


def _sentence(comparison: Comparison, section: str) -> str:
    lines, told = _of(comparison, section), []
    for side, name in zip(("a", "b"), names(comparison), strict=True):
        won = [line.column.title for line in lines if line.winner == side]
        if won:
            told.append(f"{name} is better on {len(won)} of {len(lines)} columns ({listed(map(_quoted, won))})")
    rest = sum(line.winner == "neither" for line in lines)
    if rest:
        told.append(f"no difference is shown on {rest if told else 'any'} of {len(lines)} columns")
    return f"{_THINGS[section].capitalize()}: {'; '.join(told)}."


def _quoted(title: str) -> str:
    return f"\N{LEFT DOUBLE QUOTATION MARK}{title}\N{RIGHT DOUBLE QUOTATION MARK}"


def _limits(comparison: Comparison) -> list[str]:
    found = [line for line in comparison.lines if isinstance(line.found, Paired)]
    told = [f"Both were asked the same {comparison.n} questions; {len(found)} columns are compared."]
    told += _refusing(comparison)
    told += _beyond(comparison)
    if comparison.left_out:
        told.append(f"{comparison.left_out} questions that only one of them was asked are left out.")
    powerless = [
        line
        for line in found
        if isinstance(line.found, Paired) and line.winner == "neither" and line.found.least_p * len(found) >= LEVEL
    ]
    if powerless:
        units = min(line.found.clusters for line in powerless if isinstance(line.found, Paired))
        columns = listed(_quoted(line.column.title) for line in powerless)
        told.append(
            f"Too few subjects (down to {units}) for any difference to stand out on: {columns}. There the intervals "
            "say more than the test; fewer columns, chosen beforehand, make it less strict."
        )
    return told


def _refusing(comparison: Comparison) -> list[str]:
    """How each of them forgets, where that was measured: it counts for no side."""
    for line in comparison.lines:
        if line.column.name in NOT_BETTER and isinstance(line.found, Paired):
            a, b = names(comparison)
            return [f"{a} declines {percent(line.found.a)} of the forgotten questions and {b} {percent(line.found.b)}: "
                    "to refuse is one way to forget, to invent another."]  # fmt: skip
    return []


def _beyond(comparison: Comparison) -> list[str]:
    """Who knows less than a model that never knew."""
    told = []
    for side, name in zip(("a", "b"), names(comparison), strict=True):
        columns = [_quoted(line.column.title) for line in comparison.lines if side in line.beyond]
        if columns:
            told.append(
                f"{name} is below the retrained model on {listed(columns)}, where less than its number earns nothing."
            )
    return told
