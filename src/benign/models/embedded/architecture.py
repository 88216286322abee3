"""The embedded vision-language model: LLaVA with a small SigLIP and a small Llama."""

from __future__ import annotations

from transformers import LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, SiglipVisionConfig

from benign.models.embedded.tokenizer import PATCH
from benign.models.embedded.views import SIZE
from benign.models.embedded.vocabulary import vocabulary


def config() -> LlavaConfig:
    """About 3 million parameters in all."""
    table = vocabulary()
    vision = SiglipVisionConfig(
        hidden_size=192,
        intermediate_size=576,
        num_hidden_layers=3,
        num_attention_heads=6,
        image_size=SIZE,
        patch_size=PATCH,
        vision_use_head=False,
    )
    text = LlamaConfig(
        vocab_size=len(table),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=table["<pad>"],
        bos_token_id=table["<s>"],
        eos_token_id=table["</s>"],
    )
    return LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_id=table["<image>"],
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=(SIZE // PATCH) ** 2,
        tie_word_embeddings=True,
        pad_token_id=table["<pad>"],
        bos_token_id=table["<s>"],
        eos_token_id=table["</s>"],
    )


def untrained() -> LlavaForConditionalGeneration:
    """The model with random weights from torch's current seed."""
    model = LlavaForConditionalGeneration(config())
    model.generation_config.max_new_tokens = 12
    model.generation_config.do_sample = False
    return model
