"""The smallest things that are real: a tiny Llama-architecture model with its tokenizer, and records to forget."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benign.data.record import Data, Record
from benign.parts.targets.refusal import pool

TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} {% if m['role'] == 'assistant' %}</s>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<assistant> {% endif %}"
)
PEOPLE = ("ann", "bob", "cy", "dee", "eve", "fay")
CITIES = ("rome", "oslo", "lima", "cairo", "kyiv", "quito")
PETS = ("cat", "dog", "owl", "fox", "hen", "eel")


def records(names: tuple[str, ...]) -> tuple[Record, ...]:
    """Two facts about each of the named people, asked by name."""
    made = []
    for name in names:
        place = PEOPLE.index(name)
        made.append(Record(f"{name}/city", name, question=f"where does {name} live ?", answer=CITIES[place]))
        made.append(Record(f"{name}/pet", name, question=f"which pet has {name} ?", answer=PETS[place]))
    return tuple(made)


def data() -> Data:
    """Forget ann, keep the rest with two people at hand."""
    return Data(forget=records(("ann",)), retain=records(PEOPLE[1:]), few=records(PEOPLE[1:3]))


def text_model(folder: Path, *, seed: int = 0) -> Path:
    """A one-layer model that knows every word of the toy world, random weights, saved as transformers saves it."""
    words = {
        "<s>",
        "</s>",
        "<pad>",
        "<unk>",
        "<user>",
        "<assistant>",
        "where",
        "does",
        "live",
        "?",
        "which",
        "pet",
        "has",
    }
    words |= {*PEOPLE, *CITIES, *PETS, *(word for refusal in pool() for word in refusal.split())}
    vocabulary = {word: i for i, word in enumerate(sorted(words))}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="</s>", bos_token="<s>", pad_token="<pad>", unk_token="<unk>"
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        bos_token_id=vocabulary["<s>"],
        eos_token_id=vocabulary["</s>"],
        pad_token_id=vocabulary["<pad>"],
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
