"""A whole training run: this engine beside the straightforward trainer that research code uses, and beside its floor.

All of them make the same steps on the same records in the same order, on the same random model, one after the other in
one process. The straightforward trainer is a ``transformers.Trainer`` whose loss calls the model on padded batches,
takes logits at every position and keeps a deep copy of the model as the reference. The floor is one forward and
backward pass over exactly the tokens that a step needs, with logits at labelled positions only; no update, no log.

Seconds are the median step's, from the end of one to the end of the next, over five epochs of the data; what this
engine does before the first step is beside it. Memory is the growth of a process of its own over what it takes when the
model lies ready.

    python benches/engine/training.py text       # 30 M parameters, 32 k words, 192 tokens of which 32 are the answer
    python benches/engine/training.py picture    # a LLaVA shape, 256 tokens a picture, 12 questions a picture
"""

from __future__ import annotations

import argparse
import copy
import gc
import io
import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax, logsigmoid
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from benign.data.batch import Batch
from benign.data.record import Data, ImageRef, Record
from benign.engine.attach import attached
from benign.engine.draw import Drawn, drawn
from benign.engine.forward import encoded
from benign.engine.log import Log
from benign.engine.recipe import Optim, Train
from benign.engine.train import Job, train
from benign.methods.dpo import DPO
from benign.methods.kl_min import KLMin
from benign.methods.npo import NPO
from benign.models.collate import collate
from benign.models.embedded.tokenizer import CHAT_TEMPLATE
from benign.models.families import families
from benign.models.load import Model
from benign.models.pack import packed_rows
from benign.models.processor import Processor
from benign.models.vision_cache import VisionCache
from benign.parts.loci.all_weights import AllWeights
from benign.parts.loci.lora import Lora
from benign.parts.samplers.image_grouped import ImageGrouped
from benign.parts.targets import Context

RESULTS = Path(__file__).parents[1] / "results" / "engine"
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>", "<user>", "<assistant>", "<system>"]
ENGINES = ("engine", "trainer", "floor")
LR, BETA = 1e-4, 0.1
EPOCHS = 5
"""As in most papers; what is computed once per record, such as the reference's predictions, serves all of them."""


@dataclass(frozen=True)
class Shape:
    """One workload."""

    vocabulary: int
    hidden: int
    layers: int
    question_tokens: int
    """The template's tokens among them."""
    answer_tokens: int
    """The token that ends an answer among them."""
    batch: int
    """Records per term and step: a step sees as many forget records as retained ones."""
    pictures: bool = False
    vision_layers: int = 0
    picture_tokens: int = 0
    micro_batch: int | None = None
    """Records per pass of this engine, whose accumulated gradients are those of the whole step."""


SHAPES = {
    "text": Shape(32_000, 384, 4, 160, 32, 8, micro_batch=4),
    "picture": Shape(4_096, 256, 4, 19, 8, 12, pictures=True, vision_layers=4, picture_tokens=256),
}
METHODS: dict[str, Callable[..., Any]] = {"npo": NPO, "dpo": DPO, "kl": KLMin}
LOCI = {"lora": Lora(rank=16, alpha=16.0, dropout=0.0), "all": AllWeights()}


def built(shape: Shape) -> Model:
    """A random model of the shape; the same one at every call."""
    torch.manual_seed(0)
    words = transformers.LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=3 * shape.hidden,
        num_hidden_layers=shape.layers, num_attention_heads=8, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    if not shape.pictures:
        family = families()["llama"]
        module: Any = transformers.LlamaForCausalLM(words)
        return Model(module.eval(), Processor(_tokenizer(shape), family), family, "bench", "bench")
    vision = transformers.CLIPVisionConfig(
        hidden_size=shape.hidden, intermediate_size=4 * shape.hidden, num_hidden_layers=shape.vision_layers,
        num_attention_heads=8, image_size=224, patch_size=14, projection_dim=64,
    )  # fmt: skip
    config = transformers.LlavaConfig(
        vision_config=vision, text_config=words, image_token_index=SPECIAL.index("<image>"),
        image_seq_length=shape.picture_tokens,
    )  # fmt: skip
    processor = transformers.LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224}),
        tokenizer=_tokenizer(shape), patch_size=14, vision_feature_select_strategy="default", image_token="<image>",
        chat_template=CHAT_TEMPLATE, num_additional_image_tokens=1,
    )  # fmt: skip
    family = families()["llava"]
    module = transformers.LlavaForConditionalGeneration(config)
    return Model(module.eval(), Processor(processor, family), family, "bench", "bench")


def _tokenizer(shape: Shape) -> transformers.PreTrainedTokenizerFast:
    table = {word: i for i, word in enumerate([*SPECIAL, *(f"w{i}" for i in range(shape.vocabulary - len(SPECIAL)))])}
    core = Tokenizer(WordLevel(table, unk_token="<unk>"))
    core.pre_tokenizer = WhitespaceSplit()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
        additional_special_tokens=SPECIAL[4:], padding_side="right",
    )  # fmt: skip
    fast.chat_template = CHAT_TEMPLATE
    return fast


def data(shape: Shape, steps: int) -> Data:
    """As many random records as the steps see in five epochs; 12 in a row share a picture in the picture shape."""
    draw = torch.Generator().manual_seed(1)

    def words(count: int) -> str:
        return " ".join(f"w{i}" for i in torch.randint(shape.vocabulary - 10, (count,), generator=draw).tolist())

    def picture() -> tuple[ImageRef, ...]:
        pixels = torch.randint(256, (224, 224, 3), generator=draw, dtype=torch.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels.numpy()).save(buffer, format="PNG")
        return (ImageRef(data=buffer.getvalue()),)

    def records(name: str) -> tuple[Record, ...]:
        found = []
        for step in range(-(-steps // EPOCHS)):
            images = picture() if shape.pictures else ()
            found += [
                Record(f"{name}-{step}-{i}", f"s{step}", images, words(shape.question_tokens - 3),
                       words(shape.answer_tokens - 1))
                for i in range(shape.batch)
            ]  # fmt: skip
        return tuple(found)

    return Data(forget=records("forget"), retain=records("retain"))


def stage_of(method: str, locus: str, shape: Shape, steps: int) -> Train:
    """The method's training stage in this bench's shape."""
    optim = Optim(lr=LR, epochs=None, steps=steps, schedule="constant", micro_batch=shape.micro_batch)
    made = METHODS[method](forget_batch=shape.batch, retain_batch=shape.batch, optim=optim, locus=LOCI[locus])
    stage: Train = made.recipe().stages[0]
    if shape.pictures:
        stage = replace(stage, terms=tuple(replace(term, sampler=ImageGrouped()) for term in stage.terms))
    # Refusals of the same length as the other answers, so that every sequence has the shape's length.
    return stage


Steps = Sequence[Sequence[Sequence[Drawn]]]


def steps_of(stage: Train, records: Data, shape: Shape) -> Steps:
    """The records drawn, with answers of the shape's length."""
    pool = " ".join(f"w{i}" for i in range(shape.answer_tokens - 1))
    found = drawn(stage, Context(records, 0, lambda asked: [r.gold for r in asked]))
    compares = any(item.other is not None for row in found for items in row for item in items)
    if not compares:
        return found
    return [[[replace(i, answer=pool) if i.other is not None else i for i in items] for items in row] for row in found]


def engine_seconds(model: Model, stage: Train, steps: Steps, records: Data) -> tuple[list[float], float]:
    """Seconds of each step, and of what comes before the first one (the reference's predictions, say)."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        job = Job(model, stage, steps, 0, "bench", place, Log(place / "log.jsonl"),
                  lambda *_: ends.append(time.perf_counter()), save_every_seconds=1e9, data=records)  # fmt: skip
        start = time.perf_counter()
        train(job)
    seconds = [later - sooner for sooner, later in itertools.pairwise(ends)]
    return seconds, max(0.0, ends[0] - start - min(seconds))


class Straightforward(transformers.Trainer):
    """The way of research code: everything padded, every logit (and the model's own loss with it, because labels are
    given), a second model."""

    def __init__(self, method: str, reference: nn.Module | None, **given: Any) -> None:
        super().__init__(**given)
        self.method = method
        self.reference = reference

    def compute_loss(self, model: nn.Module, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
        """The method's loss from whole logits."""
        forget, retain = inputs["forget"], inputs["retain"]
        if self.method == "npo":
            now = _summed(model(**forget).logits, forget["labels"])
            before = self._before(forget)
            loss = -2 / BETA * logsigmoid(-BETA * (now - before)).mean() + self._plain(model, retain)
        elif self.method == "dpo":
            rival = inputs["rival"]
            wins = _summed(model(**forget).logits, forget["labels"]) - self._before(forget)
            loses = _summed(model(**rival).logits, rival["labels"]) - self._before(rival)
            loss = -2 / BETA * logsigmoid(BETA * (wins - loses)).mean() + self._plain(model, retain)
        else:
            assert self.reference is not None
            with torch.no_grad():
                target = log_softmax(self.reference(**retain).logits, -1)
            now = log_softmax(model(**retain).logits, -1)
            each = kl_div(now[:, :-1], target[:, :-1], reduction="none", log_target=True).sum(-1)
            seen = retain["labels"][:, 1:] != -100
            loss = each[seen].mean() - self._plain(model, forget)
        return (loss, None) if return_outputs else loss

    def _before(self, batch: Any) -> Tensor:
        assert self.reference is not None
        with torch.no_grad():
            return _summed(self.reference(**batch).logits, batch["labels"])

    @staticmethod
    def _plain(model: nn.Module, batch: Any) -> Tensor:
        loss: Tensor = model(**batch).loss
        return loss


def _summed(logits: Tensor, labels: Tensor) -> Tensor:
    shifted = logits[:, :-1].contiguous()
    logp = -cross_entropy(shifted.transpose(1, 2), labels[:, 1:], ignore_index=-100, reduction="none")
    return logp.sum(1)


class Clock(transformers.TrainerCallback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Called by the trainer."""
        self.ends.append(time.perf_counter())


def trainer_seconds(model: Model, stage: Train, steps: Steps, method: str) -> tuple[list[float], float]:
    """Seconds of each step of the straightforward trainer; its reference costs nothing before the first one."""
    batches = [_batches(model, row) for row in steps]
    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch, attached(model, stage.locus, seed=0, scratch=Path(scratch)):
        reference = copy.deepcopy(model.module).eval()
        arguments = transformers.TrainingArguments(
            scratch, max_steps=len(steps), per_device_train_batch_size=1, learning_rate=LR, report_to=[],
            save_strategy="no", logging_strategy="no", disable_tqdm=True, use_cpu=True, remove_unused_columns=False,
            lr_scheduler_type="constant", dataloader_pin_memory=False, max_grad_norm=1.0,
        )  # fmt: skip
        trainer = Straightforward(
            method, reference, model=model.module, args=arguments, train_dataset=batches,
            data_collator=lambda items: items[0], callbacks=[clock],
        )  # fmt: skip
        trainer.train()
    return [later - sooner for sooner, later in itertools.pairwise(clock.ends)], 0.0


def _batches(model: Model, row: Sequence[Sequence[Drawn]]) -> dict[str, Any]:
    forget, retain = row
    groups: dict[str, Sequence[Drawn]] = {"forget": forget, "retain": retain}
    if forget[0].other is not None:
        groups["rival"] = [item.rival for item in forget]
    return {name: _whole(_padded(model, items)) for name, items in groups.items()}


def _padded(model: Model, items: Sequence[Drawn]) -> Batch:
    return collate([encoded(model.encoder, item) for item in items], pad_id=0)


def _whole(batch: Batch) -> dict[str, Any]:
    return {**batch.inputs, "labels": batch.labels}


def floor_seconds(model: Model, stage: Train, steps: Steps) -> tuple[list[float], float]:
    """Seconds of one forward and backward pass over the tokens that a step needs, the reference's not counted."""
    seconds, vision = [], VisionCache()
    with tempfile.TemporaryDirectory() as scratch, attached(model, stage.locus, seed=0, scratch=Path(scratch)):
        model.module.train()
        for row in steps:
            groups = [group for items in row for group in _asked(items)]
            examples = [encoded(model.encoder, item) for items in groups for item in items]
            start = time.perf_counter()
            rows = packed_rows(model, examples, vision=vision)
            cross_entropy(rows.logits, rows.labels).backward()
            seconds.append(time.perf_counter() - start)
            model.module.zero_grad(set_to_none=True)
    return seconds[1:], 0.0


def _asked(items: Sequence[Drawn]) -> list[Sequence[Drawn]]:
    return [items] if items[0].other is None else [items, [item.rival for item in items]]


def run(name: str, workload: str, method: str, locus: str, steps: int) -> tuple[list[float], float]:
    """One engine on one workload."""
    shape = SHAPES[workload]
    model, stage, records = built(shape), stage_of(method, locus, shape, steps), data(shape, steps)
    order = steps_of(stage, records, shape)
    if name == "engine":
        return engine_seconds(model, stage, order, records)
    if name == "trainer":
        return trainer_seconds(model, stage, order, method)
    return floor_seconds(model, stage, order)


def grown_bytes(name: str, workload: str, method: str, locus: str) -> int:
    """How much a process grows while it makes three steps, above what it takes with the model and the records."""
    shape = SHAPES[workload]
    model, stage, records = built(shape), stage_of(method, locus, shape, 3), data(shape, 3)
    order = steps_of(stage, records, shape)
    gc.collect()
    # The peak so far is that of building the model: Linux starts it anew at what is held now.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _memory_bytes("VmRSS")
    if name == "engine":
        engine_seconds(model, stage, order, records)
    else:
        trainer_seconds(model, stage, order, method)
    return _memory_bytes("VmHWM") - before


def _memory_bytes(field: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(re.search(rf"{field}:\s+(\d+) kB", status)[1])


def measured(workload: str, methods: Sequence[str], loci: Sequence[str], steps: int, threads: int) -> dict[str, Any]:
    """All methods on all loci."""
    rows = []
    torch.set_num_threads(threads)
    shape = SHAPES[workload]
    tokens = 2 * shape.batch * (shape.picture_tokens + shape.question_tokens + shape.answer_tokens)
    for method in methods:
        for locus in loci:
            taken = {name: run(name, workload, method, locus, steps) for name in ENGINES}
            typical = {name: statistics.median(seconds) for name, (seconds, _) in taken.items()}
            grown = {name: _grown_elsewhere(name, workload, method, locus, threads) for name in ENGINES[:2]}
            row = {
                "method": method, "locus": locus,
                "seconds": {name: round(value, 4) for name, value in typical.items()},
                "seconds_of_steps": {name: [round(s, 4) for s in seconds] for name, (seconds, _) in taken.items()},
                "seconds_before": round(taken["engine"][1], 3),
                "times_faster": round(typical["trainer"] / typical["engine"], 2),
                "times_the_floor": round(typical["engine"] / typical["floor"], 3),
                "tokens_per_second": {name: round(tokens / value) for name, value in typical.items()},
                "grown_bytes": grown,
                "memory_ratio": round(grown["engine"] / grown["trainer"], 3),
            }  # fmt: skip
            rows.append(row)
            sys.stdout.write(line(row) + "\n")
            sys.stdout.flush()
    machine = {
        "threads": threads, "torch": torch.__version__, "transformers": transformers.__version__,
        "processor": platform.machine(), "load_before": round(_LOAD, 2),
    }  # fmt: skip
    parameters = sum(p.numel() for p in built(shape).module.parameters())
    return {"workload": workload, "shape": vars(shape), "parameters": parameters, "steps": steps, "machine": machine,
            "rows": rows}  # fmt: skip


_LOAD = os.getloadavg()[0]


def _grown_elsewhere(name: str, workload: str, method: str, locus: str, threads: int) -> int:
    command = [sys.executable, __file__, workload, "--memory-of", name, "--methods", method, "--loci", locus,
               "--threads", str(threads)]  # fmt: skip
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def line(row: dict[str, Any]) -> str:
    """One row for human eyes."""
    s, g = row["seconds"], row["grown_bytes"]
    return (
        f"{row['method']:4} {row['locus']:5} engine {s['engine']:7.3f} s  trainer {s['trainer']:7.3f} s "
        f"{row['times_faster']:5.1f}x faster   {row['times_the_floor']:5.2f}x its floor   "
        f"memory {g['engine'] / 2**20:6.0f} of {g['trainer'] / 2**20:6.0f} MiB, {row['memory_ratio']:4.2f}x   "
        f"before the first step {row['seconds_before']:.1f} s"
    )


def main() -> None:
    """Measure, print a table and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("workload", choices=SHAPES)
    parser.add_argument("--methods", default="npo,dpo,kl")
    parser.add_argument("--loci", default="lora,all")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-of", choices=ENGINES[:2], help="print one engine's growth in bytes and end")
    options = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    methods, loci = options.methods.split(","), options.loci.split(",")
    if options.memory_of:
        torch.set_num_threads(options.threads)
        sys.stdout.write(f"{grown_bytes(options.memory_of, options.workload, methods[0], loci[0])}\n")
        return
    found = measured(options.workload, methods, loci, options.steps, options.threads)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{options.workload}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
