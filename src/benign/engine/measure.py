"""A statistic's numbers on a user's records: measured once on the original model, then read from the cache folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from benign.data.batch import Batch
from benign.data.record import Data, Record
from benign.engine import canonical, store
from benign.engine.curvature import Passes
from benign.engine.draw import records_of
from benign.engine.recipe import Measure
from benign.engine.world import world
from benign.errors import UserError
from benign.models.collate import collate
from benign.models.forward import answer_rows
from benign.models.load import Model
from benign.models.measured import Measured, Numbers
from benign.models.shard import whole
from benign.parts.statistics import Curvature, Statistic

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
    }
    flat = store.kept(folder, described)
    here = world()
    # Processes that share the model measure together or not at all.
    if model.shards and not here.agreed(flat is not None):
        flat = None
    if flat is None:
        found = _run(model, stage, stage.statistic, records, names, report)
        flat = {f"{name}/{key}": value.cpu() for name, numbers in found.items() for key, value in numbers.items()}
        if here.main or model.shards is None:
            store.keep(folder, described, flat)
        if model.shards:
            here.wait()
    numbers: dict[str, dict[str, Tensor]] = {}
    for key, value in flat.items():
        name, _, number = key.rpartition("/")
        numbers.setdefault(name, {})[number] = value
    weights = {name: model.module.get_submodule(name).get_parameter("weight").detach() for name in names}
    if model.shards:
        # Only the first process edits.
        full = ((name, whole(weight)) for name, weight in weights.items())
        weights = {name: weight.cpu() for name, weight in full if here.main}
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


def _run(
    model: Model,
    stage: Measure,
    statistic: Statistic | Curvature,
    records: Sequence[Record],
    names: Sequence[str],
    report: Report,
) -> dict[str, Numbers]:
    if isinstance(statistic, Curvature):
        return Passes(model, statistic, records, stage.route == "text", report).measured(names)
    return _forward(model, stage, statistic, records, names, report)


@torch.no_grad()
def _forward(
    model: Model,
    stage: Measure,
    statistic: Statistic,
    records: Sequence[Record],
    names: Sequence[str],
    report: Report,
) -> dict[str, Numbers]:
    model.module.eval()
    sums = {name: _Sums() for name in names}
    for start in range(0, len(records), _RECORDS):
        batch = records[start : start + _RECORDS]
        examples = [model.encoder.full(record, text_only=stage.route == "text") for record in batch]
        together = collate(examples, pad_id=model.processor.pad_id).to(model.module.device)
        with _listening(model.module, names, together, statistic, sums):
            answer_rows(model, together)
        report(f"measure {stage.name}", start + len(batch), len(records))
    # Text never runs the vision tower: its modules have no tokens, and no numbers.
    ran = {name: found for name, found in sums.items() if found.tokens}
    return {name: statistic.whole(found.parts, found.tokens) for name, found in ran.items()}


@contextmanager
def _listening(
    module: nn.Module, names: Sequence[str], batch: Batch, statistic: Statistic, sums: Mapping[str, _Sums]
) -> Iterator[None]:
    """Within it what enters the modules is added up, padding left out."""
    real = batch.inputs["attention_mask"].bool()

    def listen(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            inputs = args[0]
            tokens = inputs[real] if inputs.shape[:-1] == real.shape else inputs.flatten(0, -2)
            sums[name].add(statistic.part(tokens), len(tokens))

        return hook

    with ExitStack() as hooks:
        for name in names:
            hooks.callback(module.get_submodule(name).register_forward_pre_hook(listen(name)).remove)
        yield
