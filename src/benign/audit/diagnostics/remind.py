"""REMIND: is the loss flatter around what was unlearned than around what was kept or never seen?

Source: arXiv 2511.04228. The official repository could not be found by name; its defaults come from single files of
it, and what those do not say is named in :mod:`benign.audit.diagnostics.landscape`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from benign.audit.diagnostics import Diagnosis
from benign.audit.diagnostics.landscape import Classifier, features, told_apart
from benign.audit.diagnostics.telling import at_work, cluster
from benign.audit.metrics.bootstrap import Floats
from benign.audit.plan import spread
from benign.data.batch import Batch
from benign.data.record import Data, Record, of_kind
from benign.engine.draw import derived_seed
from benign.engine.serve import Served
from benign.engine.train import Report
from benign.errors import NotMeasured
from benign.models.collate import IGNORED, collate
from benign.models.forward import answer_rows
from benign.models.load import Model


@dataclass(frozen=True)
class Remind:
    """AUC of telling forgotten, retained and never seen records apart by the loss around them, over held-out subjects.

    Neighbours of a record have a share of the question's tokens replaced by ones with a near embedding (the
    original's, so every system is asked the same). Range 0 to 1; 0.5 is the goal: nobody can tell from the outside
    what was unlearned. It needs records of all three kinds with labels, so it is an auditor's tool and no attack.
    """

    loss_on: Literal["question", "answer"] = "question"
    """Whose loss: of the question itself, as published, or of its answer while the question changes."""
    share: float = 0.3
    """Of the question's tokens, how many are replaced (the code's ``n_tokens``)."""
    near: int = 20
    """Replacements are drawn from so many nearest embeddings (the code's ``peak_top_k``)."""
    neighbours: int = 15
    """Per record (the code's ``max_neighbors``)."""
    classifier: Classifier = "logistic"
    """Logistic regression (300 iterations) or a random forest of 100 trees, both in the paper."""
    most: int | None = 200
    """At most so many records of each kind (the code takes 1000)."""
    folds: int = 5
    """The subjects are left out in so many parts (the code holds out one fifth of the records)."""
    seed: int = 42
    """Of the neighbours, the split and the forest (the code's)."""

    def __call__(
        self, unlearned: Served, original: Served, retrained: Served | None, records: Data, report: Report
    ) -> Diagnosis:
        """Measure; needs memory questions in the forget, the retain and the holdout set.

        Raises:
            UserError: scikit-learn is not installed.
        """
        sets = [spread(of_kind(records.split(s), "memory"), self.most) for s in ("forget", "retain", "holdout")]
        if not all(sets):
            return Diagnosis(NotMeasured("memory questions are needed in the forget, the retain and the holdout set"))
        asked = [record for group in sets for record in group]
        kinds = [kind for kind, group in enumerate(sets) for _ in group]
        table = original.model.module.get_input_embeddings().weight.detach().float()
        rows = landscapes(self, unlearned, table, asked, report)
        clusters = [cluster(record) for record in asked]
        found = told_apart(rows, kinds, clusters, classifier=self.classifier, folds=self.folds, seed=self.seed)
        return Diagnosis(found)


def landscapes(settings: Remind, served: Served, table: Tensor, records: Sequence[Record], report: Report) -> Floats:
    """[records, 15] the features of each record under one system, with neighbours by the embeddings of ``table``."""
    rows = []
    with at_work(served) as model:
        size = served.batch if model.family.mixes else 1
        for number, record in enumerate(records, 1):
            base, places = around(model, record, settings.loss_on)
            drawn = [
                neighbour(base, places, table, settings.share, settings.near, derived_seed(settings.seed, record.id, i))
                for i in range(settings.neighbours)
            ]
            losses = _losses(model, [base, *(batch for batch, _ in drawn)], size)
            rows.append(features(losses[0], np.array(losses[1:]), np.array([distance for _, distance in drawn])))
            report("look around", number, len(records))
    return np.stack(rows)


def around(model: Model, record: Record, loss_on: Literal["question", "answer"]) -> tuple[Batch, Tensor]:
    """The record with the labels whose loss is looked at, and which of its tokens may be replaced: the words of the
    prompt, and neither special tokens nor pictures."""
    example = model.encoder.full(record)
    ids, labels = example.inputs["input_ids"][0], example.labels[0]
    fixed = {*model.processor.tokenizer.all_special_ids, *model.processor.picture_ids}
    words = torch.tensor([int(token) not in fixed for token in ids]) & (labels == IGNORED)
    words[0] = False  # nothing comes before the first token, so it has no loss
    if loss_on == "question":
        labels = torch.where(words, ids, torch.full_like(ids, IGNORED))
    return replace(example, labels=labels[None]), torch.nonzero(words).squeeze(-1)


def neighbour(base: Batch, places: Tensor, table: Tensor, share: float, near: int, seed: int) -> tuple[Batch, float]:
    """The batch with a share of the tokens at ``places`` (at least one) replaced by near ones, and how far away it is:
    the Euclidean norm of the change of its embeddings. Where the labels ask for a replaced token, they follow.

    Args:
        base: One record.
        places: [n] which of its tokens may be replaced.
        table: [V, H] the embeddings.
        share: Of the places.
        near: How many nearest embeddings, the token's own not counted, a replacement is drawn from.
        seed: Of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    count = max(1, round(share * len(places)))
    chosen = places[torch.randperm(len(places), generator=generator)[:count]]
    ids = base.inputs["input_ids"].clone()
    old = ids[0, chosen]
    distances = torch.cdist(table[old.to(table.device)], table)
    distances.scatter_(1, old.to(table.device)[:, None], math.inf)
    nearest = distances.topk(min(near, table.shape[0] - 1), largest=False).indices.cpu()
    new = nearest.gather(1, torch.randint(nearest.shape[1], (count, 1), generator=generator)).squeeze(1)
    ids[0, chosen] = new
    labels = torch.where(base.labels == IGNORED, base.labels, ids)
    away = float((table[new.to(table.device)] - table[old.to(table.device)]).norm())
    return replace(base, inputs={**base.inputs, "input_ids": ids}, labels=labels), away


def _losses(model: Model, batches: Sequence[Batch], size: int) -> list[float]:
    found: list[float] = []
    for start in range(0, len(batches), size):
        rows = answer_rows(model, collate(batches[start : start + size], pad_id=model.processor.pad_id))
        found += (-rows.logp_per_record / rows.rows_per_record).double().tolist()
    return found
