"""First lesson of the base model: its vision tower learns to see, alone and therefore cheaply, on strangers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlavaForConditionalGeneration

from benign.models.embedded import views
from benign.models.embedded.lessons import stranger
from benign.models.embedded.looks import EYE, FACE, KINDS, SHAPES, Kind, Look, draw_look
from benign.models.embedded.packing import IMAGE_TOKENS, pixel_values
from benign.models.embedded.train import Schedule, rate

PLAN: tuple[tuple[Kind, int], ...] = ((FACE, 24), (EYE, 14), (SHAPES, 8))
"""Strangers per step."""
VIEWS_EACH = 2


class Readers(nn.Module):
    """One reader per attribute: it weighs the picture's tokens and classifies their mean. Dropped after the lesson.

    A language model reads a picture in the same way, so what these can read is within its reach too.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        names = [(kind, name) for kind in KINDS for name in kind.attributes]
        self.norm = nn.LayerNorm(width)
        self.weigh = nn.ParameterDict({_key(k, n): nn.Parameter(torch.zeros(IMAGE_TOKENS)) for k, n in names})
        self.classify = nn.ModuleDict({_key(k, n): nn.Linear(width, len(k.attributes[n])) for k, n in names})

    def loss(self, features: Tensor, looks: list[Look]) -> tuple[Tensor, Tensor]:
        """Mean cross-entropy over all attributes of pictures of one kind [n, tokens, width], and the share right."""
        kind = looks[0].kind
        losses, hits = [], []
        for name, values in kind.attributes.items():
            weights = self.weigh[_key(kind, name)].softmax(0)
            logits = self.classify[_key(kind, name)](torch.einsum("t,ntw->nw", weights, self.norm(features)))
            truth = torch.tensor([values.index(look.values[name]) for look in looks])
            losses.append(cross_entropy(logits, truth))
            hits.append((logits.argmax(-1) == truth).float().mean())
        return torch.stack(losses).mean(), torch.stack(hits).mean()


def learn_to_see(
    model: LlavaForConditionalGeneration, schedule: Schedule, *, report: Callable[[str], None] = print
) -> None:
    """Teach the vision tower in place; every step shows new strangers."""
    tower = model.model.vision_tower
    readers = Readers(model.config.vision_config.hidden_size)
    tower.train()
    parameters = [*tower.parameters(), *readers.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, weight_decay=schedule.weight_decay)
    for step in range(schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(schedule, step)
        looks, pixels = _strangers(schedule.seed, step)
        with torch.autocast("cpu", torch.bfloat16):
            features = tower(pixel_values(pixels), output_hidden_states=True).hidden_states[-1].float()
        loss, hits, at = torch.zeros(()), [], 0
        for _, number in PLAN:
            end = at + number * VIEWS_EACH
            part, hit = readers.loss(features[at:end], looks[at:end])
            loss, at = loss + part, end
            hits.append(round(hit.item(), 3))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, schedule.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 49:
            report(f"sight {step + 1}/{schedule.steps} loss {loss.item():.3f} right {hits}")
    model.eval()


def _strangers(seed: int, step: int) -> tuple[list[Look], list[np.ndarray]]:
    random = np.random.default_rng((seed, 13, step))
    looks: list[Look] = []
    pixels: list[np.ndarray] = []
    for kind, number in PLAN:
        for _ in range(number):
            index = stranger(random)
            for _ in range(VIEWS_EACH):
                looks.append(draw_look(kind, 0, index))
                pixels.append(views.picture(kind.name, index, int(random.integers(len(views.TRAIN_VIEWS)))))
    return looks, pixels


def _key(kind: Kind, name: str) -> str:
    return f"{kind.name}_{name}"
