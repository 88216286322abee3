"""One pass of a system over the asks of an audit, cached, so that every metric comes from the same observations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import astuple, dataclass
from pathlib import Path

from benign.audit.chunks import SCHEMA_VERSION, load_chunk, save_chunk
from benign.audit.observation import AS_IS, Observation, Observations, OptionScore
from benign.audit.plan import Ask, asked_question
from benign.audit.plan import plan as plan
from benign.data.record import Record
from benign.engine.serve import Scored, System, answered
from benign.engine.world import alone, world
from benign.models.shard import together

Progress = Callable[[int, int], None]
CHUNK = 256
"""Asks per system call and per file."""
Tick = Callable[[int], None]


@dataclass(frozen=True)
class Samples:
    """Sampled answers to the memory questions of some splits, beside the greedy ones."""

    k: int
    """How many per question. Leak@k is estimated from 200 (arXiv 2511.04934)."""
    seed: int = 0
    temperature: float = 1.0
    """Divides the logits; 1 is the model's own distribution (arXiv 2511.04934)."""
    top_p: float = 1.0
    """Draw only from the likeliest tokens that together have this probability; 1 draws from all."""
    splits: tuple[str, ...] = ("forget",)
    """Whose memory questions are sampled, each as it is."""

    def of(self, ask: Ask) -> bool:
        """Whether an ask is one of them."""
        return ask.split in self.splits and ask.view == AS_IS and ask.record.kind == "memory"


def observe(
    system: System,
    asks: Sequence[Ask],
    *,
    cache: Path,
    chunk: int = CHUNK,
    max_new_tokens: int = 64,
    samples: Samples | None = None,
    progress: Progress | None = None,
) -> Observations:
    """Ask the system everything once: greedy answers, the expected answer token by token, and the log-probabilities
    of the other answers that the asks carry (options, rewordings, wrong answers).

    Each finished chunk is a file in ``cache/<key>/``, where the key is the hash of everything that the answers depend
    on; a killed audit goes on after its last finished chunk and ends with the same bytes. Several processes that make
    a run together share the chunks, and all of them end with all observations.

    Args:
        system: The deployed model; its digest is part of the key.
        asks: From :func:`benign.audit.plan.plan`.
        cache: The folder of observations. It holds the asked records' text: purge it with the records.
        chunk: Asks per system call and per file; the system batches as it likes inside.
        max_new_tokens: Length limit of a generated answer.
        samples: Sampled answers beside the greedy ones; None draws none.
        progress: Called with (done, total), counted in generated and scored answers.
    """
    folder = cache / cache_key(system, asks, chunk=chunk, max_new_tokens=max_new_tokens, samples=samples)
    parts = [asks[start : start + chunk] for start in range(0, len(asks), chunk)]
    total, done = sum(_work(part, samples) for part in parts), 0
    rows: list[Observation] = []

    def observed(index: int, part: Sequence[Ask]) -> tuple[Observation, ...]:
        found = load_chunk(folder, index)
        if found is None:
            # What an attack trains, it trains in the process that asks, or in all that share the model.
            with nullcontext() if together() else alone():
                found = _answers(system, part, max_new_tokens, samples, _ticker(progress, done, total))
            if here.main or not together():
                save_chunk(folder, index, found)
        return found

    # Processes that share the model share out the questions themselves, as they keep step.
    here = world()
    if here.size > 1 and not together():
        for index in range(here.rank, len(parts), here.size):
            observed(index, parts[index])
        here.wait()
    for index, part in enumerate(parts):
        rows += observed(index, part)
        done += _work(part, samples)
        if progress is not None:
            progress(done, total)
    return Observations(tuple(rows))


def cache_key(
    system: System, asks: Sequence[Ask], *, chunk: int, max_new_tokens: int, samples: Samples | None = None
) -> str:
    """Hash of the system, the asks and the settings: equal keys, equal observations."""
    # The chunk size counts: another batching may differ in the last bits of a log-probability.
    content = {
        "schema": SCHEMA_VERSION,
        "system": system.digest,
        "chunk": chunk,
        "max_new_tokens": max_new_tokens,
        "samples": samples and astuple(samples),
        "asks": [[ask.split, ask.view, ask.record.digest] for ask in asks],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _answers(
    system: System, part: Sequence[Ask], max_new_tokens: int, samples: Samples | None, tick: Tick | None
) -> tuple[Observation, ...]:
    records = [ask.record for ask in part]
    asked = [record for record in records if asked_question(record)]
    wanted = [(record, answer) for record in records for answer in _given(record)]
    texts, scores = answered(system, asked, wanted, max_new_tokens=max_new_tokens, progress=tick)
    drawn = _drawn(system, part, max_new_tokens, samples, tick)
    spoken, scored = iter(texts), iter(scores)
    rows = []
    for place, ask in enumerate(part):
        question = asked_question(ask.record)
        text = next(spoken) if question else ""
        found = {answer: next(scored) for answer in _given(ask.record)}
        rows.append(_observation(ask, question, text, found, drawn.get(place, ())))
    return tuple(rows)


def _given(record: Record) -> dict[str, None]:
    """The answers to score: each once, however many roles it has (a wrong answer is often also a choice)."""
    return dict.fromkeys((record.gold, *record.options, *record.rewordings, *record.perturbed))


def _drawn(
    system: System, part: Sequence[Ask], max_new_tokens: int, samples: Samples | None, tick: Tick | None
) -> dict[int, tuple[str, ...]]:
    places = [place for place, ask in enumerate(part) if samples and samples.of(ask)]
    if not samples or not places:
        return {}
    found = system.sample(
        [part[place].record for place in places], samples.k, seed=samples.seed, max_new_tokens=max_new_tokens,
        temperature=samples.temperature, top_p=samples.top_p, progress=tick,
    )  # fmt: skip
    if [len(texts) for texts in found] != [samples.k] * len(places):
        raise ValueError(f"{type(system).__name__} did not give {samples.k} samples to each of {len(places)} questions")
    return dict(zip(places, found, strict=True))


def _observation(
    ask: Ask, question: str, text: str, found: Mapping[str, Scored], samples: Sequence[str]
) -> Observation:
    record = ask.record
    gold = found[record.gold]
    return Observation(
        record=record.id,
        split=ask.split,
        subject=record.subject,
        kind=record.kind,
        route="image" if record.images else "text",
        view=ask.view,
        question=_storable(question),
        gold=_storable(record.gold),
        text=_storable(text),
        logp=_floats(gold.logp),
        options=_scores(record.options, found),
        mean=_floats(gold.mean),
        std=_floats(gold.std),
        greedy=tuple(bool(hit) for hit in gold.greedy),
        rewordings=_scores(record.rewordings, found),
        perturbed=_scores(record.perturbed, found),
        samples=tuple(_storable(sample) for sample in samples),
    )


def _scores(answers: Sequence[str], found: Mapping[str, Scored]) -> tuple[OptionScore, ...]:
    return tuple(OptionScore(_storable(a), sum(_floats(found[a].logp)), len(found[a].logp)) for a in answers)


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(x) for x in values)


def _storable(text: str) -> str:
    # A damaged model can emit lone surrogates, which no UTF-8 file can hold.
    return text.encode("utf-8", "replace").decode("utf-8")


def _work(part: Sequence[Ask], samples: Samples | None) -> int:
    drawn = sum(samples.k for ask in part if samples.of(ask)) if samples else 0
    return drawn + sum(bool(asked_question(ask.record)) + len(_given(ask.record)) for ask in part)


def _ticker(progress: Progress | None, done: int, total: int) -> Tick | None:
    if progress is None:
        return None
    report, so_far = progress, done

    def tick(count: int) -> None:
        nonlocal so_far
        so_far += count
        report(so_far, total)

    return tick
