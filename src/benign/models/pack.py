"""Records that begin alike as one sequence: what they share, such as a picture, stands and is computed once.

The tokens of a packed row form a tree. A token sees itself and its ancestors, and has the position that it has in its
own record, so every record is computed as if it were alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benign.data.answers import Answers
from benign.data.batch import Batch
from benign.models.collate import IGNORED, PER_TOKEN, collate
from benign.models.forward import HiddenAt, answer_rows, gathered, in_step
from benign.models.load import Model
from benign.models.vision_cache import Seen, VisionCache

MASKED_ATTENTION = ("sdpa", "eager")
"""The implementations of attention that take any mask."""
PADDED = 2
"""A forward pass holds rows of which none is more than so many times as long as another."""


_NONE = torch.zeros(0, dtype=torch.long)
_NOTHING = Answers(torch.zeros(0, 1), _NONE, _NONE, 0)


@dataclass(frozen=True)
class Limits:
    """How much goes into one packed row."""

    most_tokens: int = 4096
    """Tokens of a row: the mask and the attention grow with its square. A longer record stays alone."""
    most_records: int = 64
    """Records of a row."""


@dataclass(eq=False)
class Row:
    """Records as one sequence."""

    seen: Seen
    """The pictures that all of them show."""
    size: int = 0
    """Tokens of the sequence."""
    members: list[int] = field(default_factory=list)
    """The records, as places among the examples."""
    paths: list[Tensor] = field(default_factory=list)
    """For each record, [its length], where each of its tokens stands in the sequence."""

    def add(self, place: int, length: int, shared: int) -> None:
        """Append a record of ``length`` tokens whose first ``shared`` ones are those of the record before it."""
        start = self.paths[-1][:shared] if shared else torch.arange(0)
        self.paths.append(torch.cat([start, torch.arange(self.size, self.size + length - shared)]))
        self.members.append(place)
        self.size += length - shared


def packed_rows(
    model: Model,
    examples: Sequence[Batch],
    *,
    hidden_at: HiddenAt = None,
    limits: Limits | None = None,
    vision: VisionCache | None = None,
) -> Answers:
    """What ``answer_rows`` gives for the collated examples, up to rounding, with shared beginnings computed once.

    Where the family, its attention or a length does not allow it, nothing is shared. Dropout, where there is any,
    draws once for what is shared.

    Args:
        model: The model, with or without an injected adapter.
        examples: Encoded records, each a batch of one without padding.
        hidden_at: Where to take the hidden states that are kept with the rows.
        limits: How much goes into one row; None for the defaults.
        vision: Where the features of pictures are kept between calls; None computes them at every call.

    Raises:
        ValueError: No token is labelled. Where processes share the layers, one without any examples takes part.
        UserError: The model has no such layer.
    """
    if not any((example.labels[:, 1:] != IGNORED).any() for example in examples):
        if model.shards is None or examples:
            raise ValueError("no token of the batch is labelled")
        with in_step(model, 0):
            return _NOTHING
    seen = [Seen.of(example) for example in examples]
    if not packable(model, examples):
        with _served(vision, model, seen), in_step(model, 1):
            return answer_rows(model, collate(examples, pad_id=model.processor.pad_id), hidden_at=hidden_at)
    labelled = [(example.labels[0, 1:] != IGNORED).cpu() for example in examples]
    passes = [(rows, *_asked(rows, labelled)) for rows in _passes(planned(model, examples, seen, limits or Limits()))]
    passes = [made for made in passes if len(made[1])]
    parts: list[tuple[Tensor, Tensor | None]] = []
    with in_step(model, len(passes)):
        for rows, _, number, position in passes:
            with _served(vision, model, [row.seen for row in rows]):
                at = (number.to(model.module.device), position.to(model.module.device))
                parts.append(gathered(model, _inputs(model, examples, rows), at, hidden_at))
    return _answers(examples, labelled, [owner for _, owner, _, _ in passes], parts)


def packable(model: Model, examples: Sequence[Batch]) -> bool:
    """Whether shared beginnings may be computed once: the family, its attention and the lengths allow it."""
    config = model.module.config.get_text_config()
    # A given mask takes the place of a sliding window; a record no longer than the window does not meet it.
    window = getattr(config, "sliding_window", None)
    fits = not window or all(example.labels.shape[1] <= window for example in examples)
    return model.family.packs and config._attn_implementation in MASKED_ATTENTION and fits


def planned(model: Model, examples: Sequence[Batch], seen: Sequence[Seen], limits: Limits) -> list[Row]:
    """The rows, the same whatever the order of the examples.

    Records with the same pictures share a row if they share all tokens up to the last of the pictures; text does if
    it shares half of its tokens.
    """
    ids = [example.inputs["input_ids"][0].cpu() for example in examples]
    image_token = getattr(model.module.config, "image_token_id", None)
    # Among sorted sequences, none that came before shares more with one than its neighbour does.
    order = sorted(range(len(ids)), key=lambda i: (seen[i].key, ids[i].tolist()))
    rows: list[Row] = []
    for place in order:
        length = len(ids[place])
        last = rows[-1] if rows else Row(seen[place])
        shared = _shared(ids[last.members[-1]], ids[place]) if rows else 0
        if (
            not rows
            or last.seen.key != seen[place].key
            or shared < (_after(ids[place], image_token) if seen[place].key else length / 2)
            or last.size + length - shared > limits.most_tokens
            or len(last.members) == limits.most_records
        ):
            rows.append(Row(seen[place]))
            shared = 0
        rows[-1].add(place, length, shared)
    return rows


def together(examples: Sequence[Batch], size: int) -> Iterator[list[int]]:
    """Places of examples in lots of at most ``size``, for one call each: the same pictures side by side.

    Text comes first, then the pictures by the length of their longest record. The lots are the same whatever the
    order of the examples, up to equal ones.
    """
    seen = [Seen.of(example).key for example in examples]
    longest: dict[str, int] = {}
    for key, example in zip(seen, examples, strict=True):
        longest[key] = max(example.labels.shape[1], longest.get(key, 0))
    beginning = [example.inputs["input_ids"][0].tolist() for example in examples]
    order = sorted(range(len(seen)), key=lambda i: (seen[i] != "", longest[seen[i]], seen[i], beginning[i]))
    return (order[start : start + size] for start in range(0, len(order), size))


def _served(vision: VisionCache | None, model: Model, seen: Sequence[Seen]) -> AbstractContextManager[None]:
    return vision.serving(model, seen) if vision else nullcontext()


def _shared(one: Tensor, other: Tensor) -> int:
    """How many tokens two sequences begin with alike."""
    length = min(len(one), len(other))
    different = torch.nonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length


def _after(ids: Tensor, image_token: int | None) -> int:
    """The number of tokens up to the last one of a picture; all of them where it cannot be told."""
    found = torch.nonzero(ids == (-1 if image_token is None else image_token))
    return int(found[-1]) + 1 if len(found) else len(ids)


def _passes(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of like length for one forward pass each; single records apart, which need no mask of their own."""
    for alone in (True, False):
        lot: list[Row] = []
        for row in sorted((r for r in rows if (len(r.members) == 1) == alone), key=lambda r: r.size):
            if lot and row.size > PADDED * lot[0].size:
                yield lot
                lot = []
            lot.append(row)
        if lot:
            yield lot


def _asked(rows: Sequence[Row], labelled: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The predictions of the labelled tokens in the order of the records: the record, the row, the place in the row."""
    found = sorted(
        (place, number, path[:-1][labelled[place]])
        for number, row in enumerate(rows)
        for place, path in zip(row.members, row.paths, strict=True)
    )
    counts = torch.tensor([len(path) for _, _, path in found])
    owner, number = (torch.tensor(column).repeat_interleave(counts) for column in list(zip(*found, strict=True))[:2])
    return owner, number, torch.cat([path for _, _, path in found])


def _inputs(model: Model, examples: Sequence[Batch], rows: Sequence[Row]) -> Mapping[str, Tensor]:
    batch = collate([_merged(examples, row) for row in rows], pad_id=model.processor.pad_id)
    inputs = dict(batch.inputs)
    if any(len(row.members) > 1 for row in rows):
        length = batch.labels.shape[1]
        visible = torch.stack([_visible(row, length) for row in rows])[:, None]
        if model.module.config.get_text_config()._attn_implementation == "eager":
            hidden = torch.finfo(model.module.dtype).min
            visible = torch.zeros(visible.shape, dtype=model.module.dtype).masked_fill(~visible, hidden)
        inputs["attention_mask"] = visible
        positions = [_positions(model, examples, row, length) for row in rows]
        inputs["position_ids"] = torch.cat(positions, dim=-2)
    return {name: value.to(model.module.device) for name, value in inputs.items()}


def _merged(examples: Sequence[Batch], row: Row) -> Batch:
    """The row as if it were one record, without labels."""
    first = examples[row.members[0]]
    if len(row.members) == 1:
        return first
    inputs = dict(row.seen.inputs)
    for name in PER_TOKEN:
        if name in first.inputs:
            inputs[name] = first.inputs[name].new_zeros(1, row.size, *first.inputs[name].shape[2:])
            for place, path in zip(row.members, row.paths, strict=True):
                inputs[name][0, path] = examples[place].inputs[name][0]
    return Batch(inputs, torch.full((1, row.size), IGNORED), (first.ids[0],))


def _visible(row: Row, length: int) -> Tensor:
    """[length, length] what each token sees: its ancestors and itself; padding sees itself, so no line is empty."""
    visible = torch.eye(length, dtype=torch.bool)
    for path in row.paths:
        visible[path[:, None], path[None, :]] = torch.ones(len(path), len(path), dtype=torch.bool).tril()
    return visible


def _positions(model: Model, examples: Sequence[Batch], row: Row, length: int) -> Tensor:
    """[1, length], or [axes, 1, length] where the family counts along several axes."""
    positions = torch.zeros(1, length, dtype=torch.long)
    for place, path in zip(row.members, row.paths, strict=True):
        if model.family.positions is None:
            positions[0, path] = torch.arange(len(path))
        else:
            own = model.family.positions(model.module, examples[place].inputs)
            positions = positions.expand(own.shape[0], 1, length).clone() if positions.ndim == 2 else positions
            positions[..., path] = own
    return positions


def _answers(
    examples: Sequence[Batch],
    labelled: Sequence[Tensor],
    owners: Sequence[Tensor],
    parts: Sequence[tuple[Tensor, Tensor | None]],
) -> Answers:
    """The predictions of the forward passes in the order of the records."""
    labels = torch.cat([example.labels[0, 1:].cpu()[mask] for example, mask in zip(examples, labelled, strict=True)])
    device = parts[0][0].device
    logits = _joined([logits for logits, _ in parts], owners)
    hidden = [states for _, states in parts if states is not None]
    return Answers(
        logits=logits.float(),
        labels=labels.to(device),
        owner=torch.cat(list(owners)).sort().values.to(device),
        count=len(examples),
        hidden=_joined(hidden, owners) if hidden else None,
    )


def _joined(parts: Sequence[Tensor], owners: Sequence[Tensor]) -> Tensor:
    """The rows in the order of their records; those of one pass lie so already, and are not copied."""
    if len(parts) == 1:
        return parts[0]
    joined = torch.cat(list(parts))
    return joined[torch.cat(list(owners)).argsort(stable=True).to(joined.device)]
