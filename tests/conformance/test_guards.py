"""Every guard gets every check of its axis: a new file in parts/guards is found and tested by itself, on words and on
pictures."""

from __future__ import annotations

import dataclasses
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benign.audit.attacks.tuned import Training
from benign.audit.run import Settings, audit
from benign.audit.score import SUPPRESSED
from benign.data.answers import Answers
from benign.data.batch import Batch
from benign.data.record import Data, Record
from benign.engine import canonical
from benign.engine.fitting import OriginalFitting
from benign.engine.guard import Fitted, load_guard, save_guard
from benign.engine.guarded import generating, guarded_rows
from benign.engine.recipe import Guarded, Recipe
from benign.engine.serve import Served
from benign.engine.unlearn import unlearn
from benign.errors import UserError
from benign.models.change import Delta, LowRank
from benign.models.collate import collate
from benign.models.embedded import world
from benign.models.forward import generate
from benign.models.load import Model, load
from benign.models.pack import packed_rows
from benign.models.vision_cache import VisionCache
from benign.parts import guards
from tests import toys

MORE: dict[str, list[dict[str, Any]]] = {
    "LogitDifference": [{"depth": 1}, {"depth": 2, "filter": 0.0, "preset": "code"}],
    "CorruptPrompt": [{"strength": 3.0}, {"strength": 0.5, "kind": "zero_top", "select": "all", "negatives": "keep"}],
    "Steering": [
        {"layers": (0, -1), "steps": 2, "retained": "keep", "ridge": 1e-3},
        {"layers": (0,), "steps": 1, "ridge": 1e-3, "lift": 64, "recall": "urged", "strength": 2.0},
    ],
}
"""Settings that suit models of two and four layers; a guard that is not here is tried with its defaults."""


def kinds() -> Iterator[type[Any]]:
    for info in pkgutil.iter_modules(guards.__path__, f"{guards.__name__}."):
        for name, kind in vars(import_module(info.name)).items():
            local = isinstance(kind, type) and kind.__module__ == info.name and not name.startswith("_")
            if local and dataclasses.is_dataclass(kind) and hasattr(kind, "fit"):
                yield kind


EVERY = sorted((kind(**settings) for kind in kinds() for settings in MORE.get(kind.__name__, [{}])), key=repr)
WORLDS = ("text", "pictures")
for_every = pytest.mark.parametrize("guard", EVERY, ids=lambda guard: repr(guard)[:40])
in_each_world = pytest.mark.parametrize("where", WORLDS)


@cache
def built(where: str) -> tuple[Model, Data]:
    if where == "text":
        import tempfile

        return load(str(toys.text_model(Path(tempfile.mkdtemp()) / "base"))), of_all_lengths(toys.data())
    data = world.splits(5)
    told = [r for r in data.forget if r.kind == "memory"]
    kept = [r for r in data.few if r.kind == "memory"]
    return load("embedded:vlm"), Data(forget=(*told[:2], *told[-2:]), retain=(*kept[:3], *kept[-3:]))


def of_all_lengths(data: Data) -> Data:
    """Every other question is longer."""
    splits = {name: data.split(name) for name in ("forget", "retain", "few")}
    longer = {
        name: tuple(
            dataclasses.replace(r, question=f"which ? {r.question}") if i % 2 else r for i, r in enumerate(split)
        )
        for name, split in splits.items()
    }
    return Data(**longer)


def inputs(guard: Any, model: Model) -> list[Any]:
    """An assistant for those that take one: a random change of the first layer's matrices."""
    if not hasattr(guard, "assistant"):
        return []
    generator = torch.Generator().manual_seed(1)
    path = re.escape(model.family.layers)
    weights = {
        name: weight
        for name, weight in model.module.named_parameters()
        if re.fullmatch(rf"{path}\.0\..+proj\.weight", name)
    }

    def drawn(*shape: int) -> Tensor:
        return 0.3 * torch.randn(*shape, generator=generator)

    return [Delta({n: LowRank(drawn(2, w.shape[1]), drawn(w.shape[0], 2), 1.0) for n, w in weights.items()})]


@cache
def fitted(guard: Any, where: str) -> Fitted:
    model, data = built(where)
    fit = guard.fit(OriginalFitting(model, data, 0, guard), inputs(guard, model))
    return Fitted(guard, fit.tensors)


def asked(where: str) -> tuple[Record, ...]:
    _, data = built(where)
    return (*data.forget, *data.trainable_retain)


def rows(where: str, guard: Any | None, records: Sequence[Record]) -> Answers:
    model, _ = built(where)
    examples = [model.encoder.full(record) for record in records]
    with torch.no_grad():
        if guard is None:
            return packed_rows(model, examples, vision=VisionCache())
        return guarded_rows(model, examples, fitted(guard, where), VisionCache())


def spoken(where: str, guard: Any | None, records: Sequence[Record], tokens: int) -> tuple[list[list[int]], Tensor]:
    """The generated tokens, nobody ending early, and [steps, records, V] log-probabilities that chose them."""
    model, _ = built(where)
    prompts = [model.encoder.prompt(record) for record in records]
    batch = collate(prompts, side="left", pad_id=model.processor.pad_id)
    seen: list[Tensor] = []
    ends, model.processor.end_ids = model.processor.end_ids, ()
    hook = model.module.register_forward_hook(lambda m, a, out: seen.append(out.logits[:, -1].float().log_softmax(-1)))
    try:
        if guard is None:
            said = generate(model, batch, tokens)
        else:
            around = generating(model, prompts, batch, fitted(guard, where), VisionCache())
            seen.clear()
            said = generate(model, batch, tokens, around=around)
    finally:
        hook.remove()
        model.processor.end_ids = ends
    return said, torch.stack(seen)


def state(model: Model) -> tuple[object, ...]:
    """All that a guard might leave behind: hooks, methods of one model alone, layers, weights."""
    modules = list(model.module.named_modules())
    hooks = [(name, len(m._forward_hooks), len(m._forward_pre_hooks), "forward" in vars(m)) for name, m in modules]
    return hooks, {n: (p.data_ptr(), float(p.detach().double().sum())) for n, p in model.module.named_parameters()}


def test_all_guards_are_found() -> None:
    assert {type(guard).__name__ for guard in EVERY} >= set(MORE)


@for_every
@in_each_world
def test_a_guard_does_something(guard: Any, where: str) -> None:
    """Without this, the checks below could pass on a guard that is never reached."""
    own, behind = rows(where, None, asked(where)), rows(where, guard, asked(where))
    assert not torch.allclose(own.log_probabilities, behind.log_probabilities, atol=1e-4)
    assert torch.equal(own.labels, behind.labels) and torch.equal(own.owner, behind.owner)


@for_every
@in_each_world
def test_scores_are_of_the_distribution_that_answers_come_from(guard: Any, where: str) -> None:
    model, _ = built(where)
    records = asked(where)
    said, logp = spoken(where, guard, records, 4)
    assert len({model.encoder.prompt(r).labels.shape[1] for r in records}) > 1, "some are padded"
    assert all(len(tokens) == 4 for tokens in said)
    for place, (record, tokens) in enumerate(zip(records, said, strict=True)):
        example = _continued(model.encoder.prompt(record), tokens)
        with torch.no_grad():
            found = guarded_rows(model, [example], fitted(guard, where), VisionCache())
        torch.testing.assert_close(found.log_probabilities, logp[:, place], atol=2e-4, rtol=1e-4)


def _continued(prompt: Batch, tokens: list[int]) -> Batch:
    ids = prompt.inputs["input_ids"]
    said = torch.tensor([tokens], dtype=ids.dtype)
    given = {
        **prompt.inputs,
        "input_ids": torch.cat([ids, said], 1),
        "attention_mask": torch.ones(1, ids.shape[1] + len(tokens), dtype=torch.long),
    }
    return Batch(given, torch.cat([torch.full_like(ids, -100), said], 1), prompt.ids)


@pytest.mark.parametrize("guard", [g for g in EVERY if g.spares], ids=lambda guard: repr(guard)[:40])
@in_each_world
def test_what_it_does_not_fire_on_keeps_every_bit(guard: Any, where: str) -> None:
    model, _ = built(where)
    records = asked(where)
    on = torch.tensor(Served(model, guard=fitted(guard, where)).fired(records))
    assert on.any() and not on.all(), "both sorts are in the same batch"
    own, behind = rows(where, None, records), rows(where, guard, records)
    spared = ~on[own.owner]
    assert torch.equal(own.logits[spared], behind.logits[spared])
    for record in range(len(records)):
        mine = own.owner == record
        assert torch.equal(own.logits[mine], behind.logits[mine]) == (not on[record])
    (_, plain), (_, guarded) = spoken(where, None, records, 1), spoken(where, guard, records, 1)
    assert torch.equal(plain[0, ~on], guarded[0, ~on]) and not torch.allclose(plain[0, on], guarded[0, on])


@for_every
@in_each_world
def test_it_does_not_matter_who_else_is_asked(guard: Any, where: str) -> None:
    together = rows(where, guard, asked(where)).log_probabilities
    alone = [rows(where, guard, [record]).log_probabilities for record in asked(where)]
    torch.testing.assert_close(torch.cat(alone), together, atol=2e-4, rtol=1e-4)


@for_every
@in_each_world
def test_the_model_is_as_it_was_and_other_hooks_stay(guard: Any, where: str) -> None:
    model, _ = built(where)
    mine = model.family.layers_of(model.module)[0].register_forward_hook(lambda m, a, out: None)
    try:
        before = state(model)
        rows(where, guard, asked(where))
        served = Served(model, guard=fitted(guard, where))
        served.generate(asked(where), max_new_tokens=2)
        assert state(model) == before
        with pytest.raises(Interrupted):
            served.generate(asked(where), max_new_tokens=2, progress=interrupted)
        assert state(model) == before
    finally:
        mine.remove()


class Interrupted(Exception):
    pass


def interrupted(count: int) -> None:
    raise Interrupted


@for_every
@in_each_world
def test_an_exception_inside_a_pass_leaves_nothing_behind(guard: Any, where: str) -> None:
    model, _ = built(where)
    head = model.family.head_of(model.module)
    fitted(guard, where)
    before = state(model)

    def fail(*_: object) -> None:
        raise Interrupted

    for attempt in (lambda: rows(where, guard, asked(where)), lambda: spoken(where, guard, asked(where), 2)):
        _failing(attempt, head, fail)
        assert state(model) == before


def _failing(attempt: Callable[[], object], head: Any, fail: Callable[..., None]) -> None:
    handle = head.register_forward_hook(fail)
    try:
        with pytest.raises(Interrupted):
            attempt()
    finally:
        handle.remove()


@for_every
@in_each_world
def test_saved_and_read_it_gives_the_same_bits(guard: Any, where: str, tmp_path: Path) -> None:
    model, _ = built(where)
    known = fitted(guard, where)
    save_guard(known, model, tmp_path / "guard")
    assert {path.name for path in (tmp_path / "guard").iterdir()} == {"guard.json", "guard.safetensors"}
    again = load_guard(tmp_path / "guard", model)
    assert again.guard == guard and again.digest == known.digest
    answers = [record.gold for record in asked(where)]
    first, second = (Served(model, guard=g).score(asked(where), answers) for g in (known, again))
    assert first == second


@pytest.mark.parametrize("guard", EVERY[:1], ids=repr)
def test_a_changed_file_and_another_model_are_refused(guard: Any, tmp_path: Path) -> None:
    model, _ = built("text")
    save_guard(fitted(guard, "text"), model, tmp_path)
    with pytest.raises(UserError, match="another model"):
        load_guard(tmp_path, built("pictures")[0])
    about = json.loads((tmp_path / "guard.json").read_text())
    field = next(name for name, value in about["guard"].items() if isinstance(value, float))
    for name, content in (
        ("guard.json", json.dumps({**about, "guard": {**about["guard"], field: 0.123}})),
        ("guard.json", "{"),
        ("guard.safetensors", "0"),
    ):
        kept = (tmp_path / name).read_bytes()
        (tmp_path / name).write_text(content)
        with pytest.raises(UserError, match="changed after"):
            load_guard(tmp_path, model)
        (tmp_path / name).write_bytes(kept)
    assert load_guard(tmp_path, model).digest == fitted(guard, "text").digest


@for_every
@in_each_world
def test_fitting_is_a_function_of_model_and_records(guard: Any, where: str) -> None:
    model, data = built(where)
    before = state(model)
    torch.manual_seed(9)
    again = guard.fit(OriginalFitting(model, data, 0, guard), inputs(guard, model))
    assert Fitted(guard, again.tensors).digest == fitted(guard, where).digest
    assert state(model) == before
    numbers = [number for facts in again.facts.values() for number in facts.values()]
    assert numbers and all(isinstance(n, float) and n == n for n in numbers)


@for_every
def test_a_guard_is_part_of_what_a_system_is(guard: Any) -> None:
    model, _ = built("text")
    assert Served(model, guard=fitted(guard, "text")).digest != Served(model).digest


@for_every
def test_a_guard_is_a_value_that_a_recipe_can_hold(guard: Any) -> None:
    recipe = Recipe((Guarded("guard", guard),), guarantee="suppression")
    again = canonical.from_plain(json.loads(canonical.dumps(recipe)))
    assert again == recipe and hash(again) == hash(recipe)
    assert type(guard).__dataclass_params__.frozen


@for_every
def test_the_source_is_told(guard: Any) -> None:
    assert re.search(r"arXiv \d{4}\.\d{5}", f"{sys.modules[type(guard).__module__].__doc__} {type(guard).__doc__}")


@dataclasses.dataclass(frozen=True)
class Only:
    """A method of one guard."""

    guard: Any

    def recipe(self) -> Recipe:
        return Recipe((Guarded("only", self.guard),), guarantee="suppression")


@pytest.mark.parametrize("guard", [g for g in EVERY if not hasattr(g, "assistant")], ids=lambda g: repr(g)[:40])
def test_an_audit_calls_it_a_filter_and_never_an_erasure(guard: Any, tmp_path: Path) -> None:
    model, data = built("text")
    result = unlearn(model, data, method=Only(guard), out=tmp_path / "run")
    assert result.guard is not None and result.adapter is None and result.model is None
    assert unlearn(model, data, method=Only(guard), out=tmp_path / "run") == result, "finished, and found again"
    made = audit(model, result, data, out=tmp_path / "audit", settings=Settings(attacks=()))
    row = made.scoreboard.rows[-1]
    assert row.guarantee == "suppression"
    assert row.notes[0].startswith(f"{SUPPRESSED}, not removed: a filter") and "bit by bit" in row.notes[0]
    assert any("fires on" in note for note in row.notes) == hasattr(guard, "fires")
    assert "run/guard (the filter" in made.report(tmp_path / "page.html").read_text(encoding="utf-8")
    served = made.candidates[-1].system
    assert served.guard is not None and served.guard.digest == fitted(guard, "text").digest
    # Whoever trains the weights has them, and no filter stands before his copy.
    trained = Training(1, 2)(served, data.forget, seed=0, report=lambda *_: None)
    assert trained.guard is None
