"""A user's own model folder and files, from the command line: unlearn, audit, look; and what goes wrong on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from benign.cli.main import main
from benign.data.write import write_jsonl
from tests import toys

SHORT = ("--set", "optim.lr=1e-2", "--set", "optim.epochs=4")
FAST = ("--method", "smfa", *SHORT, "--set", "anchor.lr=1e-2", "--set", "anchor.epochs=4")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("user")
    toys.text_model(folder / "model")
    toys.text_model(folder / "retrained", seed=1)
    data = toys.data()
    for name in ("forget", "retain", "few"):
        write_jsonl(data.split(name), folder / f"{name}.jsonl")
    return folder


def unlearn(place: Path, out: Path, *more: str, model: str = "model", forget: str = "forget.jsonl") -> int:
    files = ["--forget", str(place / forget), "--few", str(place / "few.jsonl")]
    return main(["unlearn", str(place / model), *files, "--out", str(out), "--quiet", *more])


def test_unlearn_audit_and_look(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unlearn(place, tmp_path / "run", *FAST) == 0
    files = {str(p.relative_to(tmp_path / "run")) for p in (tmp_path / "run").rglob("*") if p.is_file()}
    assert {"recipe.json", "provenance.json", "log.jsonl", "facts.json", "adapter/delta.safetensors"} <= files
    command = [
        *("audit", str(place / "model"), str(tmp_path / "run"), "--forget", str(place / "forget.jsonl")),
        *("--retain", str(place / "retain.jsonl"), "--retrained-model", str(place / "retrained")),
        *("--out", str(tmp_path / "audit"), "--quiet", "--json"),
    ]
    capsys.readouterr()
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in said["scoreboard"]["rows"]] == ["original", "retrained", "smfa"]
    assert json.loads((tmp_path / "audit" / "scoreboard.json").read_text()) == said["scoreboard"]
    page = (tmp_path / "audit" / "report.html").read_text()
    assert "smfa" in page and "not" in page
    before = (tmp_path / "audit" / "scoreboard.json").read_bytes()
    assert main(command) == 0
    assert (tmp_path / "audit" / "scoreboard.json").read_bytes() == before


def test_a_killed_audit_ends_with_the_same_bytes(place: Path, tmp_path: Path) -> None:
    """Killed after its first observations, resumed by a process with another hash seed."""
    assert unlearn(place, tmp_path / "run", *FAST) == 0

    def start(out: str, hash_seed: str) -> subprocess.Popen[bytes]:
        files = [*("--forget", str(place / "forget.jsonl"), "--retain", str(place / "retain.jsonl"))]
        systems = [str(place / "model"), str(tmp_path / "run"), "--retrained-model", str(place / "retrained")]
        command = [sys.executable, "-m", "benign", "audit", *systems, *files, "--out", str(tmp_path / out), "--quiet"]
        silent = subprocess.DEVNULL
        return subprocess.Popen(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, stdout=silent, stderr=silent)

    killed = start("killed", "1")
    while killed.poll() is None and not list((tmp_path / "killed").rglob("*.parquet")):
        time.sleep(0.002)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "scoreboard.json").exists()
    assert start("killed", "2").wait() == 0
    assert start("straight", "3").wait() == 0
    kept = [p.relative_to(tmp_path / "straight") for p in (tmp_path / "straight").rglob("*.parquet")]
    assert len(kept) >= 3
    for name in (Path("scoreboard.json"), *kept):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


def test_the_dense_result_loads_with_the_documented_lines(place: Path, tmp_path: Path) -> None:
    """The lines of docs/result.md give the model that the audit judged."""
    import torch

    from benign.engine.serve import stacked
    from benign.models.delta import load_delta
    from benign.models.load import load

    assert unlearn(place, tmp_path / "run", "--set", "k=0", *FAST) == 0
    model = load(str(place / "model"))
    ids = torch.arange(5)[None]
    with torch.no_grad(), stacked(model, [load_delta(tmp_path / "run" / "adapter", model)]):
        judged = model.module(ids).logits
    base = load(str(place / "model")).module
    weights = base.state_dict()
    for name, change in load_file(tmp_path / "run" / "adapter" / "delta.safetensors").items():
        weights[name] += change.to(weights[name].dtype)
    with torch.no_grad():
        assert torch.equal(base(ids).logits, judged)
        assert not torch.equal(load(str(place / "model")).module(ids).logits, judged)


def test_a_recipe_runs_again(place: Path, tmp_path: Path) -> None:
    assert unlearn(place, tmp_path / "first", "--method", "idk", *SHORT) == 0
    assert unlearn(place, tmp_path / "again", "--recipe", str(tmp_path / "first" / "recipe.json")) == 0
    one, two = (tmp_path / n / "adapter" / "adapter_model.safetensors" for n in ("first", "again"))
    assert one.read_bytes() == two.read_bytes()


def spoiled(place: Path, tmp_path: Path, what: str) -> list[str]:
    """The arguments of a command with one thing wrong in it, and the words that must be in its one line."""
    forget, model = tmp_path / "forget.jsonl", tmp_path / "model"
    lines = (place / "forget.jsonl").read_text().splitlines()
    shutil.copytree(place / "model", model)
    if what == "broken line":
        lines = [*lines, '{"id": "x", "question": ']
    elif what == "empty":
        lines = []
    elif what == "overlap":
        lines = [*lines, (place / "few.jsonl").read_text().splitlines()[0]]
    elif what == "escape":
        lines = [*lines, json.dumps({"id": "x", "images": ["../../etc/passwd"], "question": "q", "answer": "a"})]
    elif what == "no template":
        (model / "chat_template.jinja").unlink()
    elif what == "architecture":
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps({**config, "model_type": "nonesuch"}))
    elif what == "NaN weights":
        weights = load_file(model / "model.safetensors")
        weights["lm_head.weight"][0, 0] = float("nan")
        save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    forget.write_text("".join(line + "\n" for line in lines))
    return ["unlearn", str(model), "--forget", str(forget), "--few", str(place / "few.jsonl"), *FAST]


def test_where_no_method_is_named_it_is_benign(place: Path, tmp_path: Path) -> None:
    assert unlearn(place, tmp_path / "run", *SHORT) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["method"] == "benign"
    losses = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert losses[-1]["forget"] < losses[0]["forget"] and losses[0]["retain"] == pytest.approx(0.0, abs=1e-6)
    assert "strangers" not in losses[0] and "look_alikes" not in losses[0]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("broken line", "forget.jsonl:3"),
        ("empty", "forget.jsonl"),
        ("overlap", "forget.jsonl:3"),
        ("escape", "forget.jsonl:3: images"),
        ("no template", "chat template"),
        ("architecture", "nonesuch"),
        ("NaN weights", "not numbers"),
    ],
)
def test_a_mistake_is_one_clear_line(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, said: str
) -> None:
    assert main([*spoiled(place, tmp_path, what), "--out", str(tmp_path / "out"), "--quiet"]) == 2
    shown = capsys.readouterr().err.strip()
    assert said in shown
    assert "Traceback" not in shown
    assert len(shown.splitlines()) == 1
    assert not (tmp_path / "out" / "adapter").exists()


def test_a_wrong_model_path_is_one_clear_line(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unlearn(place, tmp_path / "out", model="nowhere") == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_refusal_that_is_a_right_answer_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unlearn(place, tmp_path / "out", *FAST, "--set", "refusals=Rome,no") == 2
    assert "refusal pool" in capsys.readouterr().err


def test_a_loss_that_explodes_stops_the_run(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unlearn(place, tmp_path / "out", *FAST, "--set", "optim.lr=1e30") == 2
    assert "not finite at step" in capsys.readouterr().err
    assert not (tmp_path / "out" / "adapter").exists()


@pytest.mark.parametrize("harm", ["flipped bit", "renamed key", "missing key", "swapped base"])
def test_a_damaged_result_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    assert unlearn(place, tmp_path / "run", "--method", "idk", *SHORT) == 0
    file = tmp_path / "run" / "adapter" / "adapter_model.safetensors"
    model = place / ("retrained" if harm == "swapped base" else "model")
    tensors = load_file(file)
    first = sorted(tensors)[0]
    if harm == "flipped bit":
        content = bytearray(file.read_bytes())
        content[-5] ^= 1
        file.write_bytes(bytes(content))
    elif harm == "renamed key":
        save_file({("other" if n == first else n): t for n, t in tensors.items()}, file)
    elif harm == "missing key":
        save_file({n: t for n, t in tensors.items() if n != first}, file)
    capsys.readouterr()
    forget = ["--forget", str(place / "forget.jsonl")]
    assert main(["audit", str(model), str(tmp_path / "run"), *forget, "--out", str(tmp_path / "a"), "--quiet"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "a" / "scoreboard.json").exists()
