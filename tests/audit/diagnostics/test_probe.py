"""A probe finds what is written in the states and does not find what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audit.inner import data, served, silent
from benign.audit.diagnostics.probe import Probe, decoded
from benign.audit.score import Score
from benign.data.record import Data
from benign.errors import NotMeasured

ITEMS, WIDTH, EMBEDDED = 120, 24, 5


def world(seed: int) -> tuple[list[np.ndarray], list[str], np.random.Generator]:
    """Answers with three rivals each, and whose they are: 30 subjects with four each."""
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(4, EMBEDDED)) for _ in range(ITEMS)], [str(i // 4) for i in range(ITEMS)], generator


def test_what_is_written_is_read() -> None:
    choices, groups, generator = world(0)
    mixing = generator.normal(size=(EMBEDDED, WIDTH))
    states = np.stack([c[0] for c in choices]) @ mixing + 0.3 * generator.normal(size=(ITEMS, WIDTH))
    assert decoded(states, choices, groups).mean() > 0.95


def test_noise_is_chance() -> None:
    choices, groups, generator = world(1)
    found = decoded(generator.normal(size=(ITEMS, WIDTH)), choices, groups).mean()
    assert abs(found - 0.25) < 3 * np.sqrt(0.25 * 0.75 / ITEMS)


def test_knowing_whose_question_it_is_is_not_knowing_the_answer() -> None:
    """One answer per subject and states that name the subject: a probe tested on subjects that it was trained on
    would be right every time."""
    choices, groups, generator = world(2)
    choices = [np.concatenate([choices[4 * (i // 4)][:1], c[1:]]) for i, c in enumerate(choices)]
    names = generator.normal(size=(30, WIDTH))
    states = np.stack([names[int(g)] for g in groups])
    assert decoded(states, choices, groups).mean() < 0.45
    assert decoded(states, choices, [str(i) for i in range(ITEMS)]).mean() > 0.8


def test_helpers_teach_and_are_not_tested() -> None:
    choices, groups, generator = world(3)
    mixing = generator.normal(size=(EMBEDDED, WIDTH))
    states = np.stack([c[0] for c in choices]) @ mixing
    few = ["" if i >= 8 else g for i, g in enumerate(groups)]
    assert len(decoded(states, choices, few)) == 8
    alone = decoded(states[:8], choices[:8], groups[:8]).mean()
    assert decoded(states, choices, few).mean() == 1 > alone
    with pytest.raises(ValueError, match="two groups"):
        decoded(states[:4], choices[:4], groups[:4])


def test_models_that_know_nothing_are_not_measured(tmp_path: Path) -> None:
    """Random models: chance among three answers in every layer, so that no number about the unlearned one is given."""
    original, other = served(tmp_path, 0), served(tmp_path, 1)
    found = Probe()(other, original, None, data(), silent)
    assert found.score == NotMeasured("no layer of the original tells the answers from chance") or isinstance(
        found.score, Score
    )
    assert found.layers["chance"] == pytest.approx((1 / 3, 1 / 3))
    assert set(found.layers) == {"original", "unlearned", "chance"}
    assert isinstance(Probe()(other, original, None, Data(forget=data().forget[:2]), silent).score, NotMeasured)
