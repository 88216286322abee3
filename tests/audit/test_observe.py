from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from audit.answering import Answering, Killed, question
from benign.audit.observation import Observations, OptionScore
from benign.audit.observe import Samples, observe
from benign.audit.plan import Ask, plan
from benign.data.record import Data, Record


def asks(count: int = 10) -> tuple[Ask, ...]:
    options = ("thing 0", "thing 1", "thing 2")
    return plan(Data(forget=tuple(question(i, options=options, paraphrases=(f"tell me {i}",)) for i in range(count))))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_observation_holds_what_the_system_did(tmp_path: Path) -> None:
    system = Answering({"what is 1?": "a wrong thing"})
    first, reworded, second, *_ = observe(system, asks(2), cache=tmp_path)
    assert (first.text, second.text) == ("thing 0", "a wrong thing")
    assert (first.record, first.split, first.subject, first.kind, first.route) == (
        "ann-0", "forget", "ann", "memory", "image",
    )  # fmt: skip
    assert (reworded.view, reworded.question) == ("paraphrase_1", "tell me 0")
    record = asks(2)[0].record
    assert first.logp == system._logp(record, "thing 0")
    logp = system._logp(record, "thing 2")
    assert first.options[2] == OptionScore("thing 2", sum(logp), len(logp))


def test_per_token_numbers_and_other_answers_survive_the_file(tmp_path: Path) -> None:
    record = question(1, rewordings=("a thing 1",), perturbed=("thing 7", "thing 8"), options=("thing 1", "thing 7"))
    data = Data(forget=(record,))
    system = Answering()
    samples = Samples(2, seed=5, temperature=0.5)
    for again in (False, True):
        (found,) = observe(
            Answering(lives=0) if again else system,
            plan(data, alternatives=("forget",)),
            cache=tmp_path,
            samples=samples,
        )
        gold = system._scored(record, "thing 1")
        assert (found.logp, found.mean, found.std, found.greedy) == (gold.logp, gold.mean, gold.std, gold.greedy)
        logp = system._logp(record, "thing 8")
        assert found.perturbed[1] == OptionScore("thing 8", sum(logp), len(logp))
        assert [answer.text for answer in found.rewordings] == ["a thing 1"]
        assert found.options[1] == found.perturbed[0]
        assert found.samples == ("thing 1 5 0 0.5", "thing 1 5 1 0.5")
    assert system.scored == [4], "an answer with two roles is scored once"


def test_samples_are_drawn_only_of_the_forgotten_memory_as_it_is(tmp_path: Path) -> None:
    data = Data(forget=(question(1, paraphrases=("one?",)), question(2, kind="understanding")), retain=(question(3),))
    found = observe(Answering(), plan(data), cache=tmp_path, samples=Samples(3))
    assert [(o.record, o.view) for o in found if o.samples] == [("ann-1", "as_is")]


def test_other_samples_are_observed_anew(tmp_path: Path) -> None:
    for samples in (None, Samples(1), Samples(1, seed=1), Samples(1, temperature=0.7)):
        system = Answering()
        observe(system, asks(1), cache=tmp_path, samples=samples)
        assert system.calls


def test_reading_the_cache_gives_the_same_and_asks_nothing(tmp_path: Path) -> None:
    first = observe(Answering({"what is 1?": "no \ud800 thing"}), asks(), cache=tmp_path, chunk=3)
    again = Answering(lives=0)
    assert observe(again, asks(), cache=tmp_path, chunk=3) == first
    assert first.items[2].text == "no ? thing"


def test_a_killed_audit_goes_on_where_it_was_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole = observe(Answering(), asks(), cache=tmp_path / "whole", chunk=6)
    killed = Answering(lives=2)
    with pytest.raises(Killed):
        observe(killed, asks(), cache=tmp_path / "resumed", chunk=6)
    assert len(files(tmp_path / "resumed")) == 2, "finished chunks are kept"
    second = Answering()
    resumed = observe(second, asks(), cache=tmp_path / "resumed", chunk=6)
    assert second.calls == [6, 2], "and not asked again"
    assert resumed == whole
    assert files(tmp_path / "resumed") == files(tmp_path / "whole")


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_damaged_chunk_is_noticed_and_made_again(tmp_path: Path, place: int) -> None:
    whole = observe(Answering(), asks(), cache=tmp_path, chunk=10)
    before = files(tmp_path)
    victim = sorted(tmp_path.rglob("*.parquet"))[1]
    content = bytearray(victim.read_bytes())
    content[len(content) * place // 100] ^= 1
    victim.write_bytes(bytes(content))
    system = Answering()
    assert observe(system, asks(), cache=tmp_path, chunk=10) == whole
    assert system.calls == [10], "only the damaged chunk"
    assert files(tmp_path) == before


def test_a_truncated_chunk_is_made_again(tmp_path: Path) -> None:
    whole = observe(Answering(), asks(), cache=tmp_path)
    victim = next(tmp_path.rglob("*.parquet"))
    victim.write_bytes(victim.read_bytes()[:50])
    assert observe(Answering(), asks(), cache=tmp_path) == whole


@pytest.mark.parametrize(
    ("digest", "count", "chunk", "tokens"),
    [("other", 10, 256, 64), ("answering", 9, 256, 64), ("answering", 10, 5, 64), ("answering", 10, 256, 8)],
)
def test_another_system_ask_or_setting_is_observed_anew(
    tmp_path: Path, digest: str, count: int, chunk: int, tokens: int
) -> None:
    observe(Answering(), asks(), cache=tmp_path)
    other = Answering(digest=digest)
    observe(other, asks(count), cache=tmp_path, chunk=chunk, max_new_tokens=tokens)
    assert other.calls


def test_a_changed_question_is_observed_anew(tmp_path: Path) -> None:
    for wording in ("who?", "who then?"):
        system = Answering()
        observe(system, [Ask("forget", "as_is", question(1, question=wording))], cache=tmp_path)
        assert system.calls == [1]


def test_documents_are_scored_and_not_asked(tmp_path: Path) -> None:
    system = Answering()
    (found,) = observe(system, [Ask("forget", "as_is", Record("d", text="some plain words"))], cache=tmp_path)
    assert system.calls == []
    assert (found.text, found.question, len(found.logp), found.route) == ("", "", 4, "text")


def test_progress_counts_answers_and_ends_at_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    observe(Answering(), asks(2), cache=tmp_path, chunk=3, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (12, 12), "4 generated, 4 expected answers, 4 other options of the forgotten memory"
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_infinite_log_probabilities_survive_the_file(tmp_path: Path) -> None:
    class Masked(Answering):
        def _logp(self, record: Record, answer: str) -> tuple[float, ...]:
            return (-math.inf, -0.5)

    observe(Masked(), asks(1), cache=tmp_path)
    assert observe(Masked(lives=0), asks(1), cache=tmp_path).items[0].logp == (-math.inf, -0.5)


def test_a_system_that_loses_answers_is_refused(tmp_path: Path) -> None:
    class Lossy(Answering):
        def generate(self, *args: object, **options: object) -> list[str]:
            return ["one"]

    with pytest.raises(ValueError, match="gave 1 answers to 4 questions"):
        observe(Lossy(), asks(2), cache=tmp_path)
    assert not files(tmp_path)


def test_nothing_to_ask_is_no_observations(tmp_path: Path) -> None:
    assert observe(Answering(), (), cache=tmp_path) == Observations()


def test_the_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from benign.audit.chunks import save_chunk;"
        "from benign.audit.observation import Observation, OptionScore;"
        "row = Observation(*'rsamtvqgx', (-1.0,), (OptionScore('o', -2.0, 1),));"
        "save_chunk(Path(sys.argv[1]), 0, [row])"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], check=True, env=environment)
    assert files(tmp_path / "1") == files(tmp_path / "2") != {}
