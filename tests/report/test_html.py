"""The page as a file: safe, self-contained, small enough to mail, and the same every time."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benign.audit.score import Scoreboard
from benign.errors import NotMeasured
from benign.report.html import render, write
from benign.report.page import Example, Exhibit, Trial
from tests.report.pages import example, masks, method_row, page, picture, score, scoreboard

ROOT = Path(__file__).parents[2]
EVIL = "'\"><script>alert('x')</script><img src=x onerror=alert(1)>&"
VOID = {"meta", "img", "br", "wbr", "path", "use", "rect", "link"}


class Reader(HTMLParser):
    """What a browser would see: the elements in order, their attributes, and whether all of them close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def text() -> str:
    return render(page())


def test_it_is_well_formed_with_unique_ids(text: str) -> None:
    reader = Reader(text)
    ids = reader.values("id")
    assert reader.open == []
    assert len(ids) == len(set(ids))


def test_every_reference_inside_the_page_has_its_target(text: str) -> None:
    reader = Reader(text)
    inside = {value[1:] for value in reader.values("href")} | set(re.findall(r"url\(#([^)]+)\)", text))
    assert inside and inside <= set(reader.values("id"))


def test_nothing_is_loaded_from_elsewhere(text: str) -> None:
    reader = Reader(text)
    assert all(value.startswith("#") for value in reader.values("href"))
    assert all(value.startswith("data:image/") for value in reader.values("src"))
    assert not re.search(r"@import|url\((?!#)|https?://|//cdn", text)
    assert not reader.named("link")


def test_only_its_own_script_may_run(text: str) -> None:
    policy = next(m["content"] for m in Reader(text).named("meta") if "content-security" in str(m).lower())
    script = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy


def test_every_text_of_the_data_is_escaped() -> None:
    made = Example("forget", "memory", EVIL, EVIL, EVIL, EVIL, {EVIL: EVIL}, picture(1), EVIL)
    rows = tuple(
        replace(method_row(name), notes=(EVIL,), judge=EVIL, guarantee=EVIL) for name in ("original", "retrained")
    )
    bad = replace(method_row("smfa"), method=EVIL, notes=(EVIL,), judge=EVIL)
    bad = replace(bad, metrics={**bad.metrics, "general": NotMeasured(EVIL), EVIL: NotMeasured(EVIL)})
    bad = replace(bad, metrics={**bad.metrics, f"attack_{EVIL}": score(0.5)})
    trial = Trial(f"attack_{EVIL}", {EVIL: (1, 2)}, (Exhibit(EVIL, EVIL, {EVIL: EVIL}),))
    board = Scoreboard(EVIL, EVIL, (*rows, bad), NotMeasured(EVIL))
    spoilt = [replace(mask, module=EVIL, projection=EVIL) for mask in masks(1)]
    text = render(page(title=EVIL, scoreboard=board, examples=(made,), masks=tuple(spoilt), reproduce=(EVIL,),
                       facts={EVIL: EVIL}, artefacts=(EVIL,), trials=(trial,)))  # fmt: skip
    reader = Reader(text)
    assert len(reader.named("script")) == 1
    assert [image["alt"] for image in reader.named("img")] == [EVIL]
    assert not any("onerror" in attributes for _, attributes in reader.elements)
    assert text.count("&lt;script&gt;alert") > 20


def test_it_is_small_enough_to_mail_with_the_largest_pictures(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shown = []
    for number in range(30):
        path = tmp_path / f"{number}.png"
        Image.fromarray(generator.integers(0, 256, (700, 700, 3), dtype=np.uint8)).save(path)
        shown.append(example(picture=path.read_bytes(), answers={f"m{i}": "long " * 4000 for i in range(8)}))
    assert sum(len(made.picture or b"") for made in shown) > 20e6
    text = render(page(examples=tuple(shown), masks=masks(32)))
    assert len(text.encode()) < 3e6
    assert "18 more examples are not shown" in text


def test_a_missing_number_is_a_footnote_and_a_missing_column_a_line(text: str) -> None:
    assert '<li id="main-note-1">not measured: the attack ended in a loss that is no number</li>' in text
    assert 'href="#main-note-1"' in text
    assert "<b>Neighbours&#39; memory</b>: no neighbour records given" in text
    assert "None" not in re.sub(r"data:image[^\"]*", "", text) and "NaN" not in text


def test_it_can_be_read_without_seeing_it(text: str) -> None:
    reader = Reader(text)
    assert all(image["alt"] for image in reader.named("img"))
    drawings = reader.named("svg")
    assert len(drawings) == 8 and all(d["role"] == "img" and "%" in d["aria-label"] for d in drawings)
    assert all("scope" in head for head in reader.named("th"))
    levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_drawings_follow_the_pages_colours(text: str) -> None:
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "var(--accent)" in drawings and "DejaVu" not in drawings
    assert not re.search(r"#0[1-5]0[1-5]0[1-5]", drawings)


def test_a_page_of_nothing_but_references_renders() -> None:
    bare = page(scoreboard=scoreboard("original"), examples=(), masks=(), reproduce=(), facts={})
    assert "Nothing to judge" in render(bare)


def test_a_name_of_mathematics_is_shown_as_it_is() -> None:
    row = replace(method_row("smfa"), method="$k^5$")
    board = scoreboard("original", "retrained")
    shown = render(page(scoreboard=replace(board, rows=(*board.rows, row))))
    # twice among the points and, on the phone in every panel, four times beside the bars
    assert shown.count(">$k^5$</text>") == 6


def test_where_nothing_is_ranked_nothing_is_best() -> None:
    shown = render(page(scoreboard=scoreboard(gap=score(0.21))))
    assert "(best)" not in shown and "Nothing is marked as best" in shown
    assert "(best)" in render(page())


def test_half_a_character_in_an_answer_does_not_stop_the_page(tmp_path: Path) -> None:
    broken = page(examples=(example(answers={"m": "half \ud83d"}),))
    assert "half ?" in write(broken, tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_same_page_is_the_same_bytes_in_every_process() -> None:
    code = (
        "import hashlib; from tests.report.pages import page; from benign.report.html import render;"
        "print(hashlib.sha256(render(page()).encode()).hexdigest(), hash('salt'))"
    )
    runs = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        runs.append(run.stdout.split())
    assert runs[0][0] == runs[1][0]
    assert runs[0][1] != runs[1][1]


def test_the_users_own_matplotlib_settings_do_not_matter(text: str) -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        assert render(page()) == text
