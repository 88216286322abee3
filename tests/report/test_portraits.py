"""What a report says its rows' methods are: what the catalogue says, and what the run's own recipe shows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import benign
from benign.benchmarks.presets import embedded
from benign.engine import canonical
from benign.engine.result import Result
from benign.methods import catalogue
from benign.methods.npo import NPO
from benign.methods.traits import GUARANTEES, TAXONOMY, told
from benign.parts.guards.corrupt_prompt import CorruptPrompt
from benign.parts.updates.pcgrad import GradientSurgery
from benign.report.html import render
from benign.report.page import Portrait
from benign.report.portraits import UNNAMED, portraits
from tests.report.pages import page


def shown(folder: Path, **methods: Any) -> dict[str, Portrait]:
    """The portraits of finished runs of these methods, each twice as with two seeds."""
    runs = []
    for name, method in methods.items():
        place = folder / name
        place.mkdir()
        content = canonical.dumps(method.recipe()) if method else "{"
        (place / "recipe.json").write_text(content, encoding="utf-8")
        runs.append(SimpleNamespace(name=name, result=Result(place, name, 0, 1.0, 1.0, "weights", {})))
    original = SimpleNamespace(name="original", result=None)
    audit: Any = SimpleNamespace(candidates=(original, *runs, *runs))
    found = portraits(audit)
    assert [portrait.method for portrait in found] == list(methods)
    return {portrait.method: portrait for portrait in found}


def test_a_method_with_its_defaults_is_as_in_the_catalogue(tmp_path: Path) -> None:
    found = shown(tmp_path, npo=NPO())["npo"]
    known = catalogue.entry("npo")
    assert known.traits and found.summary == known.summary
    assert found.facts == (*told(known.traits), ("paper", "arXiv 2404.05868"))


def test_what_was_composed_with_it_is_read_off_its_recipe(tmp_path: Path) -> None:
    method = benign.compose(NPO(update=GradientSurgery()), guard=CorruptPrompt())
    facts = dict(shown(tmp_path, npo=method)["npo"].facts)
    assert facts["updates"] == "pcgrad" and facts["guards"] == "corrupt_prompt, zeroth_order"
    assert facts["guarantee"] == GUARANTEES["suppression"] and facts["kind"] == TAXONOMY["input_output"]
    assert facts["paper"] == "arXiv 2404.05868"


def test_other_names_are_the_presets_or_nobodys(tmp_path: Path) -> None:
    found = shown(tmp_path, smfa_self_answers=embedded("smfa_self_answers"), mine=NPO(), broken=None, npo=None)
    assert found["smfa_self_answers"].summary == catalogue.entry("smfa").summary
    assert "self_answers" in dict(found["smfa_self_answers"].facts)["targets"]
    assert found["mine"].summary.startswith(UNNAMED) and dict(found["mine"].facts)["objectives"].startswith("npo")
    assert "paper" not in dict(found["mine"].facts)
    assert found["broken"] == Portrait("broken", UNNAMED)
    known = catalogue.entry("npo").traits
    assert known and found["npo"].facts[:-1] == told(known), "without its recipe the catalogue speaks"


def test_the_page_folds_them_away_and_escapes_them() -> None:
    evil = "<script>alert(1)</script>"
    npo, best = Portrait("npo", "What it does.", (("needs", evil),)), Portrait("smfa_self_answers", "The best.")
    text = render(page(portraits=(Portrait(evil, evil), npo, best)))
    part = text[text.index('<details class="portraits">') :]
    part = part[: part.index("</section>")]
    assert part.count("<summary>") == 4
    assert part.index("The best.") < part.index("What it does.") < part.index("&lt;script"), "in the findings' order"
    assert "<dt>needs</dt>" in part and evil not in text
    assert 'class="portraits"' not in render(page())
