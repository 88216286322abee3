"""REMIND: is the loss another around what was unlearned than around what was kept or never seen?

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
from benign.models.shard import whole

Placed = tuple[Batch, Tensor]
"""A record, and which of its tokens may be replaced."""
Near = dict[int, Tensor]
"""Of a token, [n] the others with the nearest embeddings."""
_ROWS = 256  # at a time, where something of the size [rows, V] is built


@dataclass(frozen=True)
class Remind:
    """AUC of telling kinds of records apart by the loss around them, over subjects that the classifier never saw.

    Neighbours of a record have a share of the question's tokens replaced by ones with a near embedding (the
    original's, so every system is asked the same). Range 0 to 1. Between the forget and the holdout set 0.5 is the
    goal: nobody can tell what was unlearned from what was never there. The paper tells three kinds apart, forget,
    retain and holdout, averaged over one against the rest; its goal is the retrained model's number and not 0.5,
    because what was kept should differ. Both need records with labels: an auditor's tool and no attack.
    """

    kinds: tuple[Literal["forget", "retain", "holdout"], ...] = ("forget", "holdout")
    """The kinds; the paper's are all three."""
    loss_on: Literal["question", "answer"] = "answer"
    """Whose loss: of the answer while the question changes, or of the question itself as the code has it. A model that
    was trained on answers alone shows nothing by its questions."""
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
        """Measure; needs memory questions of every kind.

        Raises:
            UserError: scikit-learn is not installed.
        """
        sets = [spread(of_kind(records.split(s), "memory"), self.most) for s in self.kinds]
        if not all(sets):
            return Diagnosis(NotMeasured(f"memory questions are needed in each of: {', '.join(self.kinds)}"))
        asked = [record for group in sets for record in group]
        kinds = [kind for kind, group in enumerate(sets) for _ in group]
        table = whole(original.model.module.get_input_embeddings().weight.detach()).float()
        rows = landscapes(self, unlearned, table, asked, report)
        clusters = [cluster(record) for record in asked]
        found = told_apart(rows, kinds, clusters, classifier=self.classifier, folds=self.folds, seed=self.seed)
        return Diagnosis(found)


def landscapes(settings: Remind, served: Served, table: Tensor, records: Sequence[Record], report: Report) -> Floats:
    """[records, 15] the features of each record under one system, with neighbours by the embeddings of ``table``."""
    rows = []
    with at_work(served) as model:
        size = served.batch if model.family.mixes else 1
        placed = [around(model, record, settings.loss_on) for record in records]
        near = nearest(table, [base.inputs["input_ids"][0, places] for base, places in placed], settings.near)
        lot = max(1, size // (settings.neighbours + 1))
        for start in range(0, len(records), lot):
            shown = list(zip(records[start : start + lot], placed[start : start + lot], strict=True))
            rows += _looked(settings, model, table, near, shown, size)
            report("look around", min(start + lot, len(records)), len(records))
    return np.stack(rows)


def _looked(
    settings: Remind, model: Model, table: Tensor, near: Near, shown: Sequence[tuple[Record, Placed]], size: int
) -> list[Floats]:
    count = settings.neighbours
    drawn = [
        neighbour(base, places, table, near, settings.share, derived_seed(settings.seed, record.id, i))
        for record, (base, places) in shown
        for i in range(count)
    ]
    bases = _losses(model, [base for _, (base, _) in shown], size)
    losses = np.array(_losses(model, [batch for batch, _ in drawn], size)).reshape(-1, count)
    distances = np.array([distance for _, distance in drawn]).reshape(-1, count)
    return [features(*found) for found in zip(bases, losses, distances, strict=True)]


def nearest(table: Tensor, tokens: Sequence[Tensor], count: int) -> Near:
    """Of every token that occurs, so many others with the nearest embeddings (Euclidean), the nearest first.

    Args:
        table: [V, H] the embeddings.
        tokens: The tokens, in any number of lists.
        count: How many; never more than there are others.
    """
    found: Near = {}
    for part in torch.unique(torch.cat(list(tokens))).split(_ROWS):
        asked = part.to(table.device)
        distances = torch.cdist(table[asked], table)
        distances.scatter_(1, asked[:, None], math.inf)
        others = distances.topk(min(count, table.shape[0] - 1), largest=False).indices.cpu()
        found |= dict(zip(part.tolist(), others, strict=True))
    return found


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


def neighbour(base: Batch, places: Tensor, table: Tensor, near: Near, share: float, seed: int) -> tuple[Batch, float]:
    """The batch with a share of the tokens at ``places`` (at least one) replaced by near ones, and how far away it is:
    the Euclidean norm of the change of its embeddings. Where the labels ask for a replaced token, they follow.

    Args:
        base: One record.
        places: [n] which of its tokens may be replaced.
        table: [V, H] the embeddings.
        near: The tokens that may stand in for each.
        share: Of the places.
        seed: Of the draw.
    """
    generator = torch.Generator().manual_seed(seed)
    count = max(1, round(share * len(places)))
    chosen = places[torch.randperm(len(places), generator=generator)[:count]]
    ids = base.inputs["input_ids"].clone()
    old = ids[0, chosen]
    others = torch.stack([near[token] for token in old.tolist()])
    new = others.gather(1, torch.randint(others.shape[1], (count, 1), generator=generator)).squeeze(1)
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
