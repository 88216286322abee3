"""What is kept of seen and unseen neighbours by the seven pairing schemes, at equally many records and steps.

python benches/experiments/effects/melu.py --seeds 0 1 2
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import torch
from recalled import at, light, recalled, watched, written

from benign.benchmarks.presets_text import embedded
from benign.data.record import Data, Neighbour, Record
from benign.methods.melu import MELU
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.samplers.paired import Paired, Scheme

FORGOTTEN = 0.5
"""Where schemes are compared: the probability of the forget set's answers."""


def told(records: Sequence[Record], kind: Neighbour) -> tuple[Record, ...]:
    """The records with their neighbour type."""
    return tuple(replace(record, neighbour=kind) for record in records)


def split(ratio: int) -> tuple[Data, dict[str, tuple[Record, ...]]]:
    """To train on: every other neighbour author, 18 other authors and every other general question; the rest is asked.

    Other authors come first in the file, as in TOFU, whose retain set does not begin with anybody's neighbours.
    """
    whole = world.splits(ratio)
    near = list(dict.fromkeys(record.subject for record in whole.neighbour))
    seen = {record.subject for record in whole.few} | set(near)
    entity = {
        part: tuple(r for r in whole.neighbour if r.subject in near[first::2])
        for first, part in enumerate(("seen", "unseen"))
    }
    domain = tuple(r for r in whole.few if r.subject not in near)
    at_hand = (*told(domain, "domain"), *told(entity["seen"], "entity"), *told(whole.general[::2], "general"))
    looked = {
        "forget": whole.forget[::2],
        "neighbours, seen": entity["seen"][::3],
        "neighbours, unseen": entity["unseen"][::2],
        "others, unseen": tuple(r for r in whole.retain if r.subject not in seen)[::47],
        "general, unseen": whole.general[1::5],
    }
    return Data(forget=whole.forget, retain=at_hand), looked


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--method", default="npo")
    parser.add_argument("--schemes", nargs="+", default=list(get_args(Scheme)))
    parser.add_argument("--ratio", type=int, default=5)
    parser.add_argument("--retain", type=int, default=10)
    parser.add_argument("--weight", type=float, default=3.0)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--steps", type=int, default=60)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model, (data, looked) = load("embedded:lm"), split(asked.ratio)
    original = {name: recalled(model, records) for name, records in looked.items()}
    base = replace(
        light(embedded(asked.method), asked.lr, asked.steps), retain_batch=asked.retain, retain_weight=asked.weight
    )
    for scheme in asked.schemes:
        for seed in asked.seeds:
            grouped = scheme == "modular"
            method = MELU(base, Paired(scheme), grouped=grouped)
            run = watched(model, method, data, looked, seed=seed, every=15)
            row = {
                "row": f"{asked.method} {scheme}",
                "seed": seed,
                "seconds": run.seconds,
                "peak_rss_mb": run.peak_rss_mb,
            }
            row |= {name: value for name, value in run.seen[-1].items() if name != "step"}
            there = at(run, "forget probability", FORGOTTEN) or {}
            row |= {f"{name.removesuffix(' probability')} at equal forgetting": there.get(name) for name in
                    run.seen[0] if name.endswith("probability")}  # fmt: skip
            written("melu", [row], original=original, ratio=asked.ratio, retain_batch=asked.retain)


if __name__ == "__main__":
    main()
