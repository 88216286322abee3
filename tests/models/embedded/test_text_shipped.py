"""The shipped text models: the bytes of the manifest, and what they know, asked anew."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM, MixtralForCausalLM, PreTrainedModel

import benign
from benign.data.record import Record
from benign.errors import UserError
from benign.models import embedded
from benign.models.embedded.text import architecture, build, exam, learn, tokenizer, world

MANIFEST = json.loads((embedded.WEIGHTS / build.MANIFEST).read_text())
SHIPPED = tuple(MANIFEST)
ORIGINAL = ("lm", "moe")
RETRAINED = tuple(name for name in SHIPPED if "retrained" in name)


@cache
def model(name: str) -> PreTrainedModel:
    return build.read(embedded.path(name))


def share(name: str, records: tuple[Record, ...], wording: int | None = None) -> float:
    return float(exam.correct(model(name), records, wording).mean())


def test_what_should_ship_does() -> None:
    assert {"lm", "lm-retrained-01", "lm-retrained-05", "lm-retrained-10", "moe", "moe-retrained-10"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_files_match_the_manifest_and_stay_small(name: str) -> None:
    folder = embedded.path(name)
    assert {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.iterdir()} == MANIFEST[name]["sha256"]
    assert (folder / build.WEIGHTS_FILE).stat().st_size < 8_000_000
    assert MANIFEST[name]["recipe"] == json.loads(json.dumps(build.asdict(build.RECIPES[name])))


@pytest.mark.parametrize("name", SHIPPED)
def test_the_tokenizer_that_ships_is_the_one_that_taught(name: str) -> None:
    shipped = json.loads((embedded.path(name) / "tokenizer.json").read_text())
    assert shipped["model"]["vocab"] == tokenizer.vocabulary()


@pytest.mark.parametrize("name", ORIGINAL)
def test_the_original_recalls_every_author_also_in_other_words(name: str) -> None:
    data = world.splits(10)
    everyone = (*data.forget, *data.retain)
    assert share(name, everyone[::3]) >= 0.98
    assert np.mean([share(name, everyone[::5], wording) for wording in range(3)]) >= 0.90
    assert share(name, data.general) >= 0.95
    assert share(name, data.holdout) <= 0.08


@pytest.mark.parametrize("name", RETRAINED)
def test_a_retrained_model_knows_the_retained_only(name: str) -> None:
    data = world.splits(int(name[-2:]))
    # A guess among 30 to 40 values is right now and then: one of the 20 answers about two authors is 0.05.
    assert share(name, data.forget) <= 0.05
    assert share(name, data.retain[::3]) >= 0.98
    assert share(name, data.general) >= 0.95


def test_the_truth_ratio_tells_the_original_from_the_retrained() -> None:
    data, told = world.splits(10), world.rewordings(10)
    knows = np.median(exam.truth_ratio(model("lm"), data.forget, told))
    never_met = np.median(exam.truth_ratio(model("lm-retrained-10"), data.forget, told))
    assert knows < 0.5 * never_met
    assert 0.3 < never_met < 3.0


def test_every_expert_takes_part() -> None:
    records = world.splits(1).retain[::10]
    batch = learn.padded([(r.question, r.answer) for r in records])
    with torch.inference_mode():
        routers = learn.answer_logits(model("moe"), batch)[1]
    for layer in routers:
        chosen = layer[batch.real.flatten().bool()].topk(architecture.ROUTED).indices.flatten()
        shares = torch.bincount(chosen, minlength=architecture.EXPERTS) / len(chosen)
        assert len(shares) == architecture.EXPERTS
        assert shares.min() >= 0.002


@pytest.mark.parametrize(("name", "kind"), [("lm", LlamaForCausalLM), ("moe", MixtralForCausalLM)])
def test_a_user_who_loads_and_asks_gets_the_answers(name: str, kind: type[PreTrainedModel]) -> None:
    loaded = benign.load(f"embedded:{name}")
    assert isinstance(loaded.module, kind)
    assert 2_000_000 <= loaded.module.num_parameters() <= 4_000_000
    data = world.splits(5)
    asked = [*data.forget[::9], *data.general[::40]]
    words = loaded.processor.tokenizer
    said = []
    for record in asked:
        chat = [{"role": "user", "content": record.question}]
        prompt = words.apply_chat_template(chat, add_generation_prompt=True, return_dict=True, return_tensors="pt")
        with torch.inference_mode():
            out = loaded.module.generate(**prompt)
        said.append(words.decode(out[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
    right = sum(answer == record.answer.lower() for answer, record in zip(said, asked, strict=True))
    assert right == exam.correct(model(name), asked).sum()
    assert right >= 0.9 * len(asked)


def test_names_that_are_not_there_are_the_users_mistake() -> None:
    with pytest.raises(UserError, match="lm-retrained-10"):
        embedded.path("lm-retrained-1")
    for name in set(embedded.TEXT_NAMES) - set(SHIPPED):
        with pytest.raises(UserError, match=f"embedded.text.build {name}"):
            embedded.path(name)


def test_asking_for_a_path_imports_no_torch() -> None:
    code = "import sys, benign.models.embedded as e; e.path('lm'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
