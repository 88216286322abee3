"""Tiny random models that see pictures, each saved the way the hub keeps its family."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from .words import CHATML, GEMMA_CHAT, IDEFICS_CHAT, IDS, QWEN_CHAT, SIZES, VICUNA, VISION, tokenizer


def save(folder: Path, module: Any, processor: Any) -> Path:
    module.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _save_parts(folder: Path, module: Any, images: Any, text: Any, name: str, **settings: Any) -> Path:
    """The layout of older hub folders; without torchvision the whole processor cannot be made to save it."""
    for part in (module, images, text):
        part.save_pretrained(folder)
    preprocessor = folder / "preprocessor_config.json"
    content = json.loads(preprocessor.read_text()) | {"processor_class": name}
    preprocessor.write_text(json.dumps(content))
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": name, **settings}))
    return folder


def _clip() -> hf.CLIPVisionConfig:
    return hf.CLIPVisionConfig(**VISION, projection_dim=16)


def _siglip() -> hf.SiglipVisionConfig:
    return hf.SiglipVisionConfig(**VISION)


def llava(folder: Path) -> Path:
    config = hf.LlavaConfig(
        vision_config=_clip(),
        text_config=hf.LlamaConfig(**SIZES),
        image_token_index=IDS["<image>"],
        vision_feature_layer=-2,
        image_seq_length=4,
    )
    images = hf.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = hf.LlavaProcessor(
        images,
        tokenizer(VICUNA),
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=VICUNA,
    )
    return save(folder, hf.LlavaForConditionalGeneration(config), processor)


GRID = [[28, 56], [56, 28], [56, 56]]


def llava_next(folder: Path) -> Path:
    config = hf.LlavaNextConfig(
        vision_config=_clip(),
        text_config=hf.MistralConfig(**SIZES),
        image_token_index=IDS["<image>"],
        image_grid_pinpoints=GRID,
        vision_feature_layer=-2,
    )
    images = hf.LlavaNextImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=GRID
    )
    processor = hf.LlavaNextProcessor(
        images,
        tokenizer(VICUNA),
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=VICUNA,
    )
    return save(folder, hf.LlavaNextForConditionalGeneration(config), processor)


def llava_onevision(folder: Path) -> Path:
    config = hf.LlavaOnevisionConfig(
        vision_config=_siglip(),
        text_config=hf.Qwen2Config(**SIZES),
        image_token_index=IDS["<image>"],
        video_token_index=IDS["<video>"],
        image_grid_pinpoints=GRID,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    images = hf.LlavaOnevisionImageProcessorPil(size={"height": 28, "width": 28}, image_grid_pinpoints=GRID)
    text = tokenizer(CHATML.replace("IMAGE", "<image>\n"), eos="<|im_end|>")
    return _save_parts(
        folder,
        hf.LlavaOnevisionForConditionalGeneration(config),
        images,
        text,
        "LlavaOnevisionProcessor",
        num_image_tokens=4,
        vision_feature_select_strategy="full",
        vision_aspect_ratio="anyres_max_9",
    )


QWEN_IDS = {
    "image_token_id": IDS["<|image_pad|>"],
    "video_token_id": IDS["<|video_pad|>"],
    "vision_start_token_id": IDS["<|vision_start|>"],
    "vision_end_token_id": IDS["<|vision_end|>"],
}


def _qwen_images(patch: int) -> Any:
    side = {"shortest_edge": (patch * 2) ** 2, "longest_edge": (patch * 6) ** 2}
    return hf.Qwen2VLImageProcessorPil(patch_size=patch, size=side)


def qwen2_vl(folder: Path) -> Path:
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0}
    config = hf.Qwen2VLConfig(
        text_config={**SIZES, "rope_parameters": rope},
        vision_config={
            "depth": 2,
            "embed_dim": 16,
            "hidden_size": 32,
            "num_heads": 2,
            "mlp_ratio": 2,
            "patch_size": 14,
        },
        **QWEN_IDS,
    )
    text = tokenizer(QWEN_CHAT, eos="<|im_end|>")
    return _save_parts(folder, hf.Qwen2VLForConditionalGeneration(config), _qwen_images(14), text, "Qwen2VLProcessor")


def qwen2_5_vl(folder: Path) -> Path:
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0}
    vision = {
        "depth": 2,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_heads": 2,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
        "window_size": 56,
        "patch_size": 14,
    }
    config = hf.Qwen2_5_VLConfig(text_config={**SIZES, "rope_parameters": rope}, vision_config=vision, **QWEN_IDS)
    text = tokenizer(QWEN_CHAT, eos="<|im_end|>")
    module = hf.Qwen2_5_VLForConditionalGeneration(config)
    return _save_parts(folder, module, _qwen_images(14), text, "Qwen2_5_VLProcessor")


QWEN3_TEXT = {
    **SIZES,
    "head_dim": 8,
    "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0},
}
QWEN3_VISION = {
    "depth": 2,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_heads": 2,
    "out_hidden_size": 32,
    "num_position_embeddings": 16,
    "deepstack_visual_indexes": [0],
    "patch_size": 16,
}


def qwen3_vl(folder: Path) -> Path:
    config = hf.Qwen3VLConfig(text_config=QWEN3_TEXT, vision_config=QWEN3_VISION, **QWEN_IDS)
    text = tokenizer(QWEN_CHAT, eos="<|im_end|>")
    return _save_parts(folder, hf.Qwen3VLForConditionalGeneration(config), _qwen_images(16), text, "Qwen3VLProcessor")


def qwen3_vl_moe(folder: Path) -> Path:
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    config = hf.Qwen3VLMoeConfig(text_config={**QWEN3_TEXT, **experts}, vision_config=QWEN3_VISION, **QWEN_IDS)
    made, text = hf.Qwen3VLMoeForConditionalGeneration(config), tokenizer(QWEN_CHAT, eos="<|im_end|>")
    return _save_parts(folder, made, _qwen_images(16), text, "Qwen3VLProcessor")


def internvl(folder: Path) -> Path:
    vision = {**VISION, "image_size": [28, 28], "patch_size": [14, 14]}
    config = hf.InternVLConfig(
        vision_config=vision,
        text_config=hf.Qwen2Config(**SIZES),
        image_token_id=IDS["<IMG_CONTEXT>"],
        image_seq_length=1,
    )
    images = hf.GotOcr2ImageProcessorPil(
        size={"height": 28, "width": 28}, crop_to_patches=True, min_patches=1, max_patches=4
    )
    text = tokenizer(
        CHATML.replace("IMAGE", "<IMG_CONTEXT>\n"),
        eos="<|im_end|>",
        start_image_token="<img>",
        end_image_token="</img>",
        context_image_token="<IMG_CONTEXT>",
        video_token="<video>",
    )
    module = hf.InternVLForConditionalGeneration(config)
    return _save_parts(folder, module, images, text, "InternVLProcessor", image_seq_length=1)


def gemma3(folder: Path) -> Path:
    text_config = hf.Gemma3TextConfig(
        **SIZES, head_dim=8, sliding_window=16, layer_types=["sliding_attention", "full_attention"]
    )
    config = hf.Gemma3Config(
        text_config=text_config,
        vision_config=_siglip(),
        mm_tokens_per_image=4,
        image_token_index=IDS["<image_soft_token>"],
        boi_token_index=IDS["<start_of_image>"],
        eoi_token_index=IDS["<end_of_image>"],
        eos_token_id=[IDS["</s>"], IDS["<end_of_turn>"]],
    )
    images = hf.Gemma3ImageProcessorPil(size={"height": 28, "width": 28})
    text = tokenizer(
        GEMMA_CHAT, boi_token="<start_of_image>", eoi_token="<end_of_image>", image_token="<image_soft_token>"
    )
    processor = hf.Gemma3Processor(images, text, image_seq_length=4, chat_template=GEMMA_CHAT)
    module = hf.Gemma3ForConditionalGeneration(config)
    # A fresh projection is zero: pictures would change nothing.
    torch.nn.init.normal_(module.model.multi_modal_projector.mm_input_projection_weight, std=0.3)
    return save(folder, module, processor)


def idefics3(folder: Path) -> Path:
    config = hf.Idefics3Config(
        vision_config=VISION,
        text_config=hf.LlamaConfig(**SIZES),
        image_token_id=IDS["<image>"],
        scale_factor=2,
    )
    images = hf.Idefics3ImageProcessorPil(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
    processor = hf.Idefics3Processor(images, tokenizer(IDEFICS_CHAT), image_seq_len=1, chat_template=IDEFICS_CHAT)
    return save(folder, hf.Idefics3ForConditionalGeneration(config), processor)


def smolvlm(folder: Path) -> Path:
    config = hf.SmolVLMConfig(
        vision_config=VISION,
        text_config=hf.LlamaConfig(**SIZES),
        image_token_id=IDS["<image>"],
        scale_factor=2,
    )
    images = hf.SmolVLMImageProcessorPil(size={"longest_edge": 56}, max_image_size={"longest_edge": 28})
    module, text = hf.SmolVLMForConditionalGeneration(config), tokenizer(IDEFICS_CHAT)
    return _save_parts(folder, module, images, text, "SmolVLMProcessor", image_seq_len=1)


def mllama(folder: Path) -> Path:
    chat = CHATML.replace("IMAGE", "<|image|>").replace("<|im_end|>\n", "<|eot_id|>")
    vision = hf.models.mllama.configuration_mllama.MllamaVisionConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_global_layers=1,
        attention_heads=2,
        image_size=28,
        patch_size=14,
        max_num_tiles=4,
        intermediate_layers_indices=[0],
        vision_output_dim=32,
        supported_aspect_ratios=[[1, 1], [1, 2], [2, 1], [2, 2], [1, 3], [3, 1], [1, 4], [4, 1]],
    )
    text_config = hf.models.mllama.configuration_mllama.MllamaTextConfig(
        **{**SIZES, "num_hidden_layers": 3}, cross_attention_layers=[1]
    )
    config = hf.MllamaConfig(vision_config=vision, text_config=text_config, image_token_index=IDS["<|image|>"])
    images = hf.MllamaImageProcessorPil(size={"height": 28, "width": 28}, max_image_tiles=4)
    processor = hf.MllamaProcessor(images, tokenizer(chat, eos="<|eot_id|>"), chat_template=chat)
    module = hf.MllamaForConditionalGeneration(config)
    with torch.no_grad():  # The gates of a fresh model are shut: pictures would change nothing.
        for name, parameter in module.named_parameters():
            if "gate" in name and parameter.numel() == 1:
                parameter.fill_(0.7)
    return save(folder, module, processor)
