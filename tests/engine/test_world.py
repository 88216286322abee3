"""Several processes make one run: the weights of one process, whatever the update does with the terms."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benign.audit.observe import observe
from benign.audit.run import Settings, audit
from benign.engine.recipe import Method, Optim
from benign.engine.unlearn import unlearn
from benign.engine.world import World, alone, world
from benign.methods.dpo import DPO
from benign.methods.npo import NPO
from benign.methods.smfa import SMFA
from benign.models.delta import load_delta
from benign.models.load import load
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from benign.parts.updates.blur import ForgetFirst
from benign.parts.updates.pcgrad import GradientSurgery
from benign.parts.updates.primal_dual import PrimalDual
from tests import toys

FAST = Optim(lr=5e-3, epochs=None, steps=5)
LORA = Lora(dropout=0.0)
METHODS: dict[str, Method] = {
    "npo": NPO(optim=FAST, locus=LORA, forget_batch=2, retain_batch=3),
    "micro": NPO(optim=Optim(lr=5e-3, epochs=None, steps=5, micro_batch=1), locus=LORA, retain_batch=3),
    "pcgrad": NPO(optim=FAST, locus=LORA, update=GradientSurgery()),
    "blur": NPO(optim=FAST, locus=LORA, update=ForgetFirst()),
    "primal_dual": NPO(optim=FAST, locus=LORA, update=PrimalDual()),
    "all_weights": NPO(optim=FAST, locus=AllWeights(), retain_batch=3),
    # One record a step: the other processes have nothing to do, and take part.
    "lonely": DPO(optim=FAST, locus=LORA, forget_batch=1, retain_batch=1),
    "stages": SMFA(k=1.0, optim=FAST, anchor=FAST, locus=LORA),
}
SCRIPT = """
import sys
from pathlib import Path
from benign.engine.unlearn import unlearn
from tests import toys
from tests.engine.test_world import METHODS, observed
base, out = sys.argv[1:3]
for name in sys.argv[3:]:
    result = unlearn(base, toys.data(), method=METHODS[name], out=Path(out) / name)
observed(base, Path(out), Path(out) / "audit")
"""


def observed(base: str, runs: Path, out: Path) -> None:
    """An audit in small chunks, so that several processes have something to do."""
    given = observe.__kwdefaults__["chunk"]
    observe.__kwdefaults__["chunk"] = 2
    try:
        audit(base, runs / "npo", toys.data(), out=out, settings=Settings(max_new_tokens=4))
    finally:
        observe.__kwdefaults__["chunk"] = given


def launched(processes: int, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.text_model(tmp_path_factory.mktemp("model") / "base")


@pytest.fixture(scope="module")
def single(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("single")
    for name, method in METHODS.items():
        unlearn(str(base), toys.data(), method=method, out=out / name)
    return out


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_as_many_processes_as_one_likes_give_the_same_weights(
    processes: int, base: Path, single: Path, tmp_path: Path
) -> None:
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    done = launched(processes, [str(script), str(base), str(tmp_path), *METHODS], tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    model = load(str(base))
    for name in METHODS:
        one, many = (load_delta(place / name / "adapter", model) for place in (single, tmp_path))
        assert one.tensors.keys() == many.tensors.keys()
        far = torch.cat([(_dense(one.tensors[n]) - _dense(many.tensors[n])).abs().flatten() for n in one.tensors])
        if name == "all_weights":
            # AdamW divides a gradient by its own size: where the terms cancel, what is left to divide is rounding.
            assert float((far > 1e-6).float().mean()) <= 1e-3 and float(far.max()) <= 1e-4
        else:
            assert float(far.max()) <= 1e-6, name
        assert max(float(_dense(t).abs().max()) for t in one.tensors.values()) > 1e-4, name
        logs = [(place / name / "log.jsonl").read_text().splitlines() for place in (single, tmp_path)]
        for ours, theirs in zip(*logs, strict=True):
            one_step, other = json.loads(ours), json.loads(theirs)
            assert one_step.pop("stage") == other.pop("stage")
            assert one_step == pytest.approx(other, abs=1e-5, rel=1e-6)


def _dense(tensor: object) -> torch.Tensor:
    return tensor if isinstance(tensor, torch.Tensor) else tensor.dense()  # type: ignore[attr-defined]


def test_shares_are_contiguous_and_together_the_whole() -> None:
    for size in range(1, 7):
        for count in range(12):
            parts = [World(rank, size).share(range(count)) for rank in range(size)]
            assert [item for part in parts for item in part] == list(range(count))
            assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_process_by_itself_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert world() == World() and World().gathered(["a"]) == [["a"]]
    tensors = (torch.ones(2), torch.ones(1, dtype=torch.float64))
    assert all(a is b for a, b in zip(World().summed(tensors), tensors, strict=True))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with alone():
        assert world() == World()


def test_an_audit_says_the_same_whoever_asks(base: Path, single: Path, tmp_path: Path) -> None:
    """The same weights, asked by one process and by three: every file of observations and every number."""
    observed(str(base), single, tmp_path / "one")
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.replace("Path(out), Path(out) /", f"Path({str(single)!r}), Path(out) /"))
    done = launched(3, [str(script), str(base), str(tmp_path / "three")], tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    one, three = (
        {
            str(f.relative_to(place)): f.read_bytes()
            for f in sorted(place.rglob("*"))
            if f.suffix in (".parquet", ".json")
        }
        for place in (tmp_path / "one", tmp_path / "three" / "audit")
    )
    assert len(one) > 10
    assert one == three
