"""A probe reads what is linearly there, does not read what is not, and never learns from the subject it reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import toys
from audit.attacks.grounds import bits, delta, ground, model
from benign.audit.attacks import probe
from benign.audit.attacks.hidden import states
from benign.audit.attacks.probe import Probe, decoded
from benign.audit.score import Score
from benign.data.record import Data, Record
from benign.engine.serve import Served, stacked
from benign.errors import NotMeasured
from benign.models.load import Model

CITIES = ("rome", "oslo", "lima", "cairo")


def people(count: int = 60) -> list[Record]:
    return [
        Record(f"p{i}", f"p{i}", question="where ?", answer=CITIES[i % 4], options=(*CITIES, "paris"))
        for i in range(count)
    ]


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 32)).astype(np.float32)


def share(found: np.ndarray, records: list[Record], asked: int) -> float:
    read = decoded(found, records, asked)
    return sum(answer == records[place].gold for place, answer in read.items()) / len(read)


def test_an_answer_that_is_linearly_there_is_read() -> None:
    records, found = people(), noise(60)
    for i in range(60):
        found[i, 4 + i % 4] += 6.0
    assert list(decoded(found, records, 20)) == list(range(20))
    assert share(found, records, 20) == 1.0


def test_an_answer_that_is_not_there_is_guessed() -> None:
    """Four answers: a quarter is chance; 0.5 of 60 would be four standard deviations away."""
    assert 0.1 < share(noise(60), people(), 60) < 0.45


def test_what_tells_the_subjects_apart_and_not_the_answers_is_of_no_use() -> None:
    """A probe that saw the subject it reads would be right every time: each subject has a direction of its own."""
    records = [
        Record(f"p{i}-{fact}", f"p{i}", question=f"which {fact} ?", answer=CITIES[i % 4])
        for i in range(24)
        for fact in range(3)
    ]
    found = np.repeat(8 * np.eye(24, dtype=np.float32), 3, axis=0)
    assert share(found, records, len(records)) < 0.5


def test_only_possible_answers_are_picked() -> None:
    records, found = people(), noise(60)
    records[0] = Record("p0", "p0", question="where ?", answer="rome", options=("rome", "oslo"))
    found[0, :] = 0
    for i in range(60):
        found[i, 4 + i % 4] += 6.0
    found[0] = found[2]  # looks like lima, which is no choice
    assert decoded(found, records, 1)[0] in ("rome", "oslo")
    # Without choices all answers to the same question are possible, and those to other questions are not.
    records = [Record(r.id, r.subject, question=r.question, answer=r.answer) for r in records]
    records += [Record(f"q{i}", f"q{i}", question="which pet ?", answer=("cat", "dog")[i % 2]) for i in range(20)]
    found = np.concatenate([found, noise(20)])
    assert set(decoded(found, records, 60).values()) <= set(CITIES)


def test_an_answer_that_nobody_else_has_is_left_out() -> None:
    records, found = people(), noise(60)
    records[3] = Record("p3", "p3", question="where ?", answer="kyiv")
    assert 3 not in decoded(found, records, 10) and len(decoded(found, records, 10)) == 9


def test_two_answers_are_enough() -> None:
    records = [Record(f"p{i}", f"p{i}", question="?", answer=("no", "yes")[i % 2]) for i in range(20)]
    found = np.zeros((20, 3), np.float32)
    found[:, 0] = [10.0 * (i % 2) for i in range(20)]
    assert share(found, records, 20) == 1.0


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return model(tmp_path_factory.mktemp("toy"))


def test_the_state_is_the_layers_own_at_the_end_of_the_question(toy: Model) -> None:
    """Against transformers' own hidden states, record by record, with the delta on."""
    served, records = Served(toy, (delta(toy),), batch=2), toys.records(toys.PEOPLE[:3])
    told: list[tuple[int, int]] = []
    for layer, place in ((0, 1), (-1, 2)):
        found = states(served, records, layer, lambda *step: told.append(step))
        for row, record in zip(found, records, strict=True):
            inputs = toy.encoder.prompt(record).inputs
            with torch.no_grad(), stacked(toy, served.deltas):
                hidden = toy.module.model(**inputs, output_hidden_states=True).hidden_states
            wanted = hidden[place][0, -1]
            if place == 2:  # transformers shows the last one behind the norm
                row = toy.module.model.norm(torch.from_numpy(row)).detach().numpy()
            np.testing.assert_allclose(row, wanted.numpy(), atol=1e-5)
    assert told[:3] == [(2, 6), (4, 6), (6, 6)]


def test_the_whole_attack_on_a_toy(toy: Model, tmp_path: Path) -> None:
    before = bits(toy)
    shared = [
        Record(f"r{i}", f"r{i}", question=f"where does {toys.PEOPLE[i + 1]} live ?", answer="rome") for i in range(2)
    ]
    data = Data(forget=toys.data().forget, retain=(*toys.data().retain, *shared))
    found = Probe()(ground(Served(toy), Served(toy), tmp_path, data=data))
    # Of ann's two answers only her city is somebody else's too.
    assert isinstance(found.score, Score) and found.score.n == 1
    assert [(o.record, o.gold) for o in found.evidence] == [("ann/city", "rome")]
    assert bits(toy) == before


def test_what_cannot_be_probed_is_said(toy: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def score(data: Data) -> object:
        return Probe()(ground(Served(toy), Served(toy), tmp_path, data=data)).score

    assert score(Data(forget=toys.data().forget)) == NotMeasured(
        "a probe needs memory questions about two subjects at least"
    )
    assert score(toys.data()) == NotMeasured("no forgotten answer is another subject's too: nothing to learn to read")
    monkeypatch.setattr(probe, "find_spec", lambda name: None)
    assert score(toys.data()) == NotMeasured("scikit-learn is not installed: pip install 'benign[probe]'")
