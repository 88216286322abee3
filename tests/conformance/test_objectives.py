"""Every objective gets every check of its axis: a new file in parts/objectives is found and tested by itself."""

from __future__ import annotations

import dataclasses
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from torch import Tensor

from benign.data.answers import Answers
from benign.engine import canonical
from benign.parts import objectives
from benign.parts.objectives import Objective

LENGTHS, OTHER_LENGTHS = (3, 1, 4), (1, 3, 2)
VOCABULARY, HIDDEN, EXPERTS = 5, 4, 3
STEP = 1e-6


def every() -> Iterator[Objective]:
    """All dataclasses of the folder with their defaults, and with each value of their fields of named choices."""
    for info in pkgutil.iter_modules(objectives.__path__, f"{objectives.__name__}."):
        for name, kind in vars(import_module(info.name)).items():
            local = isinstance(kind, type) and kind.__module__ == info.name and not name.startswith("_")
            if local and dataclasses.is_dataclass(kind):
                made: Any = kind
                variants: list[Any] = [made(**choice) for choice in ({}, *choices(kind))]
                yield from {repr(variant): variant for variant in variants}.values()


def choices(kind: Any) -> list[dict[str, Any]]:
    hints = get_type_hints(kind)
    named = [f.name for f in dataclasses.fields(kind) if get_origin(hints[f.name]) is Literal]
    return [{name: value} for name in named for value in get_args(hints[name])]


EVERY = sorted(every(), key=repr)
for_every = pytest.mark.parametrize("objective", EVERY, ids=repr)


def rows(lengths: Sequence[int], seed: int, dtype: torch.dtype = torch.float64) -> Answers:
    generator = torch.Generator().manual_seed(seed)

    def drawn(width: int) -> Tensor:
        return torch.randn(sum(lengths), width, dtype=torch.float64, generator=generator).to(dtype)

    return Answers(
        logits=drawn(VOCABULARY),
        labels=torch.randint(VOCABULARY, (sum(lengths),), generator=generator),
        owner=torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths)),
        count=len(lengths),
        reference=drawn(VOCABULARY).log_softmax(-1),
        hidden=drawn(HIDDEN),
        reference_hidden=drawn(HIDDEN),
        routing=drawn(EXPERTS).softmax(-1),
        anchor=torch.eye(EXPERTS, dtype=dtype)[1],
    )


def batch(seed: int = 0, dtype: torch.dtype = torch.float64) -> Answers:
    """Three records with everything that an objective may look at."""
    return dataclasses.replace(rows(LENGTHS, seed, dtype), rival=rows(OTHER_LENGTHS, seed + 100, dtype))


def pick(answers: Answers, records: Sequence[int]) -> Answers:
    """Some of the records, in the given order."""
    places = torch.cat([torch.nonzero(answers.owner == record).flatten() for record in records])
    new = torch.tensor([list(records).index(int(record)) for record in answers.owner[places]])
    cut: dict[str, Any] = {
        name: None if (whole := getattr(answers, name)) is None else whole[places]
        for name in ("logits", "labels", "reference", "hidden", "reference_hidden", "routing")
    }
    rival = pick(answers.rival, records) if answers.rival else None
    return Answers(owner=new, count=len(records), rival=rival, anchor=answers.anchor, **cut)


Leaves = dict[str, Tensor]


def leaves(answers: Answers) -> Leaves:
    """What the model's weights move: the logits, of the rival answers too, hidden states, and a router's choices."""
    assert answers.hidden is not None and answers.rival is not None and answers.routing is not None
    rival = answers.rival.logits
    return {"logits": answers.logits, "hidden": answers.hidden, "rival": rival, "routing": answers.routing}


def put(answers: Answers, new: Leaves) -> Answers:
    assert answers.rival is not None
    rival = dataclasses.replace(answers.rival, logits=new["rival"])
    return dataclasses.replace(answers, logits=new["logits"], hidden=new["hidden"], rival=rival, routing=new["routing"])


def gradients(objective: Objective, answers: Answers) -> Leaves:
    """The gradients in the leaves; zeros where the objective does not look."""
    at = {name: leaf.clone().requires_grad_() for name, leaf in leaves(answers).items()}
    found = torch.autograd.grad(objective(put(answers, at)), list(at.values()), allow_unused=True)
    return {name: torch.zeros_like(leaf) if g is None else g for (name, leaf), g in zip(at.items(), found, strict=True)}


def held_constant(monkeypatch: pytest.MonkeyPatch, objective: Objective, answers: Answers) -> Callable[[Leaves], float]:
    """The loss as a function of the leaves, with all that it detaches held at its value for ``answers``."""
    original, kept = torch.Tensor.detach, []

    def record(self: Tensor) -> Tensor:
        kept.append(original(self))
        return kept[-1]

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "detach", record)
        objective(answers)

    def loss(new: Leaves) -> float:
        replayed = iter(kept)
        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "detach", lambda _: next(replayed))
            return float(objective(put(answers, new)))

    return loss


def test_all_objectives_are_found() -> None:
    names = {type(objective).__name__ for objective in EVERY}
    assert {"CrossEntropy", "NegativePreference", "SimpleNegativePreference", "Misdirection", "FLAT"} <= names
    assert len({type(objective).__module__ for objective in EVERY}) == len(
        list(pkgutil.iter_modules(objectives.__path__))
    )


@for_every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_is_one_finite_number_of_the_models_precision(objective: Objective, dtype: torch.dtype) -> None:
    loss = objective(batch(dtype=dtype))
    assert loss.shape == () and loss.dtype == dtype
    assert torch.isfinite(loss)
    torch.testing.assert_close(loss.double(), objective(batch()), rtol=1e-4, atol=1e-5)


@for_every
def test_the_loss_stays_finite_where_the_model_is_certain(objective: Objective) -> None:
    sure = batch()
    for part in (sure, sure.rival):
        assert part is not None
        part.logits.zero_().scatter_(-1, part.labels[:, None], 80.0)
    assert torch.isfinite(objective(sure))
    assert all(torch.isfinite(g).all() for g in gradients(objective, sure).values())


@for_every
def test_the_gradient_equals_finite_differences(objective: Objective, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = batch(1)
    found, loss = gradients(objective, answers), held_constant(monkeypatch, objective, answers)
    assert any(bool(g.abs().max() > 1e-6) for g in found.values()), "no gradient at all"
    for name, leaf in leaves(answers).items():
        expected = torch.zeros_like(leaf)
        for i in range(leaf.numel()):
            nudge = torch.zeros_like(leaf).flatten()
            nudge[i] = STEP
            up, down = (leaves(answers) | {name: leaf + sign * nudge.view_as(leaf)} for sign in (1, -1))
            expected.view(-1)[i] = (loss(up) - loss(down)) / (2 * STEP)
        torch.testing.assert_close(found[name], expected, rtol=1e-5, atol=1e-6)


@for_every
def test_the_order_of_records_does_not_matter(objective: Objective) -> None:
    torch.testing.assert_close(objective(batch(2)), objective(pick(batch(2), [2, 0, 1])))


@for_every
def test_micro_batches_join_exactly_as_promised(objective: Objective) -> None:
    whole = batch(3)
    weights = [n / sum(LENGTHS) for n in LENGTHS] if objective.mean_over == "rows" else [1 / 3] * 3
    parts = [objective(pick(whole, [record])) for record in range(3)]
    joined = sum((weight * part for weight, part in zip(weights, parts, strict=True)), torch.zeros(()))
    torch.testing.assert_close(objective(whole), joined.double())
    pair = weights[0] + weights[2]
    torch.testing.assert_close(objective(whole), pair * objective(pick(whole, [0, 2])) + weights[1] * parts[1])


@for_every
def test_a_records_gradient_does_not_depend_on_other_records(objective: Objective) -> None:
    here, there = batch(4), batch(5)
    assert here.rival is not None and there.rival is not None
    own = here.owner == 0
    first = {"logits": own, "hidden": own, "rival": here.rival.owner == 0, "routing": own}
    mixed = {name: torch.where(first[name][:, None], leaf, leaves(there)[name]) for name, leaf in leaves(here).items()}
    before, after = gradients(objective, here), gradients(objective, put(here, mixed))
    for name, mask in first.items():
        torch.testing.assert_close(before[name][mask], after[name][mask])


@for_every
def test_the_reference_is_used_where_it_is_asked_for_and_only_there(objective: Objective) -> None:
    full, other = batch(6), batch(7)
    assert full.rival is not None
    changed = dataclasses.replace(full, reference=other.reference)
    bare = dataclasses.replace(full, reference=None, rival=dataclasses.replace(full.rival, reference=None))
    if objective.needs_reference:
        assert float(objective(changed)) != pytest.approx(float(objective(full)))
        with pytest.raises(ValueError, match="reference"):
            objective(bare)
        assert (objective.needs_reference == "rows") == (not _knows_labels_enough(objective, full, bare))
    else:
        assert float(objective(bare)) == float(objective(full))


def _knows_labels_enough(objective: Objective, full: Answers, bare: Answers) -> bool:
    """Whether the reference's log-probabilities of the labels alone give the same loss."""
    assert bare.rival is not None and full.rival is not None
    rival = dataclasses.replace(bare.rival, reference_labels=full.rival.reference_logp)
    labels = dataclasses.replace(bare, reference_labels=full.reference_logp, rival=rival)
    try:
        return float(objective(labels)) == pytest.approx(float(objective(full)))
    except ValueError:
        return False


@for_every
def test_hidden_states_are_used_where_a_layer_is_named_and_only_there(objective: Objective) -> None:
    full = batch(8)
    bare = dataclasses.replace(full, hidden=None, reference_hidden=None)
    if hasattr(objective, "layer"):
        assert isinstance(objective.layer, int | float)
        with pytest.raises(ValueError, match="hidden"):
            objective(bare)
    else:
        assert float(objective(bare)) == float(objective(full))


@for_every
def test_the_references_hidden_states_are_used_where_it_says_so_and_only_there(objective: Objective) -> None:
    full = batch(10)
    bare = dataclasses.replace(full, reference_hidden=None)
    if getattr(objective, "needs_reference_hidden", False):
        with pytest.raises(ValueError, match="hidden"):
            objective(bare)
    else:
        assert float(objective(bare)) == float(objective(full))


@for_every
def test_a_router_is_looked_at_where_it_is_asked_for_and_only_there(objective: Objective) -> None:
    full = batch(11)
    for bare in (dataclasses.replace(full, routing=None), dataclasses.replace(full, anchor=None)):
        if getattr(objective, "needs_routing", False):
            with pytest.raises(ValueError, match="router"):
                objective(bare)
        else:
            assert float(objective(bare)) == float(objective(full))


@for_every
def test_rival_answers_are_used_where_two_are_compared_and_only_there(objective: Objective) -> None:
    full = batch(9)
    alone = dataclasses.replace(full, rival=None)
    if getattr(objective, "compares", False):
        with pytest.raises(ValueError, match="rival"):
            objective(alone)
    else:
        assert float(objective(alone)) == float(objective(full))


@for_every
def test_an_objective_is_a_value_that_a_recipe_can_hold(objective: Objective) -> None:
    again = canonical.from_plain(json.loads(canonical.dumps(objective)))
    assert again == objective and hash(again) == hash(objective) and type(again) is type(objective)
    assert type(objective).__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert objective.mean_over in ("rows", "records")


@for_every
def test_the_source_or_the_formula_is_told(objective: Objective) -> None:
    told = f"{sys.modules[type(objective).__module__].__doc__} {type(objective).__doc__}"
    assert re.search(r"arXiv \d{4}\.\d{5}", told) or "loss = " in told
    assert "loss = " in str(type(objective).__doc__)
