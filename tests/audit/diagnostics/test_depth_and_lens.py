"""The depth score and the logit lens on tiny models: both ends, the last layer, and a sum worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from audit.inner import asked, data, served, silent
from benign.audit.diagnostics import Diagnosis
from benign.audit.diagnostics.depth import Depth, losses
from benign.audit.diagnostics.erased import erased
from benign.audit.diagnostics.lens import Lens, read_layers
from benign.audit.diagnostics.telling import Told, telling
from benign.audit.score import Score
from benign.data.record import Data, Record
from benign.engine.serve import Served
from benign.errors import NotMeasured
from benign.models.delta import Delta


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Served, Served]:
    folder = tmp_path_factory.mktemp("inner")
    return served(folder, 0), served(folder, 1)


def towards(one: Served, other: Served, share: float, only: str = "") -> Served:
    """The first model with a dense change that makes it the other one, wholly or in part."""
    target = dict(other.model.module.named_parameters())
    change = {
        name: (share * (target[name] - p)).detach()
        for name, p in one.model.module.named_parameters()
        if name.startswith(only)
    }
    return Served(one.model, (Delta(change),))


def score(found: Diagnosis) -> float:
    assert isinstance(found.score, Score), found.score
    return found.score.value


@pytest.mark.parametrize("diagnostic", [Depth(), Lens()])
def test_both_ends_are_reached(diagnostic: Depth | Lens, models: tuple[Served, Served]) -> None:
    original, retrained = models
    assert score(diagnostic(original, original, retrained, data(), silent)) == 0
    assert score(diagnostic(retrained, original, retrained, data(), silent)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("diagnostic", [Depth(), Lens()])
def test_a_delta_is_looked_at_and_taken_off(diagnostic: Depth | Lens, models: tuple[Served, Served]) -> None:
    original, retrained = models
    before = {name: p.clone() for name, p in original.model.module.named_parameters()}
    whole = diagnostic(towards(original, retrained, 1.0), original, retrained, data(), silent)
    assert score(whole) == pytest.approx(1, abs=1e-4)
    last = diagnostic(towards(original, retrained, 1.0, "model.layers.1."), original, retrained, data(), silent)
    assert last.layers["erased"][0] in (0, None), "the first layer is the original's"
    assert all(torch.equal(p, before[name]) for name, p in original.model.module.named_parameters())


def test_nothing_to_erase_is_no_zero(models: tuple[Served, Served]) -> None:
    original, other = models
    found = Depth()(other, original, original, data(), silent)
    assert isinstance(found.score, NotMeasured) and found.layers["encoding"] == (0, 0)


def test_reasons(models: tuple[Served, Served]) -> None:
    original, other = models
    for diagnostic in (Depth(), Lens()):
        assert diagnostic(other, original, None, data(), silent).score == NotMeasured("no retrained model given")
        assert isinstance(diagnostic(other, original, other, Data(), silent).score, NotMeasured)
    assert set(Lens()(other, original, None, data(), silent).layers) == {"original", "unlearned"}


def test_the_last_layer_loses_what_the_source_lacks(models: tuple[Served, Served]) -> None:
    """With norm and head shared, D at the last layer is log p of the original minus log p of the source, and the lens
    of the last layer is the source's own answer; both against ``Served.score``, which knows nothing of patches."""
    original, other = models
    source = towards(original, other, 1.0, "model.layers.")
    told = Told.of(original, data().forget, None)
    states = told.states(source)

    def logp(system: Served) -> np.ndarray[tuple[int]]:
        found = system.score(told.records, [r.answer for r in told.records])
        return np.array([s.logp[0] for s in found])  # every answer is one word and the end

    patched = losses(original, told, states, silent, "patch")
    np.testing.assert_allclose(patched[:, -1], logp(original) - logp(source), atol=1e-4)
    np.testing.assert_allclose(read_layers(original, told, states)[:, -1], logp(source), atol=1e-4)
    assert np.abs(patched[:, 0] - patched[:, -1]).max() > 0.05, "the layers do not differ"


def test_one_record_at_a_time_is_the_same(models: tuple[Served, Served]) -> None:
    original, other = models
    half = towards(original, other, 0.5)
    together = Depth()(half, original, other, data(), silent)
    alone = Depth()(half, replace(original, batch=1), other, data(), silent)
    assert 0 < score(together) < 1
    assert score(together) == pytest.approx(score(alone), abs=1e-5)


def test_erasure_by_hand() -> None:
    """Losses of the one that never knew: 1.0, 0.04, 0.5. The middle layer is below the threshold; the unlearned model
    lost a quarter of the first and more than all of the third: (1 * .25 + .5 * 1) / 1.5 = .5."""
    found = erased(np.array([[1.0, 0.04, 0.5], [0.0, 0.05, -1.0]]), np.array([[0.25, 9.0, 0.7], [1.0, 1.0, 1.0]]))
    assert found.records == (pytest.approx(0.5), None), "the second record is encoded nowhere"
    assert found.layers == (pytest.approx(0.25), None, pytest.approx(1.0))
    assert found.encoding == (0.5, 0.0, 0.5)


def test_the_official_codes_number() -> None:
    """``compute_logit_lens_scores`` of gnueaj/unlearning-depth-score (fc31639) on the same arrays; it adds 1e-8."""
    i, layer = np.meshgrid(np.arange(5), np.arange(4), indexing="ij")
    found = erased(np.sin(1.0 + 2 * i + 3 * layer), 0.4 * np.cos(i - layer) + 0.1 * layer)
    records = [value for value in found.records if value is not None]
    assert len(records) == 5 and np.mean(records) == pytest.approx(0.4255085583, abs=1e-7)
    assert found.layers == pytest.approx((0.3688395092, 0.3195211848, 0.5232506251, 0.5210146222), abs=1e-7)
    assert found.encoding == (0.8, 0.2, 0.8, 0.2)


def test_a_gain_is_no_erasure() -> None:
    assert erased(np.array([[1.0]]), np.array([[-3.0]])).records == (0.0,)


def test_rows_belong_to_records(models: tuple[Served, Served]) -> None:
    """Answers of one, two and three telling tokens: which row is whose, which is its first, and the mean of each."""
    said = ("rome", "rome oslo", "lima rome oslo")
    records = [Record(str(i), str(i), question="where does ann live ?", answer=a) for i, a in enumerate(said)]
    told = Told.of(models[0], records, None)
    counts = [len(r.answer.split()) for r in told.records]
    assert sorted(counts) == [1, 2, 3] and torch.bincount(told.owner).tolist() == counts
    words = models[0].model.processor.tokenizer.convert_ids_to_tokens(told.labels.tolist())
    assert words == " ".join(r.answer for r in told.records).split()
    assert [words[i] for i in told.first.tolist()] == [r.answer.split()[0] for r in told.records]
    rows = torch.arange(6.0)
    assert told.mean(rows).tolist() == [rows[told.owner == i].mean() for i in range(3)]


def test_telling_tokens_are_those_that_differ(models: tuple[Served, Served]) -> None:
    """The wrong answers begin and end alike, so one word in the middle remains; without them it is the answer."""
    model = models[0].model
    record = Record("x", "ann", question="which pet has ann ?", answer="ann has cat ?")
    wrong = replace(record, perturbed=("ann has dog ?", "ann has owl ?"))

    def words(r: Record) -> str:
        labels = telling(model, r).labels
        return str(model.processor.tokenizer.decode(labels[labels != -100]))

    assert words(wrong) == "cat"
    assert words(replace(wrong, options=("ann live dog ?",))) == "has cat"
    assert words(record) == words(replace(record, perturbed=("ann has cat ?",))) == "ann has cat ?"
    assert len(asked(("ann",))[0].perturbed) == 2
