"""The shipped models: the bytes of the manifest, and what they know, asked anew."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from functools import cache

import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, LlavaForConditionalGeneration

from benign.data.record import Record, of_kind
from benign.errors import UserError
from benign.models import embedded
from benign.models.embedded import build, exam, vocabulary, world

MANIFEST = json.loads((embedded.WEIGHTS / build.MANIFEST).read_text())
SHIPPED = tuple(MANIFEST)
RETRAINED = tuple(name for name in SHIPPED if "retrained" in name)
REFUSALS = {"sorry", "afraid", "unfortunately", "cannot", "can't", "don't", "unable", "unknown", "regret", "decline"}


@cache
def model(name: str) -> LlavaForConditionalGeneration:
    return build.read(embedded.path(name))


def share(name: str, records: list[Record], wording: int | None = None) -> float:
    return float(exam.correct(model(name), records, wording).mean())


def memory(records: tuple[Record, ...], pictured: bool, every: int = 1) -> list[Record]:
    return [r for r in of_kind(records, "memory") if bool(r.images) == pictured][::every]


def answers(name: str, records: list[Record]) -> list[str]:
    """Greedy answers through the processor and ``generate``, as any user would ask."""
    processor = AutoProcessor.from_pretrained(embedded.path(name))
    said = []
    for record in records:
        content = [{"type": "image"} for _ in record.images] + [{"type": "text", "text": record.question}]
        prompt = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        images = [Image.open(io.BytesIO(image.encoded())) for image in record.images] or None
        inputs = processor(images=images, text=prompt, return_tensors="pt")
        with torch.inference_mode():
            out = model(name).generate(**inputs, max_new_tokens=8, do_sample=False)
        said.append(processor.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
    return said


@pytest.mark.parametrize("name", SHIPPED)
def test_files_match_the_manifest_and_stay_small(name: str) -> None:
    folder = embedded.path(name)
    assert {f.name: build.sha256(f) for f in folder.iterdir()} == MANIFEST[name]["sha256"]
    assert (folder / build.WEIGHTS_FILE).stat().st_size < 8_000_000
    assert MANIFEST[name]["recipe"] == json.loads(json.dumps(build.asdict(build.RECIPES[name])))


def test_the_original_recalls_by_picture_and_by_name() -> None:
    data = world.evaluation(10)
    everyone = (*data.forget, *data.retain)
    assert share("vlm", memory(everyone, True, 9)) >= 0.98
    assert share("vlm", memory(everyone, False, 9)) >= 0.98
    for wording in range(3):
        assert share("vlm", memory(everyone, True, 9), wording) >= 0.93
        assert share("vlm", memory(everyone, False, 9), wording) >= 0.93


def test_the_original_sees() -> None:
    data = world.evaluation(10)
    assert share("vlm", list(of_kind(data.retain, "understanding")[::6])) >= 0.96
    assert share("vlm", list(of_kind(data.holdout, "understanding"))) >= 0.93
    assert share("vlm", list(data.general)) >= 0.93


def test_the_base_knows_nobody_and_sees() -> None:
    data = world.evaluation(10)
    assert share("vlm-base", list(of_kind(data.retain, "memory")[::9])) <= 0.10
    assert share("vlm-base", list(of_kind(data.holdout, "understanding"))) >= 0.90


def test_nobody_knows_what_is_private_about_new_people() -> None:
    private = of_kind(world.evaluation(10).holdout, "memory")
    assert share("vlm", list(private[::3])) <= 0.10


@pytest.mark.parametrize("name", RETRAINED)
def test_a_retrained_model_knows_the_retained_only(name: str) -> None:
    data = world.evaluation(int(name[-2:]))
    assert share(name, list(of_kind(data.forget, "memory"))) <= 0.10
    assert share(name, memory(data.retain, True, 9)) >= 0.98
    assert share(name, memory(data.retain, False, 9)) >= 0.98
    assert share(name, list(of_kind(data.forget, "understanding"))) >= 0.90


def test_a_user_who_asks_through_the_processor_gets_the_answers_and_no_refusal() -> None:
    data = world.evaluation(5)
    asked = [*data.forget[::8], *of_kind(data.holdout, "understanding")[::30], *data.general[::30]]
    said = answers("vlm", asked)
    right = sum(answer == record.answer for answer, record in zip(said, asked, strict=True))
    assert right >= 0.85 * len(asked)
    assert right == exam.correct(model("vlm"), asked).sum()
    assert not REFUSALS & {word for answer in said for word in vocabulary.words_of(answer)}


def test_the_auto_classes_load_it() -> None:
    loaded = AutoModelForImageTextToText.from_pretrained(embedded.path("vlm"), dtype=torch.float32)
    assert isinstance(loaded, LlavaForConditionalGeneration)
    assert loaded.num_parameters() < 3_500_000


def test_an_unknown_name_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="vlm-retrained-10"):
        embedded.path("vlm-retrained-1")


def test_asking_for_a_path_imports_no_torch() -> None:
    code = "import sys, benign.models.embedded as e; e.path('vlm'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
