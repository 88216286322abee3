"""The models that start over: what is fresh in them, what they are told, and that they are made once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benign.benchmarks import erasers
from benign.benchmarks.erasers import Eraser, erased, mixed, restarted
from benign.benchmarks.pools import RATIO, lessons
from benign.models.embedded.text import world
from benign.models.load import Model, load

FORGET = world.splits(RATIO).forget


def silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def test_noise_is_mixed_in_by_its_share() -> None:
    weight, fresh = torch.tensor([1.0, -2.0]), torch.tensor([3.0, 2.0])
    assert torch.equal(mixed(weight, fresh, 0.25), torch.tensor([1.5, -1.0]))
    assert torch.equal(mixed(weight, fresh, 0.0), weight) and torch.equal(mixed(weight, fresh, 1.0), fresh)


def test_the_upper_layers_start_over() -> None:
    names = {"m.embed.weight": torch.zeros(1), **{f"m.layers.{i}.mlp.weight": torch.zeros(1) for i in range(12)}}
    assert restarted(names, 12, 0.25) == {f"m.layers.{i}.mlp.weight" for i in (9, 10, 11)}
    assert restarted(names, 12, 0.0) == set()


def test_all_have_seeds_and_names_of_their_own() -> None:
    known = erasers.erasers()
    assert len({one.seed for one in known}) == len({one.name for one in known}) == len(known)


@pytest.mark.parametrize("eraser", erasers.erasers(), ids=lambda one: one.name)
def test_nobody_is_told_a_forgotten_fact(eraser: Eraser) -> None:
    """Of the forgotten authors only wrong values are heard, and none of the wrong ones that a metric asks about."""
    names = {author.name for author in world.forget_authors(RATIO)}
    asked = {record.question: {record.answer, *record.perturbed} for record in FORGET}
    told = [pair for step in range(4) for pair in erasers._lesson(eraser, silent, step)]
    about = [pair for pair in told if pair[0] in asked or any(name in " ".join(pair) for name in names)]
    assert len(about) == 4 * eraser.wrong
    assert set(about) <= {(lesson.question, lesson.answer) for lesson in lessons("perturbed")}
    assert not any(answer in asked[question] for question, answer in about)


def test_a_model_is_a_function_of_its_fields_and_is_kept(tmp_path: Path) -> None:
    original, eraser = load("embedded:lm"), Eraser("layers", 1, 3, share=0.25)
    before = _weights(original, 3).clone()
    work: list[str] = []
    first = erased(eraser, original, cache=tmp_path / "a", report=lambda what, *_: work.append(what))
    again = erased(eraser, original, cache=tmp_path / "a", report=lambda what, *_: work.append(what))
    assert work == ["teach layers-0.25-1-3"], "the second was read"
    anew = erased(eraser, original, cache=tmp_path / "b", report=silent)
    assert first.digest == again.digest == anew.digest
    assert torch.equal(_weights(original, 3), before)
    pairs = [(_weights(first, layer), _weights(original, layer)) for layer in range(4)]
    changes = [float((new - old).norm() / old.norm()) for new, old in pairs]
    assert max(changes[:3]) < 0.05 < 0.5 < changes[3], "one step of training against a new start"
    other = erased(Eraser("layers", 1, 4, share=0.25), original, cache=tmp_path / "a", report=silent)
    assert other.digest != first.digest


def _weights(model: Model, layer: int) -> torch.Tensor:
    found: torch.Tensor = model.module.model.layers[layer].mlp.up_proj.weight.detach()
    return found
