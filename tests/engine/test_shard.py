"""Processes share a model's layers (FSDP2): the weights of one process, and each holds a part of the model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benign.engine.recipe import Method, Optim
from benign.engine.unlearn import unlearn
from benign.methods.kl_min import KLMin
from benign.methods.rmu import RMU
from benign.models.delta import load_delta
from benign.models.load import load
from benign.models.shard import shard
from benign.parts.updates.pcgrad import GradientSurgery
from tests import toys
from tests.engine.test_world import FAST, LORA, _dense, observed
from tests.engine.test_world import METHODS as WHOLE

METHODS: dict[str, Method] = {
    **{name: method for name, method in WHOLE.items() if name != "all_weights"},
    "hidden": RMU(layer=0, optim=FAST, locus=LORA, forget_batch=3, retain_batch=2),
    # Another process' passes: each has one record, and one of them two chunks.
    "uneven": KLMin(2, 1, optim=Optim(lr=5e-3, epochs=None, steps=5, micro_batch=1), locus=LORA),
    "apart": KLMin(optim=FAST, locus=LORA, forget_batch=1, retain_batch=1, update=GradientSurgery()),
}  # fmt: skip
SCRIPT = """
import shutil
import sys
from pathlib import Path
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.methods.npo import NPO
from benign.models.load import load
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from tests import toys
from tests.engine.test_shard import METHODS, held
from tests.engine.test_world import observed
base, out = sys.argv[1], Path(sys.argv[2])
print("held", held(load(base).module))
for name, method in METHODS.items():
    unlearn(base, toys.data(), method=method, out=out / name)
observed(base, out, out / "audit")
for locus in (AllWeights(), Lora(dora=True)):
    try:
        unlearn(base, toys.data(), method=NPO(locus=locus), out=out / "refused")
    except UserError as error:
        print(error)
    shutil.rmtree(out / "refused", ignore_errors=True)
"""


def held(module: torch.nn.Module) -> int:
    """Numbers of the decoder layers that this process holds."""
    layers = dict(module.get_submodule("model.layers").named_parameters())
    return sum((p.to_local() if hasattr(p, "to_local") else p).numel() for p in layers.values())


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_shared_layers_give_the_weights_and_the_audit_of_one_process(processes: int, tmp_path: Path) -> None:
    base = toys.text_model(tmp_path / "base")
    single, many = tmp_path / "single", tmp_path / "many"
    for name, method in METHODS.items():
        unlearn(str(base), toys.data(), method=method, out=single / name)
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    done = launched(processes, [str(script), str(base), str(many)], tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    model = load(str(base))
    assert done.stdout.count(str(held(model.module) // processes)) == processes
    assert done.stdout.count("processes share them") == 2 * processes
    for name in METHODS:
        one, other = (load_delta(place / name / "adapter", model) for place in (single, many))
        far = max(float((_dense(one.tensors[n]) - _dense(other.tensors[n])).abs().max()) for n in one.tensors)
        assert far <= 1e-6, name
        assert max(float(_dense(t).abs().max()) for t in one.tensors.values()) > 1e-4, name
    observed(str(base), many, tmp_path / "again")
    ours, theirs = ((place / "scoreboard.json").read_text() for place in (tmp_path / "again", many / "audit"))
    assert ours == theirs


def launched(processes: int, command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """As somebody starts it who has configured FSDP."""
    run = [
        sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(processes), "--use_fsdp",
        "--fsdp_version", "2", *command,
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_one_process_has_nobody_to_share_with(tmp_path: Path) -> None:
    model = load(str(toys.text_model(tmp_path / "base")))
    with pytest.raises(Exception, match="one process has nobody"):
        shard(model.module, model.family)
