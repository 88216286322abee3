"""What stands between a question and the weights: nothing removed at all, a filter, or a template that asks something
else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

import torch

from benign.audit.metrics.rouge import recall
from benign.audit.observation import AS_IS, Observations
from benign.audit.plan import Ask, asked_question
from benign.audit.score import SUPPRESSED
from benign.engine.serve import Served, System, stacked
from benign.models.change import parameters
from benign.models.quantized import quantized_linears
from benign.models.shard import own

CAME_BACK = 0.1
"""So much more of the forgotten answers by asking as the original is asked, and the template is what hid them."""
Asking = Callable[[System, Sequence[Ask]], Observations]


def notes(system: System, original: Served, asks: Sequence[Ask], ask: Asking) -> tuple[str, ...]:
    """What the weights say of a system of which they can be seen; nothing of one that only answers.

    Args:
        system: The result as it is deployed.
        original: The original model.
        asks: All asks of the audit.
        ask: Observes a system.
    """
    if not isinstance(system, Served):
        return ()
    if system.guard:
        return filtered(system, original, asks, ask)
    if unchanged(system, original):
        return (f"{SUPPRESSED}, not removed: the weights are the original's, bit by bit",)
    told = _told(asks)
    plain = undressed(system, original, told)
    if plain is None:
        return ()
    through, bare = (fmean(recall(o) for o in ask(one, told)) for one in (system, plain))
    if bare - through <= CAME_BACK:
        return ()
    found = f"asked through the original's template it gives {bare:.2f} of the forgotten answers"
    return (f"{SUPPRESSED}, not removed: {found}, through its own {through:.2f}",)


def filtered(system: Served, original: Served, asks: Sequence[Ask], ask: Asking) -> tuple[str, ...]:
    """A guard is a filter and no erasure: what comes back with it off, and how often it stops what it should."""
    bare = Served(system.model, system.deltas, system.batch)
    whose = "weights that are the original's, bit by bit" if unchanged(bare, original) else "changed weights"
    said = f"{SUPPRESSED}, not removed: a filter stands before {whose}"
    if told := _told(asks):
        own, open_ = (fmean(recall(o) for o in ask(one, told)) for one in (system, bare))
        said += f"; with it off they give {open_:.2f} of the forgotten answers, with it on {own:.2f}"
    return (said, *_precision(system, asks))


def _precision(system: Served, asks: Sequence[Ask]) -> tuple[str, ...]:
    """The detector's recall and its false positives, where it is one that fires or does not."""
    asked = [a for a in asks if asked_question(a.record)]
    on = system.fired([a.record for a in asked])
    if not on:
        return ()
    groups: dict[str, list[float]] = {}
    for a, hit in zip(asked, on, strict=True):
        words = "of all that is to be answered"
        if a.split == "forget" and a.record.kind == "memory":
            words = "of the forgotten questions" if a.view == AS_IS else "of them in other words"
        groups.setdefault(words, []).append(float(hit))
    shares = [f"{fmean(hits):.2f} {words}" for words, hits in groups.items()]
    return (f"the filter fires on {', '.join(shares)}",)


def _told(asks: Sequence[Ask]) -> list[Ask]:
    """The forgotten questions, as they are."""
    found = [a for a in asks if (a.split, a.view) == ("forget", AS_IS) and a.record.kind == "memory"]
    return [a for a in found if asked_question(a.record)]


def unchanged(system: Served, original: Served) -> bool:
    """Whether the weights, as they are deployed, are the original's bit by bit."""
    mine, first = parameters(system.model.module), parameters(original.model.module)
    if mine.keys() != first.keys():
        return False
    touched = {name for delta in system.deltas for name in delta.tensors}
    few_bits = quantized_linears(system.model.module)
    if any(name in few_bits and delta.dense(name).any() for delta in system.deltas for name in delta.tensors):
        # There a change is added to what the layer computes.
        return False
    if system.model.module is original.model.module:
        before = {name: first[name].detach().clone() for name in touched}
    else:
        before = {name: weight.detach() for name, weight in first.items()}
    with stacked(system.model, system.deltas):
        pairs = ((own(mine[name].detach()), own(weight)) for name, weight in before.items())
        same = all(torch.equal(now, then.to(now.device)) for now, then in pairs)
    shards = system.model.shards
    return not shards.most(int(not same)) if shards else same


def undressed(system: Served, original: Served, asks: Sequence[Ask]) -> Served | None:
    """The system behind the original's processor; None where its own puts every question in the same tokens."""
    ours, first = system.model.encoder, original.model.encoder
    if system.model is original.model or all(
        torch.equal(ours.prompt(a.record).inputs["input_ids"], first.prompt(a.record).inputs["input_ids"]) for a in asks
    ):
        return None
    bare = replace(system.model, processor=original.model.processor, digest=f"{system.model.digest}, undressed")
    return Served(bare, system.deltas, system.batch)
