"""Models that processes share: vision towers and experts, attacks on the weights, and a process that is killed."""

import json
from pathlib import Path

import pytest
import torch

from benign.audit.attacks.tampered import Tampered
from benign.audit.attacks.tuned import Training
from benign.audit.deployed import unchanged
from benign.audit.diagnostics.grad_norm import gradient_norms
from benign.benchmarks.smllmun import SMLLMUn
from benign.engine.recipe import Optim
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.models.load import Model, load
from benign.parts.updates.pcgrad import GradientSurgery
from tests import toys
from tests.engine.test_shard import ALL, SMALL, far, launched, moving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.text_model(tmp_path_factory.mktemp("model") / "base")


EMBEDDED = """
import sys
from pathlib import Path
from tests.engine.test_shard_slow import trained_exactly
trained_exactly(sys.argv[1], Path(sys.argv[2]))
"""


def trained_exactly(source: str, out: Path) -> Model:
    """A few steps, in float64 where experts allow it: there AdamW's quotients of two roundings are no matter."""
    model = load(source, dtype="float32" if "moe" in source else torch.float64)
    data = SMLLMUn(5).data() if "vlm" in source else toys.data()
    optim = Optim(lr=1e-4, epochs=None, steps=3)
    unlearn(model, data, method=moving(GradientSurgery(), optim=optim), out=out)
    return model


@pytest.mark.parametrize(("source", "most"), [("embedded:vlm", 1e-8), ("embedded:moe", 1e-5)])
def test_a_vision_tower_that_stays_whole_and_experts_move_as_in_one_process(
    source: str, most: float, tmp_path: Path
) -> None:
    script = tmp_path / "run.py"
    script.write_text(EMBEDDED)
    done = launched(2, [str(script), source, str(tmp_path / "two")], tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    model = trained_exactly(source, tmp_path / "one")
    assert far(model, tmp_path / "one", tmp_path / "two") <= most


ATTACKED = """
import json
import os
import sys
from benign.models.load import load
from tests.engine.test_shard_slow import attacked
with open(os.path.join(sys.argv[2], f"said-{os.environ['RANK']}.json"), "w") as file:
    json.dump(attacked(load(sys.argv[1])), file)
"""


def attacked(model: Model) -> dict[str, list[float]]:
    """What is left of the answers after the weights were changed by hand, and after they were trained."""
    served, records = Served(model, batch=2), toys.records(toys.PEOPLE)[:6]
    rolled = Tampered(served, lambda _, weight: weight.roll(1, 0), "rolled")
    tuned = Training(3, 4, locus=ALL, optim=SMALL)(served, records, seed=0, report=lambda *_: None)
    systems = {"rolled": rolled, "tuned": tuned, "again": served}
    found = {name: one.score(records, [r.gold for r in records]) for name, one in systems.items()}
    said = {name: [logp for one in scores for logp in one.logp] for name, scores in found.items()}
    said["norms"] = gradient_norms(served, records[:2], lambda *_: None)
    return said | {"unchanged": [float(unchanged(one, served)) for one in (tuned, served)]}


def test_attacks_and_diagnostics_that_touch_weights_say_the_same(base: Path, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(ATTACKED)
    done = launched(2, [str(script), str(base), str(tmp_path)], tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    alone = attacked(load(str(base)))
    assert alone["unchanged"] == [0.0, 1.0]
    assert all(alone["again"] != alone[name] for name in ("rolled", "tuned"))
    for rank in range(2):
        said = json.loads((tmp_path / f"said-{rank}.json").read_text())
        assert said == {name: pytest.approx(values, abs=1e-5) for name, values in alone.items()}


KILLED = """
import os
import signal
import sys
from pathlib import Path
from benign.engine.unlearn import unlearn
from tests import toys
from tests.engine.test_shard import EVERY, saving_every_step
base, out, last = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
def progress(what, done, total):
    if what.startswith("train") and done == last and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
with saving_every_step():
    unlearn(base, toys.data(), method=EVERY["gu"], out=out, progress=progress)
"""


@pytest.mark.timeout(600)
def test_a_run_of_two_of_which_one_is_killed_goes_on_and_ends_with_the_same_bytes(base: Path, tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(KILLED)
    for folder, last, fails in (("straight", 0, False), ("halted", 4, True), ("halted", 0, False)):
        done = launched(2, [str(script), str(base), str(tmp_path / folder), str(last)], tmp_path)
        assert bool(done.returncode) == fails, done.stderr[-3000:]
    straight, halted = (tmp_path / name for name in ("straight", "halted"))
    for file in ("adapter/delta.safetensors", "log.jsonl", "recipe.json"):
        assert (straight / file).read_bytes() == (halted / file).read_bytes(), file
