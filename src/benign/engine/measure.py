"""A statistic's numbers on a user's records: measured once on the original model, then read from the cache folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

import benign
from benign.data.atomic import write_bytes, write_text
from benign.data.batch import Batch
from benign.data.record import Data, Record
from benign.engine import canonical
from benign.engine.draw import records_of
from benign.engine.recipe import Measure
from benign.errors import UserError
from benign.models.collate import collate
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.models.measured import Measured, Numbers

Report = Callable[[str, int, int], None]
_RECORDS = 16  # per forward pass


@dataclass
class _Sums:
    """What a module's inputs added up to."""

    parts: dict[str, Tensor] = field(default_factory=dict)
    tokens: int = 0

    def add(self, numbers: Numbers, tokens: int) -> None:
        self.parts = {name: self.parts.get(name, 0) + value for name, value in numbers.items()}
        self.tokens += tokens


def measured(model: Model, stage: Measure, data: Data, folder: Path, report: Report) -> Measured:
    """The stage's statistic, from ``folder`` where it was measured before.

    Raises:
        UserError: No record is of the asked kind and route, or what was kept is damaged.
    """
    records = _asked(stage, data)
    names = list(stage.statistic.modules(model.module, model.family))
    described = {
        "stage": canonical.to_plain(stage),
        "records": canonical.digest([record.digest for record in records]),
        "model": model.digest,
        "benign": benign.__version__,
    }
    place = folder / canonical.digest(json.dumps(described, sort_keys=True))[:24]
    numbers = _kept(place)
    if numbers is None:
        numbers = _run(model, stage, records, names, report)
        _keep(place, numbers, described)
    weights = {name: model.module.get_submodule(name).get_parameter("weight").detach() for name in names}
    return Measured(numbers, weights)


def _asked(stage: Measure, data: Data) -> list[Record]:
    """The records of the stage; asked in words alone where it wants text and all of them show pictures."""
    found = [r for r in records_of(data, stage.on) if r.kind in stage.kinds]
    shown, told = [r for r in found if r.images], [r for r in found if not r.images]
    chosen = {"image": shown, "text": told or shown, "both": found}[stage.route]
    if not chosen:
        what = {"image": "shows a picture", "text": "is there", "both": "is there"}[stage.route]
        raise UserError(f"no record of kind {', '.join(stage.kinds)} {what}", where=stage.on)
    return chosen


@torch.no_grad()
def _run(
    model: Model,
    stage: Measure,
    records: Sequence[Record],
    names: Sequence[str],
    report: Callable[[str, int, int], None],
) -> dict[str, dict[str, Tensor]]:
    model.module.eval()
    sums = {name: _Sums() for name in names}
    for start in range(0, len(records), _RECORDS):
        batch = records[start : start + _RECORDS]
        examples = [model.encoder.full(record, text_only=stage.route == "text") for record in batch]
        together = collate(examples, pad_id=model.processor.pad_id).to(model.module.device)
        with _listening(model.module, names, together, stage, sums):
            answer_rows(model, together)
        report(f"measure {stage.name}", start + len(batch), len(records))
    silent = [name for name, found in sums.items() if not found.tokens]
    return {
        name: dict(stage.statistic.whole(found.parts, found.tokens))
        for name, found in sums.items()
        if name not in silent
    }


@contextmanager
def _listening(
    module: nn.Module, names: Sequence[str], batch: Batch, stage: Measure, sums: Mapping[str, _Sums]
) -> Iterator[None]:
    """Within it what enters the modules is added up, padding left out."""
    real = batch.inputs["attention_mask"].bool()

    def listen(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            inputs = args[0]
            tokens = inputs[real] if inputs.shape[:-1] == real.shape else inputs.flatten(0, -2)
            sums[name].add(stage.statistic.part(tokens), len(tokens))

        return hook

    with ExitStack() as hooks:
        for name in names:
            hooks.callback(module.get_submodule(name).register_forward_pre_hook(listen(name)).remove)
        yield


def _keep(place: Path, numbers: Mapping[str, Numbers], described: Mapping[str, object]) -> None:
    """The JSON file comes last and names the tensors' digest, so a kill between the two leaves nothing to read."""
    place.parent.mkdir(parents=True, exist_ok=True)
    flat = {f"{name}/{key}": value.cpu().contiguous() for name, of in numbers.items() for key, value in of.items()}
    content = save(flat)
    write_bytes(place.with_suffix(".safetensors"), content)
    about = {**described, "tensors": hashlib.sha256(content).hexdigest()}
    write_text(place.with_suffix(".json"), json.dumps(about, sort_keys=True, indent=2) + "\n")


def _kept(place: Path) -> dict[str, dict[str, Tensor]] | None:
    about, tensors = place.with_suffix(".json"), place.with_suffix(".safetensors")
    if not about.exists():
        return None
    content = tensors.read_bytes() if tensors.exists() else b""
    if hashlib.sha256(content).hexdigest() != json.loads(about.read_text(encoding="utf-8"))["tensors"]:
        raise UserError("the kept statistic is damaged", where=str(tensors), fix=f"delete {about} to measure again")
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in load(content).items():
        name, _, number = key.rpartition("/")
        found.setdefault(name, {})[number] = value
    return found
