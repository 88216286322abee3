"""Processes share a model's weights (FSDP2): the weights of one process, and each holds a part of the model."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from benign.engine import train
from benign.engine.recipe import Method, Optim
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.engine.watch import Watch
from benign.methods.dpo import DPO
from benign.methods.kl_min import KLMin
from benign.methods.npo import NPO
from benign.methods.retrain import Retrain
from benign.methods.rmu import RMU
from benign.models.delta import load_delta
from benign.models.load import Model, load
from benign.models.shard import shard, whole
from benign.parts.loci import Locus
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.importance import Importance
from benign.parts.loci.layers import Layers
from benign.parts.loci.lora import Lora
from benign.parts.loci.masked import Masked
from benign.parts.loci.path_neurons import PathNeurons
from benign.parts.updates import Update
from benign.parts.updates.blur import ForgetFirst
from benign.parts.updates.gu import GeometricDisentanglement
from benign.parts.updates.masked_step import MaskedStep
from benign.parts.updates.pcgrad import GradientSurgery
from benign.parts.updates.primal_dual import PrimalDual
from benign.parts.updates.sharpness_aware import SharpnessAware
from tests import toys
from tests.engine.test_world import FAST, LORA, _dense, observed
from tests.engine.test_world import METHODS as WHOLE

ALL = AllWeights()
SMALL = Optim(lr=1e-3, epochs=None, steps=5)


def moving(update: Update | None = None, *, locus: Locus = ALL, optim: Optim = SMALL) -> Method:
    """NPO on the model's own weights; its reference is the original's predictions, kept on disk."""
    return NPO(optim=optim, locus=locus, forget_batch=2, retain_batch=3, **({"update": update} if update else {}))


ADAPTERS: dict[str, Method] = {
    **{name: WHOLE[name] for name in ("npo", "lonely", "stages")},
    # Another process' passes: each has one record, and one of them two chunks.
    "uneven": KLMin(2, 1, optim=Optim(lr=5e-3, epochs=None, steps=5, micro_batch=1), locus=LORA),
    "apart": KLMin(optim=FAST, locus=LORA, forget_batch=1, retain_batch=1, update=GradientSurgery()),
    "dora": NPO(optim=FAST, locus=Lora(dropout=0.0, dora=True), retain_batch=3),
}  # fmt: skip
WEIGHTS: dict[str, Method] = {
    "all": moving(),
    "chunks": moving(optim=Optim(lr=1e-3, epochs=None, steps=5, micro_batch=1, weight_decay=0.1, clip=0.05)),
    "again": moving(optim=Optim(lr=1e-3, epochs=None, steps=3, checkpointing=True)),
    "pairs": DPO(optim=SMALL, locus=ALL, forget_batch=1, retain_batch=1),
    "states": RMU(layer=0, optim=SMALL, locus=Layers(("mlp",), within=(0,)), forget_batch=3, retain_batch=2),
    "surgery": moving(GradientSurgery()),
    "gu": moving(GeometricDisentanglement()),
    "masked": moving(locus=Masked(importance=Importance("fisher"), share=0.3),
                     optim=Optim(lr=1e-3, epochs=None, steps=5, weight_decay=0.1)),
}  # fmt: skip
MORE: dict[str, Method] = {
    **{name: WHOLE[name] for name in ("micro", "pcgrad", "blur", "primal_dual")},
    "hidden": RMU(layer=0, optim=FAST, locus=LORA, forget_batch=3, retain_batch=2),
    "off": moving(ForgetFirst()),
    "sharp": moving(SharpnessAware()),
    "salient": moving(MaskedStep(saliency="running")),
    "dual": moving(PrimalDual()),
    "kl": KLMin(2, 3, optim=SMALL, locus=ALL),
    "paths": moving(locus=PathNeurons(vision=None)),
    "blocks": moving(locus=Layers(("block", "embedding"), within=(1,), rows=(3, 4, 5, 6))),
}
EVERY = ADAPTERS | WEIGHTS | MORE
DTYPES = {"kl": torch.float64}
"""A distance from itself has a gradient that is nothing but rounding, and AdamW divides it by its own size."""
FEW = ("npo", "uneven", "dora", "all", "chunks", "gu", "masked")
SCRIPT = """
import json
import os
import sys
from pathlib import Path
from benign.engine.unlearn import unlearn
from benign.models.load import load
from tests import toys
from tests.engine.test_shard import DTYPES, EVERY, RETRAIN, answered, halted, held, looked
from tests.engine.test_world import observed
base, out = sys.argv[1], Path(sys.argv[2])
said = {"held": held(load(base).module)}
for name in sys.argv[3:]:
    unlearn(load(base, dtype=DTYPES.get(name, "auto")), toys.data(), method=EVERY[name], out=out / name)
observed(base, out, out / "audit")
halted(base, out / "halted", EVERY["gu"])
unlearn(base, toys.data(), method=EVERY["all"], out=out / "watched", watch=looked())
unlearn(base, toys.data(), method=RETRAIN(base), out=out / "retrained")
said["answers"] = answered(load(base))
(out / f"said-{os.environ['RANK']}.json").write_text(json.dumps(said))
"""


def held(module: torch.nn.Module) -> int:
    """Numbers of the model that this process holds."""
    return sum((p.to_local() if hasattr(p, "to_local") else p).numel() for p in module.parameters())


def halted(base: str, out: Path, method: Method) -> None:
    """A run that ended in its fourth step, with a checkpoint behind the third one."""

    def stop(what: str, done: int, _: int) -> None:
        if what.startswith("train") and done == 4:
            raise KeyboardInterrupt

    with saving_every_step(), suppress(KeyboardInterrupt):
        unlearn(base, toys.data(), method=method, out=out, progress=stop)


@contextmanager
def saving_every_step() -> Iterator[None]:
    made: Callable[..., None] = train.Job.__init__

    def every_step(self: train.Job, *given: object, **named: object) -> None:
        made(self, *given, **named)
        object.__setattr__(self, "save_every_seconds", 0.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train.Job, "__init__", every_step)
        yield


def looked() -> Watch:
    """The size of all weights, which is smallest before the end."""

    def look(model: Model) -> float:
        return sum(float(whole(p.detach()).double().abs().sum()) for p in model.module.parameters())

    return Watch(look, "size", "lower", every=2, patience=None)


def RETRAIN(base: str) -> Method:
    """Another start, and a whole model for a result."""
    return Retrain(base, batch=4, optim=SMALL)


def answered(model: Model) -> list[object]:
    """What a model says in lots of two, and how many passes this process made for the scores."""
    passes = 0

    def count(*_: object) -> None:
        nonlocal passes
        passes += 1

    served, records = Served(model, batch=2), toys.records(toys.PEOPLE)[:10]
    texts = served.generate(records, max_new_tokens=5)
    hook = model.family.head_of(model.module).register_forward_hook(count)
    scores = served.score(records, [record.gold for record in records])
    hook.remove()
    return [texts, [[*one.logp, *one.mean, *one.std] for one in scores], passes]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.text_model(tmp_path_factory.mktemp("model") / "base")


def launched(processes: int, command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """As somebody starts it who has configured FSDP."""
    run = [
        sys.executable, "-m", "accelerate.commands.launch", "--num_processes", str(processes), "--use_fsdp",
        "--fsdp_version", "2", *command,
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)


def far(model: Model, one: Path, other: Path, *, quantile: float = 1.0) -> float:
    """How far two results are apart, which both changed the model: in so large a share of the entries, at most."""
    ours, theirs = (load_delta(place / "adapter", model).tensors for place in (one, other))
    assert ours.keys() == theirs.keys()
    assert max(float(_dense(t).abs().max()) for t in ours.values()) > 1e-4, one.name
    apart = torch.cat([(_dense(ours[n]) - _dense(theirs[n])).abs().flatten() for n in ours])
    return float(apart.sort().values[int(quantile * (len(apart) - 1))])


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("processes", "names"),
    [(2, FEW), pytest.param(4, tuple(EVERY), marks=pytest.mark.slow)],
    ids=["two", "four"],
)
def test_sharing_processes_give_the_weights_and_the_audit_of_one(
    processes: int, names: tuple[str, ...], base: Path, tmp_path: Path
) -> None:
    single, many, model = tmp_path / "single", tmp_path / "many", load(str(base))
    for name in names:
        given = load(str(base), dtype=DTYPES[name]) if name in DTYPES else model
        unlearn(given, toys.data(), method=EVERY[name], out=single / name)
    unlearn(model, toys.data(), method=EVERY["all"], out=single / "watched", watch=looked())
    unlearn(model, toys.data(), method=RETRAIN(str(base)), out=single / "retrained")
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    done = launched(processes, [str(script), str(base), str(many), *names], tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    told = [json.loads((many / f"said-{rank}.json").read_text()) for rank in range(processes)]
    assert sum(one["held"] for one in told) == held(model.module)
    assert max(one["held"] for one in told) < 1.02 * held(model.module) / processes
    for name in (*names, "watched"):
        adapter = name in ADAPTERS | MORE and not isinstance(getattr(EVERY[name], "locus", LORA), AllWeights)
        # Where all weights move, AdamW divides by their own size gradients that are nothing but rounding.
        assert far(model, single / name, many / name, quantile=1.0 if adapter else 0.999) <= 1e-6, name
        assert far(model, single / name, many / name) <= 1e-4, name
        for ours, theirs in zip(*(_logged(place / name) for place in (single, many)), strict=True):
            assert ours == pytest.approx(theirs, abs=1e-5, rel=1e-5), name
    assert far(model, single / "watched", single / "all") > 1e-4
    ours, theirs = (load_file(place / "retrained" / "model" / "model.safetensors") for place in (single, many))
    assert ours.keys() == theirs.keys()
    assert all(torch.allclose(ours[name], theirs[name], rtol=0, atol=1e-6) for name in ours)
    observed(str(base), many, tmp_path / "again")
    ours_read, theirs_read = ((place / "scoreboard.json").read_text() for place in (tmp_path / "again", many / "audit"))
    assert ours_read == theirs_read
    _resumed(model, many / "halted", single / "gu")
    texts, scores, passes = answered(model)
    for one in told:
        assert one["answers"][:2] == [texts, scores]
        assert one["answers"][2] == -(-passes // processes)


def _logged(run: Path) -> list[dict[str, float]]:
    """Losses, the gradient's length before clipping and the learning rate of every step."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "stage"} for line in lines]


def _resumed(model: Model, run: Path, straight: Path) -> None:
    """One process goes on where several were stopped: where its parts lie does not matter to a checkpoint."""
    seen: list[int] = []
    unlearn(model, toys.data(), method=EVERY["gu"], out=run, progress=lambda what, done, total: seen.append(done))
    assert seen[0] == 4
    assert far(model, run, straight) <= 1e-6


def test_one_process_has_nobody_to_share_with(base: Path) -> None:
    model = load(str(base))
    with pytest.raises(Exception, match="one process has nobody"):
        shard(model.module, model.family)
