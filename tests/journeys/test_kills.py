"""Kill -9 at any moment of a run: in training, between the two files of a checkpoint, in the audit. Run again until it
is through, it leaves the bytes of a run that nobody killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import toys

DRIVER = """
import json, os, random, signal, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
import benign
from benign.audit import observe
from benign.audit.run import Settings, audit
from benign.data.record import Data
from benign.engine import checkpoint, train
from benign.engine.recipe import Optim
from benign.engine.unlearn import unlearn
from benign.methods.smfa import SMFA
from benign.models.load import load
from benign.parts.updates.primal_dual import PrimalDual
from tests import toys

base, out, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
draw = random.Random(0)
optim = Optim(lr=1e-2, epochs=None, steps=6)

def work(tell):
    made = train.Job.__init__
    def every_step(self, *given, **named):
        made(self, *given, **named)
        object.__setattr__(self, "save_every_seconds", 0.0)
    train.Job.__init__ = every_step
    written = checkpoint.write_text
    def half_way(*given):
        tell("half a checkpoint")
        written(*given)
    checkpoint.write_text = half_way
    saved = observe.save_chunk
    def chunk(*given):
        tell("before a chunk")
        saved(*given)
        tell("after a chunk")
    observe.save_chunk = chunk
    observe.observe.__kwdefaults__["chunk"] = 3
    model = load(base)
    method = SMFA(k=1.0, optim=optim, anchor=optim, update=PrimalDual())
    result = unlearn(model, toys.data(), method=method, out=out / "run", progress=lambda *said: tell(said[0]))
    audit(model, result, toys.data(), out=out / "audit", settings=Settings(max_new_tokens=4),
          progress=lambda *said: tell(said[0]))

killed, at = 0, []
while True:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        def tell(what):
            os.write(writer, (what + "\\n").encode())
            time.sleep(0.002)
        try:
            work(tell)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    os.close(writer)
    last = draw.randrange(1, 40) if killed < kills else None
    with os.fdopen(reader) as said:
        for number, line in enumerate(said):
            if number == last:
                os.kill(child, signal.SIGKILL)
                at.append(line.strip())
                break
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        killed += 1
        continue
    if os.WEXITSTATUS(status):
        sys.exit(1)
    if killed >= kills or last is None:
        break
    # It came to its end before its hour: once more from the start.
    import shutil
    shutil.rmtree(out)
print(json.dumps(at))
"""


def ran(base: Path, out: Path, kills: int) -> list[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", DRIVER, str(base), str(out), str(kills)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    moments: list[str] = json.loads(done.stdout.splitlines()[-1])
    return moments


def left(out: Path) -> dict[str, bytes]:
    """Every file that a run leaves, without what tells how long it took."""
    found = {}
    for path in sorted(out.rglob("*")):
        if path.is_file() and path.name not in ("provenance.json", ".lock"):
            content = path.read_bytes()
            if path.name == "scoreboard.json":
                rows = json.loads(content)["rows"]
                content = json.dumps([[row["method"], row["metrics"], row["intervals"]] for row in rows]).encode()
            found[str(path.relative_to(out))] = content
    return found


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(kills: int, tmp_path: Path) -> None:
    base = toys.text_model(tmp_path / "base")
    assert ran(base, tmp_path / "straight", 0) == []
    moments = ran(base, tmp_path / "killed", kills)
    assert len(moments) >= kills
    straight, killed = left(tmp_path / "straight"), left(tmp_path / "killed")
    assert straight.keys() == killed.keys()
    assert [name for name in straight if straight[name] != killed[name]] == []
    assert any(name.startswith("audit/observations") for name in straight)
    if kills == 20:
        assert {"half a checkpoint", "before a chunk", "after a chunk", "train mfa", "audit smfa"} <= {*moments}
