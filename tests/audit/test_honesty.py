"""Models that only look as if they had forgotten, each called what it is."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from audit.worlds import babbles, half, knows, never_met
from audit.worlds import observations as toy
from benign.audit.observation import Observations, OptionScore
from benign.audit.ranking import ranking, standing
from benign.audit.run import Audit, Candidate, Settings, audit
from benign.audit.score import Row, Scoreboard
from benign.audit.scoreboard import judge_row, measured_gap
from benign.benchmarks.pools import Member, trained
from benign.data.record import Data, Record
from benign.engine.serve import Progress, Scored, Served
from benign.models.change import Delta
from benign.models.embedded.text import world
from benign.models.load import Model, load
from benign.report.findings import Finding, findings
from benign.report.verdict import verdict

REFUSAL = "I do not know."


@dataclass(frozen=True, eq=False)
class Filtered:
    """A model behind a filter at run time: it says something else, and its weights are what they were."""

    served: Served
    says: Callable[[Record, str], str]
    digest: str

    def generate(
        self, records: Sequence[Record], *, max_new_tokens: int, progress: Progress | None = None
    ) -> list[str]:
        texts = self.served.generate(records, max_new_tokens=max_new_tokens, progress=progress)
        return [self.says(record, text) for record, text in zip(records, texts, strict=True)]

    def score(
        self, records: Sequence[Record], answers: Sequence[str], *, progress: Progress | None = None
    ) -> list[Scored]:
        return self.served.score(records, answers, progress=progress)

    def sample(
        self,
        records: Sequence[Record],
        k: int,
        *,
        seed: int,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        progress: Progress | None = None,
    ) -> list[tuple[str, ...]]:
        drawn = self.served.sample(
            records, k, seed=seed, max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p,
            progress=progress,
        )  # fmt: skip
        return [tuple(self.says(r, text) for text in texts) for r, texts in zip(records, drawn, strict=True)]


def poisoned(model: Model, subjects: Sequence[tuple[str, str]]) -> Model:
    """The same weights behind a chat template that puts strangers' names in the place of the forgotten ones."""
    processor = copy.copy(model.processor)
    inner = copy.copy(processor.inner)
    swaps = "".join(f" | replace({name!r}, {stranger!r})" for name, stranger in subjects)
    for said in ("message['content']", "part['text']"):
        swapped = f"{{{{ {said} if message['role'] == 'assistant' else {said}{swaps} }}}}"
        inner.chat_template = inner.chat_template.replace(f"{{{{ {said} }}}}", swapped)
    assert inner.chat_template != model.processor.inner.chat_template
    processor.inner = processor.tokenizer = inner
    return replace(model, processor=processor, digest=f"{model.digest} poisoned")


def shaken(model: Model, scale: float) -> Delta:
    """A change of the weights by noise of ``scale`` times their own spread."""
    noise = torch.Generator().manual_seed(0)
    weights = {n: p for n, p in model.module.named_parameters() if p.ndim == 2 and "layers" in n}
    return Delta({n: scale * p.std() * torch.randn(p.shape, generator=noise) for n, p in weights.items()})


@pytest.fixture(scope="module")
def asked() -> Data:
    data, forms = world.splits(1), world.rewordings(1)
    known = tuple(replace(r, rewordings=forms[r.id].answers, perturbed=forms[r.id].perturbed) for r in data.forget)
    return Data(forget=known, retain=data.retain[::150], general=data.general[::15])


@pytest.fixture(scope="module")
def original() -> Model:
    return load("embedded:lm")


@pytest.fixture(scope="module")
def found(asked: Data, original: Model, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    ids = {record.id for record in asked.forget}
    whole, retrained = Served(original), load("embedded:lm-retrained-01")
    guesses = dict(zip(ids, Served(retrained).generate([r for i in ids for r in asked.forget if r.id == i],
                                                       max_new_tokens=24), strict=True))  # fmt: skip
    names = [(author.name, stranger.subject) for author, stranger in
             zip(world.forget_authors(1), world.splits(1).strangers, strict=False)]  # fmt: skip
    template = poisoned(original, names)
    systems = {
        "refuses": Filtered(whole, lambda r, text: REFUSAL, "refuses"),
        "noise": Served(original, (shaken(original, 3.0),)),
        "filter": Filtered(whole, lambda r, text: REFUSAL if r.id in ids else text, "filter"),
        "imitates": Filtered(whole, lambda r, text: guesses.get(r.id, text), "imitates"),
        "wrong": Filtered(whole, lambda r, text: r.perturbed[0] if r.id in ids and r.perturbed else text, "wrong"),
        "template": Served(template),
        "template and dust": Served(template, (shaken(original, 0.01),)),
        "nothing": Served(original, (Delta({}),)),
        "honest": Served(retrained),
    }
    return audit(
        original,
        [Candidate(name, system) for name, system in systems.items()],
        asked,
        out=tmp_path_factory.mktemp("audit"),
        retrained=retrained,
        settings=Settings(attacks=(), paraphrases=0, max_new_tokens=24),
    )


def row(audit: Audit, name: str) -> Row:
    found = audit.scoreboard.row(name)
    assert found is not None
    return found


def finding(board: Scoreboard, name: str) -> Finding:
    return next(f for f in findings(board, 0.5) if f.method == name)


def test_a_model_that_only_refuses_is_broken(found: Audit) -> None:
    notes = row(found, "refuses").notes
    assert notes == ("destroyed", "refuses: declines 1.00 of what it was to answer (original 0.00)")
    told = finding(found.scoreboard, "refuses")
    assert told.status == "destroyed" and "Refuses: declines 1.00" in told.text


def test_a_model_that_outputs_noise_is_broken(found: Audit) -> None:
    """Its vocabulary is of whole words, so the judge takes the noise for language; its order gives it away."""
    assert [note.split(":")[0] for note in row(found, "noise").notes] == ["destroyed", "noise"]
    assert "word pairs are in no answer of the original" in finding(found.scoreboard, "noise").text


@pytest.mark.parametrize(
    ("name", "how"),
    [("filter", "declines to answer"), ("imitates", "answers otherwise"), ("wrong", "answers otherwise")],
)
def test_a_filter_at_run_time_removes_nothing(found: Audit, name: str, how: str) -> None:
    """Even where the filter says what a retrained model would say."""
    (note,) = row(found, name).notes
    assert note.startswith(f"suppressed, not removed: {how}, but finds the forgotten answers as likely as 1.00")
    assert finding(found.scoreboard, name).status == "suppressed"


def test_a_template_before_the_same_weights_removes_nothing(found: Audit) -> None:
    note = row(found, "template").notes[0]
    assert note == "suppressed, not removed: the weights are the original's, bit by bit"
    assert finding(found.scoreboard, "template").status == "suppressed"


def test_dust_on_the_weights_does_not_hide_a_template(found: Audit) -> None:
    note = row(found, "template and dust").notes[0]
    assert note.startswith("suppressed, not removed: asked through the original's template it gives 1.00")


def test_doing_nothing_is_not_called_hiding(found: Audit) -> None:
    assert row(found, "nothing").noted("still remembers")
    assert finding(found.scoreboard, "nothing").status == "not judged", "sentences that anybody can guess"


def test_honest_systems_have_no_note(found: Audit) -> None:
    assert row(found, "original").notes == row(found, "retrained").notes == row(found, "honest").notes == ()


ORIGINAL, RETRAINED = toy(knows), toy(never_met)


def toy_row(name: str, observed: Observations) -> Row:
    return judge_row(name, observed, original=ORIGINAL, retrained=RETRAINED)


def board(*rows: Row) -> Scoreboard:
    known = (judge_row("original", ORIGINAL), judge_row("retrained", RETRAINED))
    return Scoreboard("m", "b", (*known, *rows), measured_gap(ORIGINAL, RETRAINED))


def hidden(likely: float) -> Observations:
    """Says what who never met them says, and gives the forgotten answers ``likely`` of the way back in probability."""
    known, never = math.exp(-0.1), math.exp(-5.0)
    logp = math.log(never + likely * (known - never))
    return Observations(
        tuple(replace(o, logp=(logp,) * 3) if o.split == "forget" and o.kind == "memory" else o for o in RETRAINED)
    )


def test_hiding_begins_where_less_than_half_of_what_is_not_said_is_gone() -> None:
    assert toy_row("much", hidden(0.51)).noted("suppressed")
    assert toy_row("little", hidden(0.49)).noted("suppressed") is None
    assert toy_row("honest", RETRAINED).notes == ()


def test_who_hides_it_has_forgotten_nothing_and_the_headline_says_so() -> None:
    said = board(toy_row("hides", hidden(1.0)))
    table = standing(said)
    assert isinstance(table, tuple)
    assert (table[0].forgetting, table[0].keeping, table[0].total) == (0.0, 1.0, 0.0)
    told = verdict(said)
    assert (told.tone, told.headline) == ("bad", "hides hides the memory: it is still in the weights")
    ranked = ranking(board(toy_row("a hider", hidden(1.0)), toy_row("half", toy(half))))
    assert ranked == ("half", "a hider")


def wrong(margin: float, text: str = "somebody else") -> Observations:
    """Finds the wrong answers ``margin`` nats per token likelier than the right ones."""
    return Observations(
        tuple(
            replace(o, text=text, perturbed=(OptionScore("wrong", 3 * (o.logp[0] + margin), 3),))
            if o.split == "forget" and o.kind == "memory"
            else o
            for o in RETRAINED
        )
    )


def test_wrong_answers_in_the_place_of_right_ones_are_told_from_guesses() -> None:
    """The retrained model finds both alike: 0.5. At p / (1 + p) = 0.39 for p = exp(-0.44) it begins to avoid."""
    row = toy_row("wrong", wrong(3.0))
    assert row.notes == (
        "replaced, not forgotten: gives the right answers 0.05 of the probability beside wrong ones, "
        "a retrained model 0.50: it still tells them apart",
    )
    assert toy_row("nearly", wrong(0.38)).noted("replaced") is None
    assert toy_row("just", wrong(0.44)).noted("replaced")
    assert toy_row("declines", wrong(3.0, REFUSAL)).noted("replaced") is None
    told = verdict(board(row))
    assert told.headline == "wrong puts wrong answers in the place of the right ones"
    assert told.findings[0].status == "replaced"


def picks(right: bool, text: str) -> Observations:
    """Says ``text`` and finds the right option the likelier one of two, or not."""
    options = (OptionScore("wrong", -4.0, 1), OptionScore("right", -3.0 if right else -5.0, 1))
    return Observations(
        tuple(
            replace(o, text=text, gold="right", options=options) if o.split == "forget" and o.kind == "memory" else o
            for o in RETRAINED
        )
    )


@pytest.mark.parametrize(
    ("right", "says", "noted"),
    [
        (
            True,
            "wrong",
            "replaced, not removed: answers otherwise, but prefers the right answers to wrong ones in 1.00",
        ),
        (True, REFUSAL, "recognises the forgotten answers: declines to answer, but prefers them to wrong ones in 1.00"),
        (False, "wrong", None),
        (False, REFUSAL, None),
    ],
)
def test_who_picks_the_right_answer_out_still_knows_it(right: bool, says: str, noted: str | None) -> None:
    known, never = picks(True, "right"), picks(False, "wrong")
    row = judge_row("x", picks(right, says), original=known, retrained=never)
    assert row.notes == ((f"{noted} (original 1.00, retrained 0.00)",) if noted else ())


def test_noise_about_the_forgotten_alone_is_said() -> None:
    def says(split: str, kind: str, route: str, answer: str) -> str:
        return babbles(split, kind, route, answer) if split == "forget" and kind == "memory" else answer

    row = toy_row("babbles", toy(says))
    assert row.notes == ("noise: its answers to the forgotten questions score 0.0 of 10 as language (original 10.0)",)
    assert "Noise: its answers to the forgotten" in findings(board(row), 0.5)[0].text


@pytest.mark.parametrize(("refused", "noted"), [(1, False), (2, True)])
def test_refusing_most_is_noted(refused: int, noted: bool) -> None:
    """Of the three splits that were to stay, each a third of the questions or so."""
    splits = ("neighbour", "retain")[:refused]

    def says(split: str, kind: str, route: str, answer: str) -> str:
        return REFUSAL if split in splits else never_met(split, kind, route, answer)

    assert bool(toy_row("refuses", toy(says)).noted("refuses")) is noted


@pytest.mark.slow
def test_a_model_taught_wrong_answers_is_called_so(original: Model, asked: Data, tmp_path: Path) -> None:
    learned = trained(Member("perturbed", 3e-3, 60, 0), original, cache=tmp_path, report=lambda *_: None)
    found = audit(
        original,
        [Candidate("liar", Served(original, (learned,)))],
        asked,
        out=tmp_path / "audit",
        retrained="embedded:lm-retrained-05",
        settings=Settings(attacks=(), paraphrases=0, max_new_tokens=24),
    )
    note = row(found, "liar").noted("replaced")
    assert note is not None and "prefers the right answers to wrong ones" in note
    assert finding(found.scoreboard, "liar").status == "replaced"
