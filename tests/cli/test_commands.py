"""Each command hands on exactly what it was given, to one function of the rooms below."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import benign
from benign.audit.attacks import Attack
from benign.audit.attacks.catalogue import chosen
from benign.audit.attacks.prune import Prune
from benign.audit.attacks.relearn import Relearn
from benign.audit.score import Row, Score, Scoreboard
from benign.cli.main import main
from benign.engine import canonical
from benign.engine.result import Result
from benign.errors import UserError

BOARD = Scoreboard("vlm", "smllmun", (Row("original", {"exact": Score(1, 1, 1, 2)}, 0.0, 1.0, 0),))
FOUND = SimpleNamespace(scoreboard=BOARD, asked={"forget": (2, 3), "retain": (4, 4)})
Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


def recorder(calls: Calls, outcome: Any) -> Callable[..., Any]:
    def record(*args: Any, **options: Any) -> Any:
        if progress := options.pop("progress", None):
            progress("work", 1, 1)
        print("a stray word")
        calls.append((args, options))
        return outcome

    return record


def module(name: str, monkeypatch: pytest.MonkeyPatch, **members: Any) -> None:
    made = ModuleType(name)
    vars(made).update(members)
    monkeypatch.setitem(sys.modules, name, made)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls: Calls = []
    monkeypatch.setattr(benign, "read", lambda **files: calls.append(((), files)) or "the data")
    return calls


@pytest.fixture
def unlearns(monkeypatch: pytest.MonkeyPatch, reads: Calls) -> Calls:
    calls: Calls = []
    result = Result(Path("out"), "SMFA", 7, 12.0, 100.0, "weights", {})
    monkeypatch.setattr(benign, "unlearn", recorder(calls, result))
    return calls


def test_unlearn_hands_on_files_method_and_seed(
    unlearns: Calls, reads: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["unlearn", "my-model", "--forget", "f.jsonl", "--retain", "r.jsonl", "--few", "w.jsonl", "--seed", "7"]
    words += [
        "--strangers",
        "s",
        "--method",
        "smfa",
        "--preset",
        "code",
        "--set",
        "k=inf",
        "--set",
        "optim.lr=0.5",
        "--out",
        "o",
        "--json",
    ]
    assert main(words) == 0
    nothing = dict.fromkeys(("neighbour", "holdout", "general"))
    files = {"forget": Path("f.jsonl"), "retain": Path("r.jsonl"), "few": Path("w.jsonl"), "strangers": Path("s")}
    assert reads == [((), files | nothing)]
    [(args, options)] = unlearns
    assert args == ("my-model", "the data")
    method = options.pop("method")
    assert isinstance(method, benign.methods.SMFA)
    assert (method.preset, method.k, method.optim.lr) == ("code", float("inf"), 0.5)
    assert options == {"out": Path("o"), "seed": 7, "name": "smfa", "track": None, "watch": None}
    shown = capsys.readouterr()
    assert json.loads(shown.out)["method"] == "SMFA"
    assert "a stray word" in shown.err


def test_unlearn_takes_what_was_tuned_for_the_embedded_models(unlearns: Calls) -> None:
    from benign.benchmarks.presets import embedded

    words = ["unlearn", "m", "--forget", "f", "--out", "o", "--preset", "embedded", "--method", "smfa_self_answers"]
    assert main([*words, "--set", "k=2"]) == 0
    assert unlearns[0][1]["method"] == replace(embedded("smfa_self_answers"), k=2.0)
    assert unlearns[0][1]["name"] == "smfa_self_answers"


def test_unlearn_says_what_to_do_next(unlearns: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unlearn", "my-model", "--forget", "f.jsonl", "--out", "o", "--quiet"]) == 0
    assert "benign audit my-model out --forget f.jsonl" in capsys.readouterr().out
    assert unlearns[0][1]["method"] == benign.methods.Benign()
    assert unlearns[0][1]["name"] == "benign"


def test_unlearn_again_takes_the_recipe_of_an_earlier_run(unlearns: Calls, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"method": "npo"}')
    wanted = benign.methods.NPO(beta=0.7).recipe()
    path = tmp_path / "recipe.json"
    path.write_text(canonical.dumps(wanted))
    words = ["unlearn", "m", "--forget", "f", "--out", "o", "--recipe", str(path)]
    assert main(words) == 0
    assert unlearns[0][1]["method"].recipe() == wanted
    assert unlearns[0][1]["name"] == "npo"
    assert main([*words, "--set", "k=1"]) == 2
    assert len(unlearns) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "not valid JSON"), ("[]", "not a recipe"), ('{"part": "os:system"}', "not a part"), (None, "cannot read")],
)
def test_what_is_no_recipe_is_refused(
    content: str | None, said: str, unlearns: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipe.json"
    if content is not None:
        path.write_text(content)
    assert main(["unlearn", "m", "--forget", "f", "--out", "o", "--recipe", str(path)]) == 2
    assert said in capsys.readouterr().err
    assert unlearns == []


def test_audit_hands_on_everything_and_reports(
    monkeypatch: pytest.MonkeyPatch, reads: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    from benign.audit import run

    audits: Calls = []
    reports: Calls = []
    monkeypatch.setattr(run, "audit", recorder(audits, FOUND))
    module("benign.report.build", monkeypatch, build_report=recorder(reports, Path("o/report.html")))
    words = ["audit", "m", "a", "b", "--forget", "f", "--out", "o", "--retrained-model", "t", "--json"]
    words += ["--attacks", "none", "--judge", "http://localhost:1/v1", "--judge-model", "j", "--samples", "7"]
    assert main([*words, "--most", "0"]) == 0
    [(args, options)] = audits
    assert options["settings"].most is None
    assert args == ("m", [Path("a"), Path("b")], "the data")
    assert options["settings"].attacks == ()
    assert options["settings"].samples.k == 7
    assert (options["judge"].url, options["judge"].model) == ("http://localhost:1/v1", "j")
    assert (options["out"], options["retrained"]) == (Path("o"), "t")
    assert reports == [((FOUND, Path("o/report.html")), {})]
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["report"] == "o/report.html"
    assert outcome["scoreboard"]["rows"][0]["metrics"] == {"exact": 1}
    assert outcome["asked"] == {"forget": [2, 3], "retain": [4, 4]}


def test_audit_judges_by_rules_and_attacks_by_default(
    monkeypatch: pytest.MonkeyPatch, reads: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    from benign.audit import run

    audits: Calls = []
    monkeypatch.setattr(run, "audit", recorder(audits, FOUND))
    module("benign.report.build", monkeypatch, build_report=lambda *_, **__: Path("o/report.html"))
    assert main(["audit", "m", "--forget", "f", "--out", "o"]) == 0
    [(args, options)] = audits
    assert args == ("m", [], "the data")
    assert options["judge"] is None
    assert options["settings"].attacks == (Relearn(),)
    assert (options["settings"].samples, options["settings"].most) == (None, 400)
    assert "asked: 2 of 3 forget records (--most 0 asks all)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        *((name, chosen(name)) for name in ("fast", "standard", "all")),
        ("prune,relearn", (Prune(), Relearn())),
        ("relearn, prune:share=0.5:most=none", (Relearn(), Prune(share=0.5, most=None))),
        ("relearn:steps=1,relearn:optim.lr=0.5", (Relearn(steps=1), Relearn(optim=replace(Relearn().optim, lr=0.5)))),
    ],
)
def test_audit_makes_the_attacks_that_are_asked_for(
    given: str, wanted: tuple[Attack, ...], monkeypatch: pytest.MonkeyPatch, reads: Calls
) -> None:
    from benign.audit import run

    audits: Calls = []
    monkeypatch.setattr(run, "audit", recorder(audits, FOUND))
    module("benign.report.build", monkeypatch, build_report=recorder([], Path("o/report.html")))
    assert main(["audit", "m", "--forget", "f", "--out", "o", "--attacks", given]) == 0
    assert audits[0][1]["settings"].attacks == wanted


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("relern", "--attacks: unknown attack 'relern' (did you mean 'relearn'?"),
        ("relearn:step=3", "--attacks relearn step: unknown field 'step' (did you mean 'steps'?"),
        ("relearn:steps=few", "--attacks relearn steps: 'few' is not a whole number"),
    ],
)
def test_an_attack_that_is_none_is_refused_before_anything_is_audited(
    given: str, said: str, monkeypatch: pytest.MonkeyPatch, reads: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    from benign.audit import run

    audits: Calls = []
    monkeypatch.setattr(run, "audit", recorder(audits, FOUND))
    assert main(["audit", "m", "--forget", "f", "--out", "o", "--attacks", given]) == 2
    assert said in capsys.readouterr().err
    assert audits == []


def test_demo_hands_on_its_choices(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls: Calls = []
    reports: Calls = []
    module("benign.benchmarks.run", monkeypatch, run_demo=recorder(calls, FOUND))
    module("benign.report.build", monkeypatch, build_report=recorder(reports, Path("d/report.html")))
    assert main(["demo", "--out", "d", "--ratio", "5", "--seed", "2", "--methods", "smfa, idk", "--json"]) == 0
    assert reports == [((FOUND, Path("d/report.html")), {})]
    assert calls == [((), {"out": Path("d"), "ratio": 5, "seed": 2, "methods": ("smfa", "idk")})]
    assert json.loads(capsys.readouterr().out)["report"] == "d/report.html"


def test_demo_opens_no_browser_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    module("benign.benchmarks.run", monkeypatch, run_demo=recorder([], FOUND))
    module("benign.report.build", monkeypatch, build_report=recorder([], Path("d/report.html")))
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(["demo"]) == 0
    assert opened == []
    monkeypatch.setattr("benign.cli.demo._has_screen", lambda: True)
    assert main(["demo", "--no-open"]) == 0
    assert opened == []
    assert main(["demo"]) == 0
    assert [address.startswith("file://") for address in opened] == [True]


def test_meta_hands_on_its_folder_and_shows_what_was_not_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benign.benchmarks.meta import Forms, Verdict

    calls: list[tuple[Path, Any]] = []
    found = (
        Verdict(
            "good", "Good", 1.0, Forms(0.9, 0.8), Forms(0.3, 0.2), Forms(0.7, 0.6), Forms(0.51234, 0.4), ("a", "b")
        ),
        Verdict("blind", "Blind", 0.25, None, None, None, None, ()),
    )
    module("benign.benchmarks.meta_run", monkeypatch, run_meta=lambda *given: calls.append(given) or found)
    assert main(["meta", "--out", "d"]) == 0
    assert [out for out, _ in calls] == [Path("d")]
    lines = capsys.readouterr().out.splitlines()
    assert (
        next(" ".join(line.split()) for line in lines if "good" in line) == "good 1.000 0.900 0.300 0.700 0.512 0.400 2"
    )
    assert next(" ".join(line.split()) for line in lines if "blind" in line) == "blind 0.250 - - - - - 0"
    assert main(["meta", "--json"]) == 0
    told = capsys.readouterr().out
    assert json.loads(told)["verdicts"][1]["overall"] is None
    assert main(["audit", "--json", "--meta"]) == 0
    assert (capsys.readouterr().out, calls[-1][0]) == (told, calls[-2][0])


def test_only_an_audit_can_be_of_the_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "a", "b", "--meta"]) == 2
    assert "--meta" in capsys.readouterr().err


@pytest.fixture
def benches(monkeypatch: pytest.MonkeyPatch) -> Calls:
    from benign.benchmarks import run

    calls: Calls = []
    failure = SimpleNamespace(cell="05/npo-1", error="the loss is not finite")
    failures = {"smllmun": (), "failing": (failure,)}
    monkeypatch.setattr(
        run,
        "run_bench",
        lambda experiments, **options: (
            recorder(calls, None)(experiments, **options)
            or {e.benchmark: run.Bench({5: BOARD}, failures[e.benchmark]) for e in experiments}  # type: ignore[arg-type]
        ),
    )
    return calls


def test_bench_hands_on_its_choices(benches: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    from benign.benchmarks.experiment import Experiment
    from benign.benchmarks.presets import embedded
    from benign.benchmarks.protocol import OFFLINE

    words = ["bench", "smllmun", "--ratios", "5,15,5", "--seeds", "2", "--methods", "npo", "--workers", "3", "--json"]
    assert main(words) == 0
    wanted = (Experiment("smllmun", "npo", embedded("npo"), (5, 15), (0, 1)),)
    options = {"out": Path("benches/results"), "workers": 3, "threads": 1, "brought": OFFLINE}
    assert benches == [((wanted,), options)]
    outcome = json.loads(capsys.readouterr().out)
    assert len(outcome["scoreboards"]) == 1 and outcome["failed"] == []


def test_bench_runs_experiment_files_and_tells_what_failed(
    benches: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "failing" / "npo.json"
    path.parent.mkdir()
    method = {"part": "benign.methods.npo:NPO"}
    path.write_text(json.dumps({"benchmark": "failing", "settings": [5], "seeds": [0], "method": method}))
    assert main(["bench", "--experiments", str(tmp_path), "--json"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["failed"] == [{"run": "05/npo-1", "error": "the loss is not finite"}]
    assert "failed: 05/npo-1: the loss is not finite" in shown.err
    assert main(["bench", "smllmun", "--experiments", str(tmp_path)]) == main(["bench"]) == 2
    assert len(benches) == 1


def test_a_mistake_below_reaches_the_user_as_a_line(
    monkeypatch: pytest.MonkeyPatch, reads: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise UserError("this folder holds another run", where="o", fix="give another --out")

    monkeypatch.setattr(benign, "unlearn", refuse)
    assert main(["unlearn", "m", "--forget", "f", "--out", "o", "--json"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: o: this folder holds another run (give another --out)\n"
