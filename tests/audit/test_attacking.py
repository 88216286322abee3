"""An audit attacks every system alike, keeps what it found, and does not attack again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

import toys
from benign.audit.attacks import Attack, Cost, Found, Ground
from benign.audit.attacks.relearn import Relearn
from benign.audit.metrics.rouge import rouge_l
from benign.audit.plan import Ask
from benign.audit.run import Audit, Candidate, Settings, audit
from benign.audit.score import Score
from benign.audit.scoreboard import load as load_scoreboard
from benign.engine.serve import Served
from benign.errors import NotMeasured, UserError
from benign.models.load import Model, load


class Again:
    """Asks again; ``fail`` is called after that for a system other than the original."""

    cost: ClassVar[Cost] = "fast"

    def __init__(self, fail: Callable[[], None] | None = None) -> None:
        self.fail = fail
        self.calls: list[str] = []

    def __repr__(self) -> str:
        return "Again()"

    def __call__(self, ground: Ground) -> Found:
        self.calls.append(ground.served.digest)
        seen = ground.ask(ground.served, [Ask("forget", "as_is", record) for record in ground.data.forget])
        if self.fail and ground.served.digest != ground.original.digest:
            self.fail()
        return Found(rouge_l(seen, variant="recall"), seen)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Model]:
    folder = tmp_path_factory.mktemp("models")
    return load(str(toys.text_model(folder / "a"))), load(str(toys.text_model(folder / "b", seed=1)))


def audited(models: tuple[Model, Model], out: Path, *attacks: Attack) -> Audit:
    settings = Settings(max_new_tokens=3, attacks=attacks)
    original, other = models
    data = replace(toys.data(), retain=())
    return audit(original, [Candidate("x", Served(other))], data, out=out, retrained=other, settings=settings)


def test_every_system_is_attacked_and_the_outcome_is_on_the_scoreboard(
    models: tuple[Model, Model], tmp_path: Path
) -> None:
    attack = Again()
    found = audited(models, tmp_path, attack)
    # The candidate is the retrained model under another name: what was found of it is found.
    assert attack.calls == [Served(model).digest for model in models]
    assert set(found.attacked) == {"original", "retrained", "x"}
    asked = {o.record for o in found.attacked["x"]["attack_again"].evidence}
    assert asked == {record.id for record in toys.data().forget}
    row = load_scoreboard(tmp_path / "scoreboard.json").row("x")
    assert row is not None
    assert row.metrics["attack_again"] == found.attacked["x"]["attack_again"].score
    assert isinstance(row.metrics["attack_again"], Score) and row.metrics["attack_again"].n == 2
    assert row.metrics["relearned_memory"] == NotMeasured("the attack was not run")


def test_a_resumed_audit_attacks_only_what_is_left(models: tuple[Model, Model], tmp_path: Path) -> None:
    def dies() -> None:
        raise KeyboardInterrupt

    killed = Again(fail=dies)
    with pytest.raises(KeyboardInterrupt):
        audited(models, tmp_path, Relearn(facts=1, steps=1), killed)
    trained = list(tmp_path.glob("observations/*/attack.json"))
    assert len(trained) == 3, "relearning on both models, and one of the other attack"
    resumed = Again()
    first = audited(models, tmp_path / "fresh", Relearn(facts=1, steps=1), Again())
    again = audited(models, tmp_path, Relearn(facts=1, steps=1), resumed)
    assert len(killed.calls) == 2 and resumed.calls == killed.calls[1:]
    assert again.scoreboard == first.scoreboard
    last = Again()
    audited(models, tmp_path, Relearn(facts=1, steps=1), last)
    assert last.calls == []


def test_an_outcome_is_not_taken_for_another_budget_or_other_records(
    models: tuple[Model, Model], tmp_path: Path
) -> None:
    audited(models, tmp_path, Relearn(facts=1, steps=1))
    before = set(tmp_path.glob("observations/*/attack.json"))
    audited(models, tmp_path, Relearn(facts=1, steps=2))
    after = set(tmp_path.glob("observations/*/attack.json"))
    assert len(before) == 2 and len(after) == 4 and before < after


def test_damage_is_seen_and_mended(models: tuple[Model, Model], tmp_path: Path) -> None:
    first = audited(models, tmp_path, Again())
    [mark, *_] = sorted(tmp_path.glob("observations/*/attack.json"))
    for chunk in mark.parent.glob("*.parquet"):
        chunk.write_bytes(chunk.read_bytes()[:-1])
    attack = Again()
    assert audited(models, tmp_path, attack).scoreboard == first.scoreboard
    assert len(attack.calls) == 1


def test_a_failed_attack_is_a_reason_and_is_tried_again(models: tuple[Model, Model], tmp_path: Path) -> None:
    def fails() -> None:
        raise UserError("the loss is not finite")

    row = audited(models, tmp_path, Again(fail=fails)).scoreboard.row("x")
    assert row is not None
    assert row.metrics["attack_again"] == NotMeasured("the attack failed: the loss is not finite")
    board = audited(models, tmp_path, Again()).scoreboard
    assert isinstance(board.rows[-1].metrics["attack_again"], Score)
