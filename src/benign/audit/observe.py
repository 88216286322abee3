"""One pass of a system over the asks of an audit, cached, so that every metric comes from the same observations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from benign.audit.chunks import SCHEMA_VERSION, load_chunk, save_chunk
from benign.audit.observation import Observation, Observations, OptionScore
from benign.audit.plan import Ask, asked_question
from benign.audit.plan import plan as plan
from benign.engine.serve import System

Progress = Callable[[int, int], None]
CHUNK = 256
"""Asks per system call and per file."""


def observe(
    system: System,
    asks: Sequence[Ask],
    *,
    cache: Path,
    chunk: int = CHUNK,
    max_new_tokens: int = 64,
    progress: Progress | None = None,
) -> Observations:
    """Ask the system everything once: greedy answers, and log-probabilities of the expected answer and the options.

    Each finished chunk is a file in ``cache/<key>/``, where the key is the hash of everything that the answers depend
    on; a killed audit goes on after its last finished chunk and ends with the same bytes.

    Args:
        system: The deployed model; its digest is part of the key.
        asks: From :func:`benign.audit.plan.plan`.
        cache: The folder of observations. It holds the asked records' text: purge it with the records.
        chunk: Asks per system call and per file; the system batches as it likes inside.
        max_new_tokens: Length limit of a generated answer.
        progress: Called with (done, total), counted in generated and scored answers.
    """
    folder = cache / cache_key(system, asks, chunk=chunk, max_new_tokens=max_new_tokens)
    parts = [asks[start : start + chunk] for start in range(0, len(asks), chunk)]
    total, done = sum(_work(part) for part in parts), 0
    rows: list[Observation] = []
    for index, part in enumerate(parts):
        found = load_chunk(folder, index)
        if found is None:
            found = _answers(system, part, max_new_tokens, _ticker(progress, done, total))
            save_chunk(folder, index, found)
        rows += found
        done += _work(part)
        if progress is not None:
            progress(done, total)
    return Observations(tuple(rows))


def cache_key(system: System, asks: Sequence[Ask], *, chunk: int, max_new_tokens: int) -> str:
    """Hash of the system, the asks and the settings: equal keys, equal observations."""
    # The chunk size counts: another batching may differ in the last bits of a log-probability.
    content = {
        "schema": SCHEMA_VERSION,
        "system": system.digest,
        "chunk": chunk,
        "max_new_tokens": max_new_tokens,
        "asks": [[ask.split, ask.view, ask.record.digest] for ask in asks],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _answers(
    system: System, part: Sequence[Ask], max_new_tokens: int, tick: Callable[[int], None] | None
) -> tuple[Observation, ...]:
    questions = [asked_question(ask.record) for ask in part]
    asked = [ask.record for ask, question in zip(part, questions, strict=True) if question]
    texts = system.generate(asked, max_new_tokens=max_new_tokens, progress=tick) if asked else []
    wanted = [(ask.record, answer) for ask in part for answer in (ask.record.gold, *ask.record.options)]
    logps = system.score([r for r, _ in wanted], [a for _, a in wanted], progress=tick)
    if len(texts) != len(asked) or len(logps) != len(wanted):
        raise ValueError(
            f"{type(system).__name__} gave {len(texts)} answers to {len(asked)} questions "
            f"and {len(logps)} scores for {len(wanted)} answers"
        )
    spoken, scored = iter(texts), iter(logps)
    rows = []
    for ask, question in zip(part, questions, strict=True):
        text = next(spoken) if question else ""
        gold = _floats(next(scored))
        options = tuple(_option(option, _floats(next(scored))) for option in ask.record.options)
        rows.append(_observation(ask, question, text, gold, options))
    return tuple(rows)


def _observation(
    ask: Ask, question: str, text: str, logp: tuple[float, ...], options: tuple[OptionScore, ...]
) -> Observation:
    record = ask.record
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
        logp=logp,
        options=options,
    )


def _option(text: str, logp: tuple[float, ...]) -> OptionScore:
    return OptionScore(_storable(text), sum(logp), len(logp))


def _floats(logp: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(x) for x in logp)


def _storable(text: str) -> str:
    # A damaged model can emit lone surrogates, which no UTF-8 file can hold.
    return text.encode("utf-8", "replace").decode("utf-8")


def _work(part: Sequence[Ask]) -> int:
    return sum(bool(asked_question(ask.record)) + 1 + len(ask.record.options) for ask in part)


def _ticker(progress: Progress | None, done: int, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    report, so_far = progress, done

    def tick(count: int) -> None:
        nonlocal so_far
        so_far += count
        report(so_far, total)

    return tick
