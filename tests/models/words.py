"""The vocabulary, tokenizer, chat templates and sizes of the tiny models."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

SPECIAL = (
    *(
        [
            "<unk>",
            "<s>",
            "</s>",
            "<pad>",
            "<|im_start|>",
            "<|im_end|>",
            "<image>",
            "<video>",
            "<|image_pad|>",
            "<|video_pad|>",
        ]
    ),
    *(
        [
            "<|vision_start|>",
            "<|vision_end|>",
            "<img>",
            "</img>",
            "<IMG_CONTEXT>",
            "<start_of_image>",
            "<end_of_image>",
        ]
    ),
    *(
        [
            "<image_soft_token>",
            "<end_of_turn>",
            "<fake_token_around_image>",
            "<global-img>",
            "<end_of_utterance>",
        ]
    ),
    *(
        [
            "<row_1_col_1>",
            "<row_1_col_2>",
            "<row_2_col_1>",
            "<row_2_col_2>",
            "<|eot_id|>",
            "<|python_tag|>",
            "<|image|>",
        ]
    ),
)
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
IDS = {token: place for place, token in enumerate((*SPECIAL, *BYTES))}
SIZES: dict[str, Any] = {
    "vocab_size": len(IDS),
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": IDS["<s>"],
    "eos_token_id": IDS["</s>"],
    "pad_token_id": IDS["<pad>"],
}
VISION: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 14,
}
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}IMAGE{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN_CHAT = CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
# The design of LLaVA-1.5: no end token after the answer, only a space.
VICUNA = (
    "{% for m in messages %}{{ m['role'].upper() + ': ' }}"
    "{% for c in m['content'] if c['type'] == 'image' %}<image>\n{% endfor %}"
    "{% for c in m['content'] if c['type'] == 'text' %}{{ c['text'] + ' ' }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
GEMMA_CHAT = (
    "<s>{% for m in messages %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{% for c in m['content'] %}{% if c['type'] == 'image' %}<start_of_image>{% else %}{{ c['text'] | trim }}"
    "{% endif %}{% endfor %}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
IDEFICS_CHAT = (
    "<|im_start|>{% for m in messages %}{{ m['role'] | capitalize }}:{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ ' ' + c['text'] }}{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)


def tokenizer(template: str | None = CHATML, eos: str = "</s>", **named: str) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer that begins a text with ``<s>``; ``named`` are more special tokens by name."""
    raw = Tokenizer(models.BPE(vocab=IDS, merges=[], unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(list(SPECIAL))
    raw.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", IDS["<s>"])])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<s>",
        eos_token=eos,
        pad_token="<pad>",
        unk_token="<unk>",
        chat_template=template,
        extra_special_tokens=named,
        padding_side="right",
    )
