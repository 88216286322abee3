"""Behind each kind of filter, every family scores the distribution that it answers from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from benign.data.record import Data, Record
from benign.engine.fitting import OriginalFitting
from benign.engine.guard import Fitted
from benign.engine.guarded import generating, guarded_rows
from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.models.collate import collate, continued
from benign.models.families.family import linear_modules
from benign.models.forward import Around, generate
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.models.vision_cache import VisionCache
from benign.parts.guards.corrupt_prompt import CorruptPrompt
from benign.parts.guards.logit_difference import LogitDifference
from benign.parts.guards.steering import Steering

from . import tiny
from .conftest import BLIND, SHORT, TALL, TWO, WIDE

OFTEN = ("gpt_neox", "qwen2_5_vl", "mllama")
ALL = [pytest.param(name, marks=() if name in OFTEN else pytest.mark.slow) for name in (*tiny.TEXT, *tiny.PICTURES)]
GUARDS = (
    CorruptPrompt(strength=5.0, dims=4, threshold=0.3),
    Steering(layers=(0, -1), steps=2, strength=3.0, ridge=1e-6),
    LogitDifference(depth=1),
)


def records(name: str) -> Data:
    first, *others = (WIDE, TALL, TWO) if name in tiny.PICTURES else (BLIND, SHORT)
    return Data((replace(first, id="f"),), tuple(replace(record, id=f"r{i}") for i, record in enumerate(others)))


def assistant(model: Model) -> Delta:
    """A change of the first layer's matrices."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return 0.5 * torch.randn(*shape, generator=generator)

    names = [name for name in linear_modules(model.module, model.family.language) if ".0." in name]
    sizes = {f"{name}.weight": model.module.get_submodule(name) for name in names}
    return Delta(
        {n: LowRank(drawn(2, part.in_features), drawn(part.out_features, 2), 1.0) for n, part in sizes.items()}
    )  # type: ignore[arg-type]


@contextmanager
def endless(model: Model) -> Iterator[None]:
    ends, model.processor.end_ids = model.processor.end_ids, ()
    try:
        yield
    finally:
        model.processor.end_ids = ends


def spoken(model: Model, asked: tuple[Record, ...], fitted: Fitted) -> tuple[list[list[int]], list[Tensor]]:
    """Three tokens for each record, and the [3, V] log-probabilities that chose them."""
    prompts = [model.encoder.prompt(record) for record in asked]
    batch = collate(prompts, side="left", pad_id=model.processor.pad_id)
    around: Around = generating(model, prompts, batch, fitted, VisionCache())
    seen: list[Tensor] = []
    chosen: dict[int, Tensor] = {}

    @contextmanager
    def watched(rows: Tensor) -> Iterator[None]:
        seen.clear()
        with around(rows):
            yield
        chosen.update({row: torch.stack([step[i] for step in seen]) for i, row in enumerate(rows.tolist())})

    hook = model.module.register_forward_hook(lambda m, a, out: seen.append(out.logits[:, -1].float().log_softmax(-1)))
    try:
        with endless(model):
            said = generate(model, batch, 3, around=watched)
    finally:
        hook.remove()
    return said, [chosen[row] for row in range(len(asked))]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: type(guard).__name__)
@pytest.mark.parametrize("name", ALL)
def test_scores_are_of_the_distribution_that_answers_come_from(
    name: str, guard: Any, model_of: Callable[[str], Model]
) -> None:
    model, data = model_of(name), records(name)
    fitting = OriginalFitting(model, data, 0, guard)
    if isinstance(guard, Steering) and not model.family.mixes:
        with pytest.raises(UserError, match="in passes of their own"):
            guard.fit(fitting, [])
        return
    fitted = Fitted(guard, guard.fit(fitting, [assistant(model)] if hasattr(guard, "assistant") else []).tensors)
    asked = (*data.forget, *data.retain)
    said, chosen = spoken(model, asked, fitted)
    moved = []
    for record, tokens, wanted in zip(asked, said, chosen, strict=True):
        example = continued(model.encoder.prompt(record), torch.tensor(tokens))
        with torch.no_grad():
            found, own = guarded_rows(model, [example], fitted, VisionCache()), packed_rows(model, [example])
        torch.testing.assert_close(found.log_probabilities, wanted, atol=1e-4, rtol=1e-4)
        moved.append(not torch.equal(found.logits, own.logits))
    assert moved[0], "the guard does something to the forgotten question"
