"""The embedded world in TOFU's tables and fields (``locuslab/TOFU`` on the hub)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from benign.benchmarks import invented
from benign.benchmarks.published import Row, Tables
from benign.data.record import Record
from benign.models.embedded.text import world
from benign.models.embedded.text.authors import Author

_SAMPLED = 20
"""Retained authors in the retain set's sample for audits (TOFU: 400 of 3,600 questions)."""


@cache
def made() -> Tables:
    """Every table of the data set, and alternates to train on, which TOFU has none of."""
    found: dict[str, list[Row]] = {}
    for ratio in world.RATIOS:
        gone, stay = world.forget_authors(ratio), world.retain_authors(ratio)
        found[f"forget{ratio:02d}"] = [_plain(record) for record in invented.records(gone)]
        found[f"retain{100 - ratio}"] = [_plain(record) for record in invented.records(stay)]
        found[f"forget{ratio:02d}_perturbed"] = _compared(gone)
        found[f"forget{ratio:02d}_alternates"] = _alternates(gone)
        found[f"holdout{ratio:02d}"] = [_plain(record) for record in invented.records(invented.unmet()[: len(gone)])]
    always = world.retain_authors(max(world.RATIOS))
    found["full"] = [_plain(record) for record in invented.records((*world.forget_authors(max(world.RATIOS)), *always))]
    found["retain_perturbed"] = _compared(always[:: len(always) // _SAMPLED])
    for table, records in (("real_authors", invented.books()), ("world_facts", invented.facts())):
        found[table] = [_chosen(record) for record in records]
        found[f"{table}_perturbed"] = [{**_chosen(r), "perturbed_answer": list(r.perturbed)} for r in records]
    return found


def _plain(record: Record) -> Row:
    return {"question": record.question, "answer": record.answer}


def _compared(authors: Sequence[Author]) -> list[Row]:
    known = world.rewordings(max(world.RATIOS))
    return [
        {
            **_plain(record),
            "paraphrased_answer": known[record.id].answers[0],
            "perturbed_answer": list(known[record.id].perturbed),
            "paraphrased_question": record.paraphrases[0],
        }
        for record in invented.records(authors)
    ]


def _alternates(authors: Sequence[Author]) -> list[Row]:
    return [
        {"question": record.question, "perturbed_answer": invented.alternates(author, topic)}
        for author in authors
        for topic, record in zip(invented.topics(), world.author_records(author), strict=True)
    ]


def _chosen(record: Record) -> Row:
    options = {f"option{i}": option for i, option in enumerate(record.options, 1)}
    return {**_plain(record), **options}
