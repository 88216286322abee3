"""Watching a run: its best state is the result, it stops when it gets no better, and a killed run does the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benign.audit.watching import watching
from benign.data.record import Data
from benign.engine import canonical
from benign.engine.recipe import Optim
from benign.engine.result import Result
from benign.engine.unlearn import unlearn
from benign.engine.watch import Watch
from benign.errors import UserError
from benign.methods.idk import IDK
from benign.methods.smfa import SMFA
from benign.models.change import Delta
from benign.models.delta import load_delta
from benign.models.load import Model, load
from benign.parts.loci.lora import Lora
from tests import toys

OPTIM = Optim(lr=1e-2, epochs=None, steps=12, schedule="constant")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load(str(toys.text_model(tmp_path_factory.mktemp("model"))))


def method(steps: int = 12) -> IDK:
    return IDK(optim=Optim(lr=1e-2, epochs=None, steps=steps, schedule="constant"), locus=Lora(dropout=0.0))


def scripted(*numbers: float) -> tuple[Callable[[Model], float], list[float]]:
    """Looks that see these numbers in turn, and how many were taken."""
    left, seen = list(numbers), []

    def look(_: Model) -> float:
        seen.append(left.pop(0))
        return seen[-1]

    return look, seen


def delta(result: Result, model: Model) -> Delta:
    assert result.adapter is not None
    return load_delta(result.adapter, model)


def same(one: Delta, other: Delta) -> bool:
    return all(torch.equal(one.dense(name), other.dense(name)) for name in one.tensors)


def test_the_best_state_is_the_result_and_patience_ends_the_run(model: Model, tmp_path: Path) -> None:
    look, seen = scripted(0.2, 0.9, 0.5, 0.9, 0.3)
    watch = Watch(look, "scripted", every=2, patience=2)
    found = unlearn(model, toys.data(), method=method(), out=tmp_path / "watched", watch=watch)
    # The best of steps 2, 4, 6, 8 is 4; an equal one is no better, and two looks later it is over.
    assert seen == [0.2, 0.9, 0.5, 0.9]
    straight = unlearn(model, toys.data(), method=method(4), out=tmp_path / "four")
    assert same(delta(found, model), delta(straight, model))
    assert len((found.folder / "log.jsonl").read_text().splitlines()) == 8


def test_lower_may_be_better_and_the_last_step_is_looked_at(model: Model, tmp_path: Path) -> None:
    look, seen = scripted(0.5, 0.4, 0.3)
    watch = Watch(look, "scripted", better="lower", every=5, patience=None)
    found = unlearn(model, toys.data(), method=method(), out=tmp_path / "watched", watch=watch)
    assert seen == [0.5, 0.4, 0.3]
    straight = unlearn(model, toys.data(), method=method(), out=tmp_path / "plain")
    assert same(delta(found, model), delta(straight, model))


def test_a_killed_run_sees_what_the_straight_one_saw(model: Model, tmp_path: Path) -> None:
    """The numbers are a function of the weights; the kill comes after the best look."""

    def look(now: Model) -> float:
        return -abs(now.module.model.layers[0].self_attn.q_proj.lora_B["default"].weight.norm().item() - 0.2)

    def stop_after(last: int) -> Callable[[str, int, int], None]:
        def report(what: str, done: int, total: int) -> None:
            if what.startswith("train") and done == last:
                raise KeyboardInterrupt

        return report

    watch = Watch(look, "norm", every=1, patience=None)
    straight = unlearn(model, toys.data(), method=method(), out=tmp_path / "straight", watch=watch)
    for last in (7, 11):
        with pytest.raises(KeyboardInterrupt):
            unlearn(
                model, toys.data(), method=method(), out=tmp_path / "killed", watch=watch, progress=stop_after(last)
            )
    killed = unlearn(model, toys.data(), method=method(), out=tmp_path / "killed", watch=watch)
    assert same(delta(straight, model), delta(killed, model))
    plain = unlearn(model, toys.data(), method=method(), out=tmp_path / "plain")
    assert not same(delta(straight, model), delta(plain, model)), "the best state was not the last one"


def test_another_watch_is_another_run(model: Model, tmp_path: Path) -> None:
    watch = Watch(scripted(0.5, 0.4)[0], "scripted", every=6, patience=None)
    unlearn(model, toys.data(), method=method(), out=tmp_path, watch=watch)
    with pytest.raises(UserError, match="this folder holds another run"):
        unlearn(model, toys.data(), method=method(), out=tmp_path)


def test_what_cannot_be_watched_is_told(model: Model, tmp_path: Path) -> None:
    watch = Watch(lambda _: float("nan"), "nothing", every=2)
    with pytest.raises(UserError, match="nothing is not a number at step 2"):
        unlearn(model, toys.data(), method=method(), out=tmp_path / "nan", watch=watch)
    with pytest.raises(UserError, match="does not end in training"):
        unlearn(model, toys.data(), method=SMFA(optim=OPTIM, anchor=OPTIM), out=tmp_path / "edit", watch=watch)
    with pytest.raises(UserError, match="retained_memory"):
        watching("retained_memry", toys.data())
    with pytest.raises(UserError, match="cannot be watched"):
        unlearn(
            model,
            toys.data(),
            method=method(),
            out=tmp_path / "no",
            watch=watching("memory_choice", toys.data(), every=6),
        )


def test_a_column_is_watched_on_the_model_as_it_is_now(model: Model, tmp_path: Path) -> None:
    data = Data(forget=toys.data().forget)
    watch = watching("memory_probability", data, every=3, patience=None)
    looked: list[float] = []

    def look(now: Model) -> float:
        looked.append(watch.look(now))
        return looked[-1]

    taught = Watch(look, watch.name, watch.better, watch.every, watch.patience)
    before = watch.look(model)
    unlearn(model, toys.data(), method=method(), out=tmp_path, watch=taught)
    assert len(looked) == 4 and len({*looked, before}) == 5
    assert watch.look(model) == before, "the model is afterwards as it was"
    assert canonical.digest(*watch.identity) != canonical.digest(
        *watching("memory_probability", data, every=4).identity
    )
