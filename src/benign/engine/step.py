"""One training step as an update sees it: each term's loss and gradient, accumulated over the micro-batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from benign.data.answers import Answers
from benign.engine.draw import Drawn, compares, needs_original
from benign.engine.forward import encoded
from benign.engine.noise import noise_of, on_rows, refuse_elsewhere
from benign.engine.recipe import Term
from benign.engine.record_weights import weighed_loss
from benign.engine.reference import Reference, hidden_layer, routes, wanted_of
from benign.engine.world import World
from benign.errors import UserError
from benign.models.collate import IGNORED
from benign.models.families.experts import probabilities
from benign.models.forward import HiddenAt
from benign.models.load import Model
from benign.models.measured import Numbers
from benign.models.pack import packed_rows
from benign.models.shard import backward
from benign.models.vision_cache import VisionCache
from benign.parts.updates import Gradient

Column = tuple[Term, Sequence[Drawn]]
"""A term with the records that it drew for one step."""


class Rows:
    """Answer rows of drawn records: one forward pass for all terms, cut into terms afterwards."""

    def __init__(
        self,
        model: Model,
        reference: Reference,
        vision: VisionCache,
        routed: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    ) -> None:
        self._model = model
        self._reference = reference
        self._vision = vision
        self._routed = routed

    def of(self, columns: Sequence[Column], seed: int) -> list[Answers]:
        """Each term's rows, with the reference, the hidden states and the rivals that its objective needs.

        ``seed`` is the step's, for noise in the reference. Terms that look at different layers or routers are run in
        different passes.
        """
        places = [self._looks_at(term) for term, _ in columns]
        layers = sorted({place for place in places if place is not None}, key=str)
        found: dict[int, Answers] = {}
        for number, layer in enumerate(layers or [None]):
            chosen = [at for at, place in enumerate(places) if place == layer or (number == 0 and place is None)]
            found |= dict(zip(chosen, self._together([columns[place] for place in chosen], layer, seed), strict=True))
        return [found[place] for place in range(len(columns))]

    @property
    def in_step(self) -> bool:
        """Whether processes share the layers, so that each has to go through them as often as the others."""
        return self._model.shards is not None

    def tail(self) -> list[Tensor]:
        """Zero, to be added to a loss before its gradient is taken, where processes share the layers."""
        return [self._model.shards.tail()] if self._model.shards else []

    def share(self, part: Sequence[Drawn], whole: Sequence[Drawn]) -> float:
        """The part's share of the answer tokens of the whole."""
        return self._tokens(part) / self._tokens(whole)

    def _looks_at(self, term: Term) -> HiddenAt:
        """The layer or the router that a term's objective looks at."""
        if not routes(term.objective):
            return hidden_layer(term.objective)
        if not self._routed:
            fix = "take the locus one_expert, or leave the anchor out"
            raise UserError("an anchor holds a router, and the locus chooses no expert", where=term.name, fix=fix)
        return next(iter(self._routed))

    def _together(self, columns: Sequence[Column], layer: HiddenAt, seed: int) -> list[Answers]:
        groups = [group for term, items in columns for group in self._asked(term, items)]
        self._model.module.train()
        examples = [encoded(self._model.encoder, item) for items in groups for item in items]
        rows = packed_rows(self._model, examples, hidden_at=layer, vision=self._vision)
        cut = iter(rows.parted([len(items) for items in groups]))
        answers = []
        for term, items in columns:
            parts = [self._referred(term, group, next(cut), seed) for group in self._asked(term, items)]
            answers.append(replace(parts[0], rival=parts[1]) if compares(term.objective) else parts[0])
        routed = [routes(term.objective) for term, _ in columns]
        return [self._divided(rows) if asked else rows for rows, asked in zip(answers, routed, strict=True)]

    def _divided(self, rows: Answers) -> Answers:
        """The rows with the router's probabilities in the place of what enters it."""
        ((name, experts),) = self._routed.items()
        if rows.hidden is None:
            raise ValueError("what enters the router was not kept")
        routing = probabilities(self._model.module.get_submodule(name), rows.hidden)
        anchor = torch.zeros(routing.shape[-1], device=routing.device)
        anchor[list(experts)] = 1.0
        return replace(rows, hidden=None, routing=routing, anchor=anchor)

    @staticmethod
    def _asked(term: Term, items: Sequence[Drawn]) -> list[Sequence[Drawn]]:
        return [items, [item.rival for item in items]] if compares(term.objective) else [items]

    def _referred(self, term: Term, items: Sequence[Drawn], rows: Answers, seed: int) -> Answers:
        if not (items or self.in_step) or not needs_original(term.objective):
            return rows
        seen = self._reference([item.referred for item in items], wanted_of(term, seed))
        if term.teacher and seen.labels is not None and not torch.equal(seen.labels, rows.labels):
            raise UserError("the teacher's view cuts the answers into other tokens", where=term.name)
        hidden, noise = seen.hidden, noise_of(term, seed)
        if hidden is not None and noise and not term.objective.needs_reference:
            refuse_elsewhere(self._model, term, noise)
            hidden = on_rows(noise, items, hidden, rows.rows_per_record.tolist())
        return replace(rows, reference=seen.logp, reference_labels=seen.label_logp, reference_hidden=hidden)

    def _tokens(self, items: Sequence[Drawn]) -> int:
        return sum(int((encoded(self._model.encoder, item).labels != IGNORED).sum()) for item in items)


@dataclass
class TrainingStep:
    """The :class:`benign.parts.updates.Step` of the engine."""

    columns: Sequence[Column]
    rows: Rows
    parameters: Sequence[nn.Parameter]
    number: int
    total: int
    seed: int
    """Seeds the dropout of every pass, so that several passes of a step see the same model."""
    micro_batch: int | None = None
    world: World = World()
    """The processes among which the step's records are divided."""
    optimizer: torch.optim.Optimizer | None = None
    """What the gradient is handed to."""
    curvature: Sequence[Numbers] = ()
    """What the stage's statistic says of each parameter."""
    reached: bool = False
    """Whether a pass of this process came upon anything that moves."""
    _seen: dict[str, float] = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str]:
        """The terms' names in the recipe's order."""
        return [term.name for term, _ in self.columns]

    def sum(self, weights: Mapping[str, float] | None = None) -> Gradient:
        """The gradient of the weighted sum, in one backward pass per micro-batch."""
        chosen = dict.fromkeys(self.names, 1.0) if weights is None else weights
        self._clear()
        for losses in self._passes(list(chosen)):
            weighted = [chosen[name] * self._weight(name) * loss for name, loss in losses.items()]
            backward(torch.stack([*weighted, *self.rows.tail()]).sum())
        return self.world.summed(self._taken())

    def gradients(self, names: Sequence[str] | None = None) -> dict[str, Gradient]:
        """Each term's gradient: one forward pass, one backward pass per term."""
        totals: dict[str, Gradient] = {}
        for losses in self._passes(list(names or self.names)):
            tail = self.rows.tail()
            # Where processes share the layers, all go backward through them for a term of which one has a record.
            present = [name for name in names or self.names if tail or name in losses]
            for name in present:
                self._clear()
                weighted = [self._weight(name) * losses[name]] if name in losses else []
                backward(torch.stack([*weighted, *tail]).sum(), again=name != present[-1])
                found, known = self._taken(), totals.get(name)
                totals[name] = found if known is None else tuple(a + b for a, b in zip(known, found, strict=True))
        # A term that rests at this step has drawn nothing: its gradient is zero.
        return {name: self.world.summed(totals.get(name) or self._taken()) for name in names or self.names}

    def curved(self, directions: Mapping[str, Gradient]) -> Gradient:
        """Each term's Hessian times its direction, summed: two backward passes per term.

        Raises:
            UserError: Processes share the layers, which can go backward once only.
        """
        if self.rows.in_step:
            raise UserError("second derivatives need the whole model in each process", where="update")
        self._clear()
        # Fused attention has no second derivative.
        with sdpa_kernel(SDPBackend.MATH):
            for losses in self._passes(list(directions)):
                reached = [name for name, loss in losses.items() if loss.requires_grad]
                slopes = [self._slope(self._weight(name) * losses[name], directions[name]) for name in reached]
                if slopes:
                    backward(torch.stack(slopes).sum())
        return self.world.summed(self._taken())

    def losses(self) -> dict[str, float]:
        """The losses of the terms that do not rest, of the latest pass over them; a term that was in none yet is
        computed now."""
        drew = [term.name for term, items in self.columns if items]
        missing = [name for name in drew if name not in self._seen]
        if missing:
            with torch.no_grad():
                for _ in self._passes(missing):
                    pass
        return {name: self._seen[name] for name in drew}

    def scale(self) -> Gradient | None:
        """AdamW's divisor of each entry from the steps before, or None where there was none or nothing is divided."""
        group = self.optimizer.param_groups[0] if self.optimizer else {}
        states = [self.optimizer.state.get(parameter) for parameter in self.parameters] if self.optimizer else []
        if not states or not all(states):
            return None
        beta = group["betas"][1]
        found = ((state["exp_avg_sq"], 1 - beta ** float(state["step"])) for state in states if state)
        return tuple((squares / age).sqrt() + group["eps"] for squares, age in found)

    @contextmanager
    def moved(self, offset: Gradient) -> Iterator[None]:
        """Move the parameters for the time of the context; losses that are found meanwhile are not the step's."""
        seen = dict(self._seen)
        before = [parameter.detach().clone() for parameter in self.parameters]
        with torch.no_grad():
            for parameter, way in zip(self.parameters, offset, strict=True):
                parameter.add_(way)
        try:
            yield
        finally:
            with torch.no_grad():
                for parameter, value in zip(self.parameters, before, strict=True):
                    parameter.copy_(value)
            self._seen = seen

    def _passes(self, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
        """For each micro-batch the losses of the present terms, each weighted by its share of the whole step."""
        columns = [column for column in self.columns if column[0].name in names]
        torch.manual_seed(self.seed + self.world.rank)
        seen = dict.fromkeys(names, 0.0)
        for chunk in _chunks(columns, self.micro_batch, self.world, in_step=self.rows.in_step):
            losses = self._losses(chunk, columns)
            self.reached = self.reached or any(loss.requires_grad for loss in losses.values())
            yield losses
            for name, loss in losses.items():
                seen[name] += float(loss.detach())
        if self.world.size > 1:
            numbers = torch.tensor(list(seen.values()), dtype=torch.float64, device=self.parameters[0].device)
            seen = dict(zip(seen, self.world.summed([numbers])[0].tolist(), strict=True))
        self._seen |= seen

    def _losses(self, chunk: Sequence[Column], whole: Sequence[Column]) -> dict[str, Tensor]:
        asked = [(part, full) for part, (_, full) in zip(chunk, whole, strict=True) if part[1] or self.rows.in_step]
        answers = self.rows.of([part for part, _ in asked], self.seed)
        found = {}
        for ((term, items), full), rows in zip(asked, answers, strict=True):
            if not items:
                continue
            per_rows = term.objective.mean_over == "rows" and len(items) < len(full)
            share = self.rows.share(items, full) if per_rows else len(items) / len(full)
            found[term.name] = weighed_loss(term.objective, rows, [item.weight for item in items]) * share
        return found

    def _slope(self, loss: Tensor, direction: Gradient) -> Tensor:
        """How fast the loss rises along the direction, to be derived again."""
        ways = torch.autograd.grad(loss, list(self.parameters), create_graph=True, allow_unused=True)
        return torch.stack([(way * by).sum() for way, by in zip(ways, direction, strict=True) if way is not None]).sum()

    def _weight(self, name: str) -> float:
        return next(term.weight for term, _ in self.columns if term.name == name)

    def _clear(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def _taken(self) -> Gradient:
        found = tuple(torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters)
        self._clear()
        return found


def _chunks(columns: Sequence[Column], most: int | None, world: World, *, in_step: bool) -> list[list[Column]]:
    """This process' share of the step's records, cut into forward passes of at most ``most`` records; each keeps the
    terms apart. Processes in step have equally many, of which the last may be empty."""
    everyones = [(place, item) for place, (_, items) in enumerate(columns) for item in items]
    flat = world.share(everyones)
    longest = -(-len(everyones) // world.size) if in_step else len(flat)
    size = most or longest or 1
    cut = [flat[i : i + size] for i in range(0, longest, size)]
    return [
        [(term, [item for at, item in part if at == place]) for place, (term, _) in enumerate(columns)] for part in cut
    ]
