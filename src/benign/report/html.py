"""The report as one HTML file: nothing in it comes from elsewhere, and the same page gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from benign.audit.probes.saved import Saved
from benign.audit.score import Scoreboard
from benign.data.atomic import write_text
from benign.errors import NotMeasured
from benign.report.attacks import panel
from benign.report.dots import dots
from benign.report.examples import MOST, groups
from benign.report.findings import comparable
from benign.report.glossary import GLOSSARY
from benign.report.heat import heat_map
from benign.report.layers import layers_drawing
from benign.report.page import Page
from benign.report.plots import bars, tradeoff
from benign.report.probing import probing
from benign.report.table import tables
from benign.report.tradeoff import in_order, outcomes
from benign.report.verdict import verdict
from benign.report.words import duration, listed, number, percent


def render(page: Page) -> str:
    """The page as HTML, every text of the data escaped."""
    judged = verdict(page.scoreboard, page.threshold)
    order = [finding.method for finding in judged.findings]
    board = in_order(page.scoreboard, order)
    marked = comparable(page.scoreboard, page.threshold)
    attacks = panel(board, page.trials, judged.best)
    script = _file("page.js")
    return template("report.html.j2").render(
        page=page,
        verdict=judged,
        tables=tables(board, marked=marked),
        marked=marked,
        costs=[o.row for o in outcomes(board) if not o.reference],
        seeds=_seeds(page.scoreboard),
        tradeoff=[Markup(tradeoff(board, judged.best, narrow=narrow)) for narrow in (False, True)],
        bars=[Markup(bars(board, judged.best, narrow=narrow)) for narrow in (False, True)],
        portraits=sorted(
            page.portraits, key=lambda one: order.index(one.method) if one.method in order else len(order)
        ),
        attacks=attacks,
        dots=[Markup(dots(attacks, narrow=narrow)) for narrow in (False, True)] if attacks else [],
        probing=probing(page.probes) if isinstance(page.probes, Saved) else None,
        unprobed=page.probes.reason if isinstance(page.probes, NotMeasured) else "",
        heat=[Markup(heat_map(page.masks, narrow=narrow)) for narrow in (False, True)] if page.masks else [],
        layers=[(c, [Markup(layers_drawing(c, narrow=narrow)) for narrow in (False, True)]) for c in page.layers],
        groups=groups(page.examples),
        left_out=max(0, len(page.examples) - MOST),
        glossary=GLOSSARY,
        style=Markup(stylesheet()),
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def write(page: Page, path: str | Path) -> Path:
    """Write the page whole or not at all.

    Raises:
        UserError: The disk is full or the place cannot be written.
    """
    write_text(path, render(page))
    return Path(path)


def template(name: str) -> Template:
    """A page's template, with the filters that all pages share."""
    return _environment().get_template(name)


def stylesheet() -> str:
    """The style of all pages."""
    return _file("style.css")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("benign.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(breakable=_breakable, percent=percent, number=number, duration=duration, listed=listed)
    return environment


def _breakable(name: str) -> Markup:
    """A name that may be broken after its underscores and dots, where space is short."""
    return Markup(re.sub(r"([_.])(?=\w)", r"\1<wbr>", str(escape(name))))


def _file(name: str) -> str:
    return resources.files("benign.report").joinpath("templates", name).read_text(encoding="utf-8")


def _seeds(scoreboard: Scoreboard) -> dict[str, str]:
    """The seeds of each method's runs: its line may be their mean."""
    seeds: dict[str, list[int]] = {}
    for row in scoreboard.rows:
        seeds.setdefault(row.method, []).append(row.seed)
    return {method: ", ".join(map(str, sorted(set(runs)))) for method, runs in seeds.items()}
