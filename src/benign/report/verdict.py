"""The verdict in plain words: a pure function of the numbers, and the first thing that a reader sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.audit.ranking import KEPT, ranking
from benign.audit.score import ORIGINAL, RETRAINED, Score, Scoreboard
from benign.errors import NotMeasured
from benign.report.evidence import Gap, guarantees, relearning, suppressed, unmeasured
from benign.report.findings import ASKED, Finding, comparable, findings
from benign.report.tradeoff import Outcome, outcomes
from benign.report.words import listed, number, percent, span, titled

Tone = Literal["good", "mixed", "bad"]


@dataclass(frozen=True)
class Figure:
    """One of the few numbers that stand beside the headline."""

    value: str
    label: str
    note: str


@dataclass(frozen=True)
class Verdict:
    """What the numbers say."""

    tone: Tone
    headline: str
    summary: str
    gap: str
    """Whether there was anything to forget: what a reader must know before any other number."""
    figures: tuple[Figure, ...]
    """Of the method that stands first; empty where nothing is ranked or all is destroyed."""
    findings: tuple[Finding, ...]
    """By rank where there is one, else in the scoreboard's order."""
    best: str | None
    relearning: tuple[str, ...]
    guarantees: tuple[str, ...]
    unmeasured: tuple[Gap, ...]


def verdict(scoreboard: Scoreboard, threshold: float = 0.5) -> Verdict:
    """Judge a scoreboard.

    Args:
        scoreboard: The rows of the original, of the retrained model if there is one, and of the methods.
        threshold: The memorisation gap below which nothing is ranked.
    """
    found = findings(scoreboard, threshold)
    ranked = ranking(scoreboard, threshold)
    order = () if isinstance(ranked, NotMeasured) else ranked
    alive = [name for name in order if _of(found, name).status != "destroyed"]
    best = alive[0] if alive else None
    if order:
        found = tuple(_of(found, name) for name in order)
    tone, headline, summary = _words(scoreboard, threshold, ranked, found, best)
    return Verdict(
        tone,
        headline,
        summary,
        _gap(scoreboard, threshold),
        _figures(scoreboard, best),
        found,
        best,
        () if _hardly_learned(scoreboard, threshold) else relearning(scoreboard),
        guarantees(scoreboard),
        unmeasured(scoreboard),
    )


def _words(
    scoreboard: Scoreboard,
    threshold: float,
    ranked: tuple[str, ...] | NotMeasured,
    found: tuple[Finding, ...],
    best: str | None,
) -> tuple[Tone, str, str]:
    if not found:
        return "bad", "Nothing to judge", "The scoreboard holds no result of any method."
    if isinstance(ranked, NotMeasured):
        return _refused(scoreboard, threshold, ranked.reason, found)
    if best is None:
        return "bad", "Nothing usable is left", "Every method destroyed the model: none of them is an unlearning."
    tone, headline, summary = _first(scoreboard, _of(found, best))
    return tone, headline, " ".join(part for part in (summary, _broken(found)) if part)


def _refused(
    scoreboard: Scoreboard, threshold: float, reason: str, found: tuple[Finding, ...]
) -> tuple[Tone, str, str]:
    gap = scoreboard.gap
    because = f"{reason[:1].upper()}{reason[1:]}."
    if isinstance(gap, Score) and _hardly_learned(scoreboard, threshold):
        headline = "No ranking: there was hardly anything to forget"
        because = (
            f"Before any method ran, the original gave only {number(gap.value)} more of the answers that were to be "
            f"forgotten than a model that never saw them (needed: {number(threshold)}). Below that, who forgets "
            "better is noise."
        )
    else:
        headline = "No ranking: something was not measured"
    return "mixed", headline, " ".join(part for part in (because, _broken(found)) if part)


def _hardly_learned(scoreboard: Scoreboard, threshold: float) -> bool:
    return isinstance(scoreboard.gap, Score) and not comparable(scoreboard, threshold)


def _first(scoreboard: Scoreboard, finding: Finding) -> tuple[Tone, str, str]:
    rows = {o.method: o for o in outcomes(scoreboard)}
    back = suppressed(rows[finding.method], rows.get(RETRAINED))
    name = finding.method
    if finding.status == "still remembers":
        return "bad", "No method forgets and keeps", f"{name} stands first and still remembers. {finding.text}"
    if finding.status == "suppressed":
        return "bad", f"{name} hides the memory: it is still in the weights", finding.text
    if finding.status == "replaced":
        return "mixed", f"{name} puts wrong answers in the place of the right ones", finding.text
    if finding.status == "not judged":
        return "mixed", f"{name} stands first", finding.text
    whole = len(rows[name].shares) == len(KEPT)
    keeps = "forgets and keeps the rest" if whole else "forgets and keeps what was measured"
    does = keeps if finding.status == "forgets and keeps" else "forgets, at a price"
    after = {
        True: "the memory is suppressed, not erased",
        False: "relearning brings back no more than in a retrained model",
        None: "whether it is erased was not tested",
    }[back]
    tone: Tone = "good" if finding.status == "forgets and keeps" and back is False else "mixed"
    joined = "and" if tone == "good" else "but"
    return tone, f"{name} {does}, {joined} {after}", finding.text


def _broken(found: tuple[Finding, ...]) -> str:
    names = [finding.method for finding in found if finding.status == "destroyed"]
    return f"Destroyed the model instead of making it forget: {listed(names)}." if names else ""


def _gap(scoreboard: Scoreboard, threshold: float) -> str:
    gap = scoreboard.gap
    if isinstance(gap, NotMeasured):
        return f"Memorisation gap {gap}."
    interval = f" ({span(gap.low, gap.high)})" if gap.n else ""
    worth = "there was something to forget" if gap.value >= threshold else "there was hardly anything to forget"
    return f"Memorisation gap {number(gap.value)}{interval}: {worth}."


def _figures(scoreboard: Scoreboard, best: str | None) -> tuple[Figure, ...]:
    rows = {o.method: o for o in outcomes(scoreboard)}
    if best is None:
        return ()
    outcome, figures = rows[best], []
    if outcome.worst is not None:
        name, value = outcome.worst
        note = f"{ASKED.get(name, titled(name))}; {_references(rows, name)}"
        figures.append(Figure(percent(value), "of the forgotten is still answered", note))
    if isinstance(outcome.kept, Score):
        parts = listed(percent(share) for _, share in outcome.shares)
        figures.append(Figure(percent(outcome.kept.value), "of the rest is kept", f"seeing, memory, general: {parts}"))
    if isinstance(outcome.relearned, Score):
        back = percent(outcome.relearned.value)
        figures.append(Figure(back, "comes back when relearned", _references(rows, "relearned_memory")))
    else:
        figures.append(Figure("?", "comes back when relearned", f"not measured: {outcome.relearned.reason}"))
    return tuple(figures)


def _references(rows: dict[str, Outcome], name: str) -> str:
    values = [(method, rows[method].row.value(name)) for method in (ORIGINAL, RETRAINED) if method in rows]
    return ", ".join(f"{method} {percent(value)}" for method, value in values if value is not None)


def _of(found: tuple[Finding, ...], method: str) -> Finding:
    return next(finding for finding in found if finding.method == method)
