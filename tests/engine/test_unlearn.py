"""A whole run: its folder, its resumption after a kill, its refusals, its independence of the hash seed."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benign.data.record import Data
from benign.data.write import write_jsonl
from benign.engine import canonical
from benign.engine.mark import withdrawn
from benign.engine.place import claimed
from benign.engine.recipe import Optim, Recipe
from benign.engine.result import load_result
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.idk import IDK
from benign.methods.npo import NPO
from benign.methods.retrain import Retrain
from benign.methods.smfa import SMFA
from benign.models.delta import load_delta
from benign.models.load import Model, load
from benign.parts.loci.layers import Layers
from benign.parts.loci.masked import Masked
from tests import toys

FAST = Optim(lr=1e-2, epochs=None, steps=8)
RUN = """
import sys
from pathlib import Path
from benign.engine.recipe import Optim
from benign.engine.unlearn import unlearn
from benign.methods.smfa import SMFA
from benign.engine import train
from tests import toys
base, out, steps, slow = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
import time
original = train.Job.__init__
def every_step(self, *a, **k):
    original(self, *a, **k)
    object.__setattr__(self, "save_every_seconds", 0.0)
train.Job.__init__ = every_step
optim = Optim(lr=1e-2, epochs=None, steps=steps)
def watch(what, done, total):
    print(what, done, flush=True)
    time.sleep(slow)
unlearn(base, toys.data(), method=SMFA(k=1.0, optim=optim, anchor=optim), out=out, progress=watch)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.text_model(tmp_path_factory.mktemp("model") / "base")


@pytest.fixture(scope="module")
def model(base: Path) -> Model:
    return load(str(base))


def start(base: Path, out: Path, *, slow: float = 0.0, hash_seed: str = "0") -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}", "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", RUN, str(base), str(out), "12", str(slow)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def digests(folder: Path) -> dict[str, str]:
    """Every output file's digest; of provenance.json all but what a clock or a machine decides."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock"):
        content = path.read_bytes()
        if path.name == "provenance.json":
            kept = {k: v for k, v in json.loads(content).items() if k not in ("cost", "machine")}
            content = json.dumps(kept, sort_keys=True).encode()
        found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found


def test_a_killed_run_ends_with_the_same_bytes(base: Path, tmp_path: Path) -> None:
    with start(base, tmp_path / "killed", slow=0.05) as killed:
        assert killed.stdout is not None
        for line in killed.stdout:
            if line.startswith("train mfa 7"):
                killed.send_signal(signal.SIGKILL)
                break
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "adapter").exists()
    with start(base, tmp_path / "straight") as straight, start(base, tmp_path / "killed", hash_seed="7") as again:
        said = again.communicate()[0]
        straight.communicate()
    assert "train mfa 1\n" not in said and "train mfa 9\n" in said
    assert straight.returncode == again.returncode == 0
    assert digests(tmp_path / "killed") == digests(tmp_path / "straight")


def test_a_full_disk_is_one_line_and_leaves_no_adapter(base: Path, tmp_path: Path) -> None:
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
    code = (
        f"{full}from benign.cli.main import main\nimport sys\n"
        "sys.exit(main(['unlearn', sys.argv[1], '--forget', sys.argv[2], '--few', sys.argv[3], '--out', sys.argv[4],"
        " '--method', 'idk', '--quiet']))"
    )
    for name in ("forget", "few"):
        write_jsonl(toys.data().split(name), tmp_path / f"{name}.jsonl")
    files = [str(tmp_path / "forget.jsonl"), str(tmp_path / "few.jsonl"), str(tmp_path / "out")]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"}
    command = [sys.executable, "-c", code, str(base), *files]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and "full" in done.stderr
    assert not (tmp_path / "out" / "adapter").exists()


def test_the_second_process_in_a_folder_is_refused(base: Path, model: Model, tmp_path: Path) -> None:
    with start(base, tmp_path / "out", slow=0.3) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(UserError, match="another process is working in this folder"):
            unlearn(model, toys.data(), method=IDK(optim=FAST), out=tmp_path / "out")
        first.kill()
    with claimed(tmp_path / "out"):
        pass


def test_a_finished_run_is_returned_and_another_one_refused(model: Model, tmp_path: Path) -> None:
    first = unlearn(model, toys.data(), method=IDK(optim=FAST), out=tmp_path)
    before = digests(tmp_path)
    time.sleep(0.01)
    assert unlearn(model, toys.data(), method=IDK(optim=FAST), out=tmp_path).seconds == first.seconds
    with pytest.raises(UserError, match="holds another run"):
        unlearn(model, toys.data(), method=IDK(optim=FAST), out=tmp_path, seed=1)
    assert digests(tmp_path) == before
    assert load_result(tmp_path).method == "idk"


def test_a_run_that_could_not_begin_leaves_its_folder_to_another(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="keep: the method needs records"):
        unlearn(model, Data(forget=toys.data().forget), method=IDK(optim=FAST), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert unlearn(model, toys.data(), method=IDK(optim=FAST), out=tmp_path).method == "idk"


def test_what_was_done_is_not_taken_back(tmp_path: Path) -> None:
    for name in ("run.json", "recipe.json", "stages/abc/checkpoint.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert not withdrawn(tmp_path)
    assert (tmp_path / "run.json").exists() and (tmp_path / "stages/abc/checkpoint.json").exists()
    (tmp_path / "stages/abc/checkpoint.json").unlink()
    assert withdrawn(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_smfa_at_infinite_k_is_idk_bit_for_bit(model: Model, tmp_path: Path) -> None:
    idk = unlearn(model, toys.data(), method=IDK(optim=FAST), out=tmp_path / "idk")
    smfa = unlearn(model, toys.data(), method=SMFA(k=float("inf"), optim=FAST, anchor=FAST), out=tmp_path / "smfa")
    assert idk.adapter is not None and smfa.adapter is not None
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (idk.adapter / name).read_bytes() == (smfa.adapter / name).read_bytes()


def test_a_sweep_over_k_trains_once(model: Model, tmp_path: Path) -> None:
    trained: list[str] = []

    def watch(what: str, done: int, total: int) -> None:
        trained.append(what)

    for k in (0.0, 1.0):
        smfa = SMFA(k=k, optim=FAST, anchor=FAST)
        unlearn(model, toys.data(), method=smfa, out=tmp_path / str(k), cache=tmp_path / "cache", progress=watch)
    assert trained.count("train mfa") == trained.count("train anchor") == 8
    logs = {(tmp_path / str(k) / "log.jsonl").read_bytes() for k in (0.0, 1.0)}
    assert len(logs) == 1
    masked = [sum(f["masked"] for f in load_result(tmp_path / str(k)).facts["smfa"].values()) for k in (0.0, 1.0)]
    assert masked[0] > masked[1] > 0


def test_the_result_changes_the_model_as_it_says(model: Model, tmp_path: Path) -> None:
    result = unlearn(model, toys.data(), method=NPO(optim=FAST), out=tmp_path)
    assert result.adapter is not None
    delta = load_delta(result.adapter, model)
    assert delta.is_low_rank
    assert any(float(delta.dense(name).abs().max()) > 0 for name in delta.tensors)


def test_the_code_preset_averages_a_picture_and_a_text_adapter(model: Model, tmp_path: Path) -> None:
    smfa = SMFA(preset="code", optim=FAST, anchor=FAST)
    assert [stage.name for stage in smfa.recipe().stages] == [
        "mfa",
        "mfa_text",
        "anchor",
        "sculpted",
        "sculpted_text",
        "smfa",
    ]
    result = unlearn(model, toys.data(), method=smfa, out=tmp_path)
    assert set(result.facts) == {"sculpted", "sculpted_text"}


def test_retraining_yields_a_whole_model_that_never_saw_the_forget_set(
    base: Path, model: Model, tmp_path: Path
) -> None:
    optim = Optim(lr=1e-2, epochs=40.0)
    result = unlearn(model, toys.data(), method=Retrain(base=str(base), batch=10, optim=optim), out=tmp_path)
    assert result.guarantee == "exact" and result.adapter is None and result.model is not None
    retrained = load(str(result.model))
    from benign.engine.serve import Served

    kept = toys.data().retain
    answers = Served(retrained).generate(kept, max_new_tokens=3)
    assert sum(a == r.gold for a, r in zip(answers, kept, strict=True)) >= 8
    assert all(
        torch.equal(a, b) for a, b in zip(model.module.parameters(), load(str(base)).module.parameters(), strict=True)
    )


def test_missing_records_are_named(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"strangers.*--strangers"):
        unlearn(model, toys.data(), method=SMFA(strangers_batch=2, optim=FAST), out=tmp_path / "a")
    with pytest.raises(UserError, match="forget"):
        unlearn(model, Data(retain=toys.data().retain), method=IDK(optim=FAST), out=tmp_path / "b")
    with pytest.raises(UserError, match=r"retain.*give --retain"):
        unlearn(model, Data(forget=toys.data().forget), method=Retrain(base=model.source), out=tmp_path / "d")
    with pytest.raises(UserError, match="base=PATH"):
        unlearn(model, toys.data(), method=Retrain(), out=tmp_path / "c")


def test_a_recipe_survives_its_json(model: Model, tmp_path: Path) -> None:
    for method in (
        SMFA(k=float("inf"), preset="code", self_batch=2, strangers_batch=3),
        NPO(beta=0.3),
        Retrain(base="x"),
    ):
        recipe = method.recipe()
        assert canonical.from_plain(json.loads(canonical.dumps(recipe))) == recipe


@pytest.mark.parametrize("part", ["os:system", "benign.parts.objectives.npo:os", "benign.parts.objectives.gone:X"])
def test_a_recipe_that_names_something_else_is_refused(part: str) -> None:
    with pytest.raises(UserError, match=r"recipe\.json"):
        canonical.from_plain({"part": part})


def test_no_word_of_the_records_appears_in_the_run_folder(model: Model, tmp_path: Path) -> None:
    data = toys.data()
    unlearn(model, data, method=IDK(optim=FAST), out=tmp_path)
    written = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    for record in data.forget:
        for word in (record.question, record.answer):
            assert word.encode() not in written
    write_jsonl(data.forget, tmp_path / "forget.jsonl")
    assert data.forget[0].question.encode() in (tmp_path / "forget.jsonl").read_bytes()


def test_the_recipe_type_is_what_a_method_returns() -> None:
    assert isinstance(IDK().recipe(), Recipe)


def test_a_mask_by_importance_works_through_a_run(model: Model, tmp_path: Path) -> None:
    masked = Masked(over=Layers(what=("mlp",)), share=0.25)
    result = unlearn(
        model, toys.data(), method=IDK(locus=masked, optim=FAST), out=tmp_path / "a", cache=tmp_path / "kept"
    )
    delta = load_delta(result.adapter, model)
    moved = sum(int((delta.dense(name) != 0).sum()) for name in delta.tensors)
    total = sum(delta.dense(name).numel() for name in delta.tensors)
    assert 0.1 * total < moved <= 0.25 * total + 1
    about = [json.loads(file.read_text()) for file in (tmp_path / "kept" / "statistics").glob("*.json")]
    assert sorted(found["side"] for found in about) == ["forget", "retain"]
    assert {found["importance"]["estimate"] for found in about} == {"fisher"}
