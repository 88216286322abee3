"""What objectives ask of a softmax over a large vocabulary, without copies of the logits.

A copy of [rows, V] logits costs more than the arithmetic on it: these functions go through the rows a few at a time,
and the backward pass writes the gradient and nothing else. Only where that is derived once more are copies made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

_CPU_ENTRIES, _GPU_ENTRIES = 2**18, 2**27
"""Entries that are worked on at a time: what a CPU's cache holds; on a GPU, where starting a kernel costs, far more."""


def label_logp(logits: Tensor, labels: Tensor) -> Tensor:
    """[rows] the log-probability of each label, in nats; its gradient is that of ``log_softmax``.

    Args:
        logits: [rows, V].
        labels: [rows] the entry asked for in each row.
    """
    found: Tensor = _LabelLogp.apply(logits, labels)  # type: ignore[no-untyped-call]
    return found


def divergence(reference: Tensor, logits: Tensor) -> Tensor:
    """[rows] KL(reference || softmax of the logits), in nats, to be derived in the logits.

    Args:
        reference: [rows, V] log-probabilities, held constant.
        logits: [rows, V].
    """
    found: Tensor = _Divergence.apply(reference, logits)  # type: ignore[no-untyped-call]
    return found


class _LabelLogp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        ctx.save_for_backward(logits, labels)
        # log_softmax is several times as fast as logsumexp on a CPU.
        asked = ((logits[part].log_softmax(-1), labels[part, None]) for part in _parts(logits))
        return torch.cat([logp.gather(-1, label).squeeze(-1) for logp, label in asked])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        logits, labels = ctx.saved_tensors
        if torch.is_grad_enabled():  # The gradient is to be derived again, so it has to be made of plain operations.
            return (-gradient[:, None] * logits.softmax(-1)).scatter_add(-1, labels[:, None], gradient[:, None]), None
        found = torch.empty_like(logits)
        for part in _parts(logits):
            torch.mul(logits[part].softmax(-1), -gradient[part, None], out=found[part])
        return found.scatter_add_(-1, labels[:, None], gradient[:, None]), None


class _Divergence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, reference: Tensor, logits: Tensor) -> Tensor:
        ctx.save_for_backward(reference, logits)
        return torch.cat([_of(reference[part], logits[part]) for part in _parts(logits)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        reference, logits = ctx.saved_tensors
        if torch.is_grad_enabled():
            held = reference.exp()
            return None, (logits.softmax(-1) * held.sum(-1, keepdim=True) - held) * gradient[:, None]
        found = torch.empty_like(logits)
        for part in _parts(logits):
            before = reference[part].exp()
            now = logits[part].softmax(-1).mul_(before.sum(-1, keepdim=True))
            torch.sub(now, before, out=found[part]).mul_(gradient[part, None])
        return None, found


def _of(reference: Tensor, logits: Tensor) -> Tensor:
    now = logits.log_softmax(-1)
    return (reference.exp() * torch.sub(reference, now, out=now)).sum(-1)


def _parts(logits: Tensor) -> Iterator[slice]:
    rows, vocabulary = logits.shape
    size = max(1, (_CPU_ENTRIES if logits.device.type == "cpu" else _GPU_ENTRIES) // vocabulary)
    return (slice(start, start + size) for start in range(0, max(rows, 1), size))
