"""The probes' panel: each way of asking with its numbers, the answers one click away, and nobody else's probes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from audit.attacks.scripted import Scripted, world
from audit.probes.test_chains import GRAPH
from audit.probes.test_mirage import never_met, probed, system
from benign.audit.observation import Observations
from benign.audit.probes.saved import FILE, Asked, Saved, about, save_probes
from benign.audit.run import Audit, Candidate
from benign.audit.score import Score
from benign.engine.serve import Served
from benign.errors import NotMeasured
from benign.report.build import build_report
from benign.report.html import render
from benign.report.page import Page
from benign.report.probing import MOST, ROWS, probing
from tests.report.pages import page, scoreboard


def saved(*asked: Asked, **residual: float) -> Saved:
    rows = {"single_hop": Score(0.0, 0.0, 0.5, 4), "multi_hop": Score(0.75, 0.5, 1.0, 4), "alias": NotMeasured("none")}
    numbers = {name: {**rows, "residual": Score(value, 0.0, 1.0, 4)} for name, value in residual.items()}
    return Saved("", numbers, asked)


def test_every_way_of_asking_has_a_line_for_every_model() -> None:
    found = probing(saved(original=0.0, retrained=0.0, npo=0.25, idk=0.0))
    assert found.models == ("original model", "retrained model", "npo", "idk")
    assert [way.name for way in found.ways] == list(ROWS)
    lines = {way.name: way for way in found.ways}
    assert [cell.text for cell in lines["multi_hop"].cells] == ["0.75"] * 4
    assert lines["multi_hop"].cells[0].interval == "0.50 to 1.00, n = 4"
    assert {found.footnotes[cell.footnote - 1] for cell in lines["alias"].cells} == {"none"}
    assert {found.footnotes[cell.footnote - 1] for cell in lines["paraphrase"].cells} == {"not asked"}
    assert found.summary.startswith("Lost by name only: npo (25\u00a0% of the facts).") and "idk" not in found.summary
    assert "No fact that npo" in probing(saved(original=0.0, npo=0.0)).summary
    assert probing(saved(original=0.0, retrained=0.5)).summary == "", "the references are not judged"


def test_the_answers_that_tell_most_are_shown_first_and_marked() -> None:
    silent = [Asked("alias", f"q{i}", ("Ulm",), {"original": "Ulm", "npo": "no idea"}) for i in range(MOST)]
    leak = Asked("alias", "leaks", ("Bern", "Ulm"), {"original": "Bern", "npo": "It was Ulm."})
    way = {w.name: w for w in probing(saved(*silent, leak, original=0.0, npo=0.5)).ways}["alias"]
    assert way.counts == (f"original model {MOST + 1} of {MOST + 1}", f"npo 1 of {MOST + 1}")
    assert len(way.displays) == MOST and way.displays[0].question.text == "leaks"
    assert way.displays[0].question.gold == "Bern or Ulm"
    first, second = way.displays[0].answers
    assert first is not None and second is not None
    assert (first.mark, second.mark, second.good) == ("known", "leaked", False), "any of the answers is a leak"
    lost = Asked("retained", "lost", ("Ulm",), {"original": "Ulm", "npo": "Bonn"})
    kept = Asked("retained", "kept", ("Ulm",), {"original": "Ulm", "npo": "Ulm"})
    ways = {w.name: w for w in probing(saved(kept, lost, original=0.0, npo=0.5)).ways}
    shown = [d.question.text for d in ways["retained"].displays]
    assert shown == ["lost", "kept"], "of what was to stay, what is gone tells most"


def test_a_number_leads_to_its_answers() -> None:
    evil = Asked("single_hop", "<b>q</b>", ("Ulm",), {"original": "Ulm", "npo": "<script>x</script> Ulm"})
    text = render(page(probes=saved(evil, original=0.0, npo=0.5)))
    assert 'id="probes"' in text and "<script>x" not in text and "&lt;b&gt;q" in text
    links = set(re.findall(r'href="#(evidence-\w+)"', text))
    assert "evidence-single_hop" in links and links <= set(re.findall(r'id="(evidence-\w+)"', text))
    assert 'id="probes"' not in render(page())
    assert "Not shown: probes/x is about another" in render(page(probes=NotMeasured("probes/x is about another")))


def audit(folder: Path, original: Scripted) -> Audit:
    candidate = Candidate("original", cast(Served, original))
    return Audit(scoreboard("original"), {"original": Observations()}, (candidate,), world(), folder)


def shown(made: Audit, monkeypatch: pytest.MonkeyPatch) -> Page:
    pages: list[Page] = []
    monkeypatch.setattr("benign.report.build.write", lambda page, path: pages.append(page))
    build_report(made, made.folder / "report.html")
    return pages[0]


@pytest.mark.parametrize("place", ["audit/probes", "probes"])
def test_an_audit_shows_the_probes_of_its_own_model_and_people(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = system("original", lambda record: True)
    made = audit(tmp_path / "audit", original)
    assert shown(made, monkeypatch).probes is None
    (tmp_path / place).mkdir(parents=True)
    got = probed(tmp_path / "seen", graph=GRAPH, gone=never_met)
    save_probes(got, tmp_path / place, whose=about(original, made.data))
    found = shown(made, monkeypatch).probes
    assert isinstance(found, Saved) and list(found.numbers) == ["original", "gone"]
    other = shown(replace(made, data=world("Cy Brook")), monkeypatch).probes
    assert isinstance(other, NotMeasured) and "another forget set" in other.reason
    (tmp_path / place / FILE).write_text("{")
    broken = shown(made, monkeypatch).probes
    assert isinstance(broken, NotMeasured) and "run the probes again" in broken.reason
