"""What trackers are told: every step once, also over kills; settings; never a word of the records."""

from __future__ import annotations

import builtins
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benign.audit.run import Settings, audit
from benign.audit.track import track_scores
from benign.data.record import Data, Record
from benign.engine.follow import settings
from benign.engine.recipe import Optim
from benign.engine.track import Run, tracker
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.smfa import SMFA
from benign.models.load import Model, load
from benign.parts.loci.lora import Lora
from tests import toys

CANARY = "zanzibarcanary"
PRIVATE = (CANARY, "rome", "where does", "secretrefusal", "secretpath", "secretmodule")
OPTIM = Optim(lr=1e-7, epochs=None, steps=3)
METHOD = SMFA(k=2.0, optim=OPTIM, anchor=OPTIM, refusals=("secretrefusal", "i do not know secretrefusal"))
STEPS = [("mfa", i) for i in range(3)] + [("anchor", i) for i in range(3)]
NUMBERS = {"forget", "retain", "gradient_norm", "learning_rate"}


class Listening:
    """Keeps what it is told; ``lives`` steps, then it fails."""

    def __init__(self, held: Mapping[str, int] | None = None, lives: int = 10**9) -> None:
        self.held, self.lives = dict(held or {}), lives
        self.run: Run | None = None
        self.told: list[tuple[str, int, dict[str, float]]] = []
        self.scores: dict[str, float] = {}
        self.ends = 0

    def begin(self, run: Run) -> Mapping[str, int]:
        self.run = run
        return self.held

    def step(self, stage: str, step: int, values: Mapping[str, float]) -> None:
        self.lives -= 1
        if self.lives < 0:
            raise ConnectionError("the line is dead")
        self.told.append((stage, step, dict(values)))

    def conclude(self, numbers: Mapping[str, float]) -> None:
        self.scores = dict(numbers)

    def end(self) -> None:
        self.ends += 1

    @property
    def steps(self) -> list[tuple[str, int]]:
        return [(stage, step) for stage, step, _ in self.told]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("secretpath") / "base")))


def canaries() -> Data:
    """The toy world, in which every part of a record to be forgotten carries the canary."""
    forget = [Record(f"{CANARY}/{i}", CANARY, question=f"where does {CANARY} live ?", answer=f"{CANARY} rome {i}")
              for i in range(3)]  # fmt: skip
    return replace(toys.data(), forget=tuple(forget))


def run(model: Model, out: Path, track: Any, method: SMFA = METHOD) -> Any:
    return unlearn(model, canaries(), method=method, out=out, track=track, name="smfa")


def assert_clean(folder: Path, least: int = 1) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= least
    for path in files:
        content = path.read_bytes()
        assert [word for word in PRIVATE if word.encode() in content] == [], path.name


def test_every_step_is_told_once_with_its_losses_gradient_norm_and_learning_rate(model: Model, tmp_path: Path) -> None:
    one = Listening()
    result = run(model, tmp_path / "out", one)
    assert one.steps == STEPS and one.ends == 1
    assert set(one.told[0][2]) == NUMBERS and set(one.told[-1][2]) == NUMBERS - {"forget"}
    assert one.told[0][2]["learning_rate"] == pytest.approx(1e-7, rel=1e-6), "not rounded to nothing"
    log = [json.loads(line) for line in (result.folder / "log.jsonl").read_text().splitlines()]
    assert [{k: v for k, v in line.items() if k not in ("stage", "step")} for line in log] == [
        v for _, _, v in one.told
    ]
    again = Listening()
    run(model, tmp_path / "out", again)
    assert again.told == one.told, "a finished run is told from its log"
    half = Listening(held={"mfa": 3, "anchor": 1})
    run(model, tmp_path / "out", half)
    assert half.steps == STEPS[4:], "what it has is not told again"


def test_tracking_changes_no_output(model: Model, tmp_path: Path) -> None:
    weights = [run(model, tmp_path / str(i), track).adapter for i, track in enumerate((None, Listening()))]
    contents = [[path.read_bytes() for path in sorted(folder.glob("*.safetensors"))] for folder in weights]
    assert contents[0] and contents[0] == contents[1]


def test_a_tracker_that_fails_does_not_stop_the_run_and_is_reported(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the tracker failed, the run did not: ConnectionError: the line is dead"):
        run(model, tmp_path, Listening(lives=2))
    assert json.loads((tmp_path / "run.json").read_text())["finished"]


def test_a_run_that_fails_closes_its_tracker(model: Model, tmp_path: Path) -> None:
    one = Listening()
    with pytest.raises(UserError, match="not finite"):
        run(model, tmp_path, one, replace(METHOD, optim=Optim(lr=1e30, epochs=None, steps=9)))
    assert one.ends == 1 and one.told


def test_settings_are_numbers_and_fixed_words_and_never_free_text() -> None:
    found = settings(replace(METHOD, locus=Lora(modules="secretmodule")).recipe())
    assert found["mfa.optim.lr"] == 1e-7 and found["mfa.optim.schedule"] == "linear"
    assert found["mfa.forget.kinds"] == "memory" and found["smfa.edit.k"] == 2.0
    assert found["mfa.forget.objective"] == "CrossEntropy" and found["mfa.update"] == "WeightedSum"
    assert found["mfa.forget.target.refusals"] == "(2 texts)" and found["mfa.locus.modules"] == "(text)"
    assert not [value for value in found.values() if any(word in str(value) for word in PRIVATE)]


def test_an_unknown_tracker_is_a_line_and_so_is_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"--track: unknown tracker 'wandbee'.*'wandb'.*mlflow, tensorboard, wandb"):
        tracker("wandbee:x")
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".")[0] in ("tensorboard", "mlflow", "wandb"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    for name in ("tensorboard", "mlflow", "wandb"):
        with pytest.raises(UserError) as error:
            tracker(name)
        assert error.value.line() == f"--track: {name} is not installed (pip install 'benign[{name}]')"


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_tensorboard_has_the_steps_the_scores_and_no_word_of_the_records(model: Model, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    result = run(model, tmp_path / "out", f"tensorboard:{tmp_path / 'shown'}")
    found = audit(model, result, canaries(), out=tmp_path / "audit", settings=Settings(attacks=()))
    for _ in range(2):
        track_scores(found, f"tensorboard:{tmp_path / 'shown'}")
        run(model, tmp_path / "out", f"tensorboard:{tmp_path / 'shown'}")
    [folder] = (tmp_path / "shown").iterdir()
    shown = points(folder)
    log = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    for stage in ("mfa", "anchor"):
        for name in NUMBERS - ({"forget"} if stage == "anchor" else set()):
            wanted = [(line["step"], pytest.approx(line[name])) for line in log if line["stage"] == stage]
            assert shown[f"{stage}/{name}"] == wanted
    [(_, score)] = shown["scoreboard/retained_memory"]
    assert score == pytest.approx(found.scoreboard.rows[1].value("retained_memory"))
    assert b"mfa.optim.lr" in b"".join(path.read_bytes() for path in folder.iterdir())
    assert_clean(tmp_path / "shown")
    with pytest.raises(AssertionError):
        assert_clean(tmp_path / "out")  # recipe.json has the refusals: the check sees what is there


KILLED = """
import sys, time
from benign.engine import train
from tests.engine import test_track
from benign.models.load import load
original = train.Job.__init__
def every_second_step(self, *a, **k):
    original(self, *a, **k)
    object.__setattr__(self, "save_every_seconds", 0.0)
train.Job.__init__ = every_second_step
from benign.engine.unlearn import unlearn
def watch(what, done, total):
    print(what, done, flush=True)
    time.sleep(float(sys.argv[4]))
unlearn(load(sys.argv[1]), test_track.canaries(), method=test_track.METHOD, out=sys.argv[2], track=sys.argv[3],
        name="smfa", progress=watch)
"""


def killed_and_resumed(model: Model, out: Path, track: str) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"}
    command = [sys.executable, "-c", KILLED, str(model.source), str(out), track]
    with subprocess.Popen([*command, "0.1"], env=environment, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if line.startswith("train anchor 2"):
                first.send_signal(signal.SIGKILL)
                break
    assert first.returncode == -signal.SIGKILL
    subprocess.run([*command, "0"], env=environment, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.slow
def test_tensorboard_continues_a_killed_run_without_gaps_or_repeats(model: Model, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    killed_and_resumed(model, tmp_path / "out", "tensorboard")
    [folder] = (tmp_path / "out" / "tensorboard").iterdir()
    steps = {tag: [step for step, _ in found] for tag, found in points(folder).items()}
    assert {tuple(found) for found in steps.values()} == {(0, 1, 2)}
    assert {"mfa/forget", "anchor/learning_rate"} <= set(steps)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:sqlalchemy", "ignore::DeprecationWarning:mlflow")
def test_mlflow_has_the_steps_once_the_scores_and_no_word_of_the_records(model: Model, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("alembic")
    track = f"mlflow:{tmp_path / 'shown' / 'runs.db'}"
    killed_and_resumed(model, tmp_path / "out", track)
    result = run(model, tmp_path / "out", track)
    found = audit(model, result, canaries(), out=tmp_path / "audit", settings=Settings(attacks=()))
    track_scores(found, track)
    rows = sqlite3.connect(tmp_path / "shown" / "runs.db")
    metrics = rows.execute("select key, step, value from metrics order by key, step").fetchall()
    steps = [(key, step) for key, step, _ in metrics if not key.startswith("scoreboard/")]
    assert len(set(steps)) == len(steps) == 3 * 4 + 3 * 3
    scores = {key: value for key, _, value in metrics if key.startswith("scoreboard/")}
    assert scores["scoreboard/retained_memory"] == found.scoreboard.rows[1].value("retained_memory")
    assert ("smfa.edit.k", "2.0") in rows.execute("select key, value from params").fetchall()
    assert rows.execute("select name, status from runs").fetchall() == [("smfa-0", "FINISHED")]
    rows.close()
    assert_clean(tmp_path / "shown")


@pytest.mark.slow
def test_wandb_writes_offline_and_no_word_of_the_records(model: Model, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    killed = (
        "import sys; from tests.engine import test_track as t; from benign.models.load import load\n"
        "from pathlib import Path\n"
        "t.run(load(sys.argv[1]), Path(sys.argv[2]), 'wandb:shown')\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}", "WANDB_MODE": "offline"}
    command = [sys.executable, "-c", killed, str(model.source), str(tmp_path / "out"), CANARY]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    [file] = (tmp_path / "out" / "wandb").glob("offline-run-*/*.wandb")
    content = file.read_bytes()
    assert b"gradient_norm" in content and b"mfa.optim.lr" in content
    assert_clean(tmp_path / "out" / "wandb")


def test_the_command_line_hands_the_tracker_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import benign
    from benign.cli.main import main

    seen: list[Any] = []
    monkeypatch.setattr(benign, "read", lambda **_: "the data")
    result = SimpleNamespace(method="smfa", seconds=1.0, folder=tmp_path)
    monkeypatch.setattr(benign, "unlearn", lambda *_, **options: seen.append(options["track"]) or result)
    assert main(["unlearn", "m", "--forget", "f", "--out", "o", "--track", "mlflow:http://localhost:5000"]) == 0
    assert main(["unlearn", "m", "--forget", "f", "--out", "o"]) == 0
    assert seen == ["mlflow:http://localhost:5000", None]
