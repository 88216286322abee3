"""Whole runs against a straightforward loop: plain forward with full logits, a deep-copied reference model, AdamW.

The loop below is what the field's trainers do: Hugging Face's model, tokenizer and schedule, labels of -100 on the
prompt, every logit computed, a second copy of the model as the reference. It shares with the library the records, the
order in which they are drawn, and nothing else.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, get_linear_schedule_with_warmup

from benign.data.record import Data
from benign.engine.draw import Drawn, drawn
from benign.engine.log import Log
from benign.engine.recipe import Optim, Train
from benign.engine.train import Job, train
from benign.methods.grad_diff import GradDiff
from benign.methods.npo import NPO
from benign.methods.rmu import RMU
from benign.methods.simnpo import SimNPO
from benign.models.embedded import path
from benign.models.embedded.text import world
from benign.models.load import load
from benign.parts.loci.all_weights import AllWeights
from benign.parts.objectives.rmu import direction
from benign.parts.targets import Context

STEPS, LAYER = 12, 2
OPTIM = Optim(lr=3e-4, epochs=None, steps=STEPS, schedule="linear", weight_decay=0.01, clip=1.0)
GENTLE = replace(OPTIM, lr=3e-5)
"""At the reference NPO's and SimNPO's terms nearly cancel, and AdamW turns what rounding leaves of an entry's gradient
into a whole step: at a larger rate two runs part after a few steps, whoever makes them."""
FAR = replace(OPTIM, lr=3e-3)
DOWN = rf"model\.layers\.[0-{LAYER}]\.mlp\.down_proj"
"""RMU moves the MLP outputs of the layer and of the two before (arXiv 2403.03218)."""

METHODS = {
    "grad_diff": GradDiff(forget_batch=8, retain_batch=8, optim=OPTIM, locus=AllWeights()),
    "npo": NPO(forget_batch=8, retain_batch=8, optim=GENTLE, locus=AllWeights()),
    "simnpo": SimNPO(forget_weight=1.0, forget_batch=8, retain_batch=8, optim=GENTLE, locus=AllWeights()),
    "rmu": RMU(layer=LAYER, coefficient=6.5, forget_batch=8, retain_batch=8, optim=FAR, locus=AllWeights(DOWN)),
}


@dataclass(frozen=True)
class Seen:
    """What the loop has of one batch: everything, prompt and padding included."""

    logits: Tensor
    hidden: Tensor
    labels: Tensor

    @property
    def summed(self) -> tuple[Tensor, Tensor]:
        """Each record's summed negative log-likelihood, and its number of answer tokens."""
        logits, labels = self.logits[:, :-1], self.labels[:, 1:]
        losses = F.cross_entropy(logits.transpose(1, 2), labels, ignore_index=-100, reduction="none")
        return losses.sum(-1), (labels != -100).sum(-1)


Loss = Callable[[Seen, Seen], Tensor]


def cross_entropy(now: Seen, before: Seen) -> Tensor:
    logits, labels = now.logits[:, :-1].flatten(0, 1), now.labels[:, 1:].flatten()
    return F.cross_entropy(logits, labels, ignore_index=-100)


def ascent(now: Seen, before: Seen) -> Tensor:
    return -cross_entropy(now, before)


def npo(now: Seen, before: Seen) -> Tensor:
    """arXiv 2404.05868, equation 3, beta 0.1."""
    ratio = -now.summed[0] + before.summed[0]
    return 2 / 0.1 * torch.log(1 + torch.exp(0.1 * ratio)).mean()


def simnpo(now: Seen, before: Seen) -> Tensor:
    """arXiv 2410.07163, beta 4.5, no margin."""
    nll, tokens = now.summed
    return -2 / 4.5 * F.logsigmoid(4.5 * nll / tokens).mean()


def moved(now: Seen, goal: Tensor) -> Tensor:
    """Mean over records of the mean over their answer rows of the squared distance per unit."""
    mask = (now.labels[:, 1:] != -100).float()
    squared = ((now.hidden[:, :-1] - goal) ** 2).mean(-1)
    return ((squared * mask).sum(-1) / mask.sum(-1)).mean()


def misdirect(now: Seen, before: Seen) -> Tensor:
    return moved(now, 6.5 * direction(0, now.hidden))


def hold(now: Seen, before: Seen) -> Tensor:
    return moved(now, before.hidden[:, :-1])


LOSSES: dict[str, tuple[Loss, Loss]] = {
    "grad_diff": (ascent, cross_entropy),
    "npo": (npo, cross_entropy),
    "simnpo": (simnpo, cross_entropy),
    "rmu": (misdirect, hold),
}


class PlainTrainer:
    """The straightforward loop."""

    def __init__(self, folder: Path, names: Sequence[str], optim: Optim) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.net: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
        self.frozen = copy.deepcopy(self.net).eval()
        for name, parameter in self.net.named_parameters():
            parameter.requires_grad_(name in names)
        moving = [p for p in self.net.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(moving, lr=optim.lr, weight_decay=optim.weight_decay)
        self.schedule = get_linear_schedule_with_warmup(self.optimizer, 0, STEPS)

    def batch(self, items: Sequence[Drawn]) -> dict[str, Tensor]:
        rows, labels = [], []
        for item in items:
            asked = [{"role": "user", "content": item.record.question}]
            prompt = self.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
            before = self.tokenizer(prompt, add_special_tokens=False)["input_ids"]
            answer = self.tokenizer(item.answer, add_special_tokens=False)["input_ids"]
            said = [*answer, self.tokenizer.eos_token_id]
            rows.append(torch.tensor([*before, *said]))
            labels.append(torch.tensor([*([-100] * len(before)), *said]))
        pad = nn.utils.rnn.pad_sequence
        return {
            "input_ids": pad(rows, batch_first=True, padding_value=self.tokenizer.pad_token_id),
            "attention_mask": pad([torch.ones_like(row) for row in rows], batch_first=True),
            "labels": pad(labels, batch_first=True, padding_value=-100),
        }

    @staticmethod
    def seen(net: Any, batch: dict[str, Tensor]) -> Seen:
        inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
        out = net(**inputs, output_hidden_states=True)
        return Seen(out.logits, out.hidden_states[LAYER + 1], batch["labels"])

    def step(self, columns: Sequence[Sequence[Drawn]], losses: Sequence[Loss], weights: Sequence[float]) -> list[float]:
        found = []
        for items, loss in zip(columns, losses, strict=True):
            batch = self.batch(items)
            with torch.no_grad():
                before = self.seen(self.frozen, batch)
            found.append(loss(self.seen(self.net, batch), before))
        total = torch.stack([weight * loss for weight, loss in zip(weights, found, strict=True)]).sum()
        total.backward()
        nn.utils.clip_grad_norm_([p for p in self.net.parameters() if p.requires_grad], OPTIM.clip)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        return [float(loss.detach()) for loss in found]


@pytest.fixture(scope="module")
def data() -> Data:
    whole = world.splits(1)
    return replace(Data(forget=whole.forget, retain=whole.retain[:64]))


@pytest.mark.parametrize("name", METHODS)
def test_a_run_ends_where_the_straightforward_loop_ends(name: str, data: Data, tmp_path: Path) -> None:
    model, (stage,) = load("embedded:lm"), METHODS[name].recipe().stages
    assert isinstance(stage, Train)
    steps = drawn(stage, Context(data, 0, lambda records: [r.gold for r in records]))
    log = Log(tmp_path / "log.jsonl")
    plain = PlainTrainer(path("lm"), stage.locus.names(model.module, model.family), stage.optim)
    delta, _ = train(Job(model, stage, steps, 0, "key", tmp_path, log, lambda *_: None))

    weights = [term.weight for term in stage.terms]
    wanted = [plain.step(columns, LOSSES[name], weights) for columns in steps]
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    got = [[line["forget"], line["retain"]] for line in lines]
    assert len(got) == STEPS
    torch.testing.assert_close(torch.tensor(got), torch.tensor(wanted), atol=1e-4, rtol=1e-5)
    assert abs(wanted[-1][0] - wanted[0][0]) > 0.01, "the run must have gone somewhere"

    after = dict(plain.net.named_parameters())
    before = dict(plain.frozen.named_parameters())
    for tensor in delta.tensors:
        change = (after[tensor] - before[tensor]).detach()
        gap = (delta.dense(tensor) - change).norm() / change.norm()
        assert gap < 0.05, f"{tensor} moved elsewhere: {gap:.2e}"
