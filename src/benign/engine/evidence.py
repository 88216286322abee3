"""What a model shows of a term's records before it is trained: what the weightings ask for, measured once and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from benign.data.batch import Batch
from benign.engine import canonical, store
from benign.engine.attach import Trainable, attached
from benign.engine.draw import Drawn, derived_seed, drawn, records_of
from benign.engine.importance import Importances, mean_loss
from benign.engine.recipe import Term, Train
from benign.engine.reference import reference_for
from benign.engine.step import Rows, TrainingStep
from benign.engine.train import handed, learning_rate, optimizer_of, stepped
from benign.errors import UserError
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.models.shallow import shallow
from benign.models.vision_cache import VisionCache
from benign.parts.targets import Context

Report = Callable[[str, int, int], None]
_RECORDS = 16  # per forward pass


@dataclass(frozen=True)
class Shown:
    """The :class:`benign.parts.weightings.Evidence` of the engine, about one term of a stage."""

    model: Model
    stage: Train
    term: Term
    items: Sequence[Drawn]
    """The term's records with what they answer."""
    context: Context
    folder: Path
    """Where what is measured is kept."""
    report: Report

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.items)

    def logp(self) -> Sequence[Tensor]:
        """For each record, [its own answer's tokens], log-probabilities in nats."""
        found = self._once({"what": "logp of own answers"}, self._logp)
        return [found[str(place)] for place in range(self.count)]

    def features(self) -> Tensor:
        """[records, H]."""
        return self._once({"what": "features of own answers"}, self._features)["features"]

    def gradient_norms(self, points: int) -> Tensor:
        """[records]."""
        if points < 1:
            raise UserError(f"there must be a point to look at, got {points}", where="weighting")
        plain = self.plain
        if points > 1 and plain.curvature:
            raise UserError("the way of an update that needs a curvature is not looked at", where="weighting",
                            fix="set points=1")  # fmt: skip
        about: dict[str, object] = {"what": "gradient norms", "stage": canonical.to_plain(plain), "points": points}
        if points > 1 or any(term.teacher for term in plain.terms):
            about["data"] = self.context.data.digest
        return self._once(about, lambda: {"norms": self._norms(points)})["norms"]

    def alignment(self, *, cosine: bool) -> Tensor:
        """[records]."""
        kept = records_of(self.context.data, "keep")
        about = {
            "what": "alignment",
            "stage": self.stage.name,
            "depth": self.stage.depth,
            "locus": canonical.to_plain(self.stage.locus),
            "retained": canonical.digest([record.digest for record in kept]),
        }
        found = self._once(about, self._aligned)
        return found["dot"] / (found["own"] * found["retained"]).clamp(min=1e-30) if cosine else found["dot"]

    @property
    def plain(self) -> Train:
        """The stage as it would be without any weighting."""
        return replace(self.stage, terms=tuple(replace(term, weighting=None) for term in self.stage.terms))

    def _once(self, about: Mapping[str, object], measure: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        described = {
            **about,
            "term": self.term.name,
            "items": canonical.digest([(item.key, item.other) for item in self.items]),
            "seed": self.context.seed,
            "model": self.model.digest,
        }
        found = store.kept(self.folder, described)
        if found is None:
            found = measure()
            store.keep(self.folder, described, found)
        return found

    def _own(self, item: Drawn) -> Batch:
        """The record with its own answer, whatever the term teaches it to say."""
        return self.model.encoder.full(item.record, text_only=item.text_only)

    @torch.no_grad()
    def _logp(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        self.model.module.eval()
        vision = VisionCache()
        for start in range(0, self.count, _RECORDS):
            batch = self.items[start : start + _RECORDS]
            rows = packed_rows(self.model, [self._own(item) for item in batch], vision=vision)
            for offset, part in enumerate(rows.logp.split(rows.rows_per_record.tolist())):
                found[str(start + offset)] = part.cpu().clone()
            self.report("score the records", start + len(batch), self.count)
        return found

    @torch.no_grad()
    def _features(self) -> dict[str, Tensor]:
        means = []
        self.model.module.eval()
        for start in range(0, self.count, _RECORDS):
            batch = [self._own(item) for item in self.items[start : start + _RECORDS]]
            rows = packed_rows(self.model, batch, hidden_at="head")
            assert rows.hidden is not None, "they were asked for"
            parts = rows.hidden.float().split(rows.rows_per_record.tolist())
            means += [part.mean(dim=0).cpu() for part in parts]
            self.report("look at the records", len(means), self.count)
        return {"features": torch.stack(means)}

    @contextmanager
    def _moving(self) -> Iterator[Trainable]:
        """The stage's locus on the model, as it will be when the stage begins."""
        if self.model.shards:
            raise UserError(
                "this weighting looks at gradients, and processes share the weights", where="weighting",
                fix="let every process hold the model (without --use_fsdp), or take a random coreset",
            )  # fmt: skip
        measure = Importances(self.model, self.context.data, self.folder, self.report)
        seed = derived_seed(self.context.seed, self.stage.name)
        with ExitStack() as stack:
            stack.enter_context(shallow(self.model, self.stage.depth))
            # By the side of what is kept: the temporary folder of a machine may not hold a model's weights.
            self.folder.mkdir(parents=True, exist_ok=True)
            scratch = Path(stack.enter_context(TemporaryDirectory(dir=self.folder)))
            locus = self.stage.locus
            yield stack.enter_context(attached(self.model, locus, seed=seed, scratch=scratch, measure=measure))

    def _aligned(self) -> dict[str, Tensor]:
        """``dot`` and ``own`` [records] and ``retained`` [1]: inner products and lengths of gradients."""
        kept = records_of(self.context.data, "keep")
        with self._moving() as moving:
            self.model.module.eval()
            parameters = list(moving.parameters.values())
            mean = [torch.zeros_like(parameter) for parameter in parameters]
            for start in range(0, len(kept), _RECORDS):
                batch = [self.model.encoder.full(record) for record in kept[start : start + _RECORDS]]
                loss = mean_loss(packed_rows(self.model, batch)) * (len(batch) / len(kept))
                for total, way in zip(mean, _gradient(loss, parameters), strict=True):
                    total += way
                self.report("look at the retained records", start + len(batch), len(kept))
            dots, norms = [], []
            for place, item in enumerate(self.items, 1):
                own = _gradient(mean_loss(packed_rows(self.model, [self._own(item)])), parameters)
                dots.append(_inner(own, mean))
                norms.append(_inner(own, own).sqrt())
                self.report("look at the records", place, self.count)
            return {"dot": torch.stack(dots), "own": torch.stack(norms), "retained": _inner(mean, mean).sqrt()[None]}

    def _norms(self, points: int) -> Tensor:
        """The mean of the records' gradient norms over the points of a run of the stage."""
        stage = self.plain
        steps = drawn(stage, self.context)
        at = {number * len(steps) // points for number in range(points)}
        alone = [[[item] if term.name == self.term.name else [] for term in stage.terms] for item in self.items]
        total, taken = torch.zeros(self.count, dtype=torch.float64), 0
        with self._moving() as moving, TemporaryDirectory(dir=self.folder) as kept:
            vision, parameters = VisionCache(), tuple(moving.parameters.values())
            # Noise is a step's own: what is asked for stands at the step that asks for it.
            asked = [
                [
                    [*(steps[number][place] if number < max(at) else ()),
                     *(self.items if number in at and term.name == self.term.name else ())]
                    for place, term in enumerate(stage.terms)
                ]
                for number in range(max(at) + 1)
            ]  # fmt: skip
            reference = reference_for(self.model, stage, asked, moving, Path(kept), vision, self.context.seed)
            rows = Rows(self.model, reference, vision, moving.routed)
            optimizer = optimizer_of(moving, stage.optim)

            def step(columns: Sequence[Sequence[Drawn]], number: int) -> TrainingStep:
                named = list(zip(stage.terms, columns, strict=True))
                # As in training, so that the states are those that it passes.
                seed = derived_seed(self.context.seed, stage.name, number)
                most = stage.optim.micro_batch
                return TrainingStep(named, rows, parameters, number, len(steps), seed, most, optimizer=optimizer)

            state = stage.update.init(parameters)
            for number in range(max(at) + 1):
                if number in at:
                    taken += 1
                    for place, columns in enumerate(alone):
                        way = step(columns, number).gradients([self.term.name])[self.term.name]
                        total[place] += float(_inner(way, way).sqrt())
                        self.report(f"look at the records, point {taken}", place + 1, self.count)
                if number < max(at):
                    way, state = stage.update(step(steps[number], number), state)
                    handed(moving, way, stage.optim.clip)
                    stepped(moving, optimizer, stage.optim, learning_rate(stage.optim, number, len(steps)))
        return total / taken


def _gradient(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    found = torch.autograd.grad(loss, list(parameters), allow_unused=True)
    return [torch.zeros_like(p) if way is None else way for p, way in zip(parameters, found, strict=True)]


def _inner(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    parts = [(a.double() * b.double()).sum() for a, b in zip(one, other, strict=True)]
    return torch.stack(parts).sum().cpu()
