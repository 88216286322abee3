"""What the rest of the library needs to know about a model family."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from torch import Tensor, nn

from benign.errors import UserError

DECODER_LINEAR = r"\.layers\.\d+\.(?:self_attn|cross_attn|mlp)\.(?:[a-z]+_)+proj"
"""The linear layers of a decoder block, below the dotted path of the language model."""


@dataclass(frozen=True)
class Family:
    """The names that tell the parts of one architecture apart."""

    name: str
    model_types: tuple[str, ...]
    """The values of ``config.model_type`` that belong to the family."""
    language: str
    """Regex that full-matches the linear modules of the language model: the default place of LoRA."""
    layers: str
    """Dotted path of the decoder layers."""
    backbone: str = "model"
    """Dotted path of everything but the language-model head."""
    head: str = "lm_head"
    """Dotted path of the language-model head."""
    vision: str | None = None
    """Regex that full-matches the modules and parameters of the vision tower; None for a text model."""
    projector: str | None = None
    """Regex that full-matches the modules and parameters between the vision tower and the language model."""
    mixes: bool = True
    """Whether one forward pass may hold records with different numbers of pictures, or none."""
    token_types: bool = False
    """Whether the model reads the tokenizer's ``token_type_ids``."""
    packs: bool = False
    """Whether attention takes a mask [B, 1, T, T] and positions as they are given: records that begin alike can
    share the beginning. Set only where the tests show the same rows."""
    positions: Callable[[nn.Module, Mapping[str, Tensor]], Tensor] | None = None
    """(model, one record's inputs) -> its positions [axes, 1, T]; None where they are 0, 1, 2, ..."""
    caches_vision: bool = False
    """Whether the model takes what it sees from ``get_image_features`` of its backbone, and nothing else."""
    composing: Callable[[], AbstractContextManager[object]] = nullcontext
    """What must hold while the processor is put together without its video part."""

    @property
    def multimodal(self) -> bool:
        """Whether the family sees pictures."""
        return self.vision is not None

    def backbone_of(self, module: nn.Module) -> nn.Module:
        """Everything but the language-model head."""
        return module.get_submodule(self.backbone)

    def head_of(self, module: nn.Module) -> nn.Module:
        """The language-model head."""
        return module.get_submodule(self.head)

    def layers_of(self, module: nn.Module) -> nn.ModuleList:
        """The decoder layers, first to last.

        Raises:
            TypeError: The path does not lead to a list of layers.
        """
        layers = module.get_submodule(self.layers)
        if not isinstance(layers, nn.ModuleList):
            raise TypeError(f"{self.layers} is a {type(layers).__name__}, not a list of layers")
        return layers

    def layer_number(self, module: nn.Module, layer: int | float) -> int:
        """The number of a decoder layer from 0 on: given as such, from the end if negative, or as the fraction of the
        layers that lie below it, rounded down (0.22 is layer 7 of 32 and of 36, and layer 0 of 4).

        Raises:
            UserError: The model has no such layer.
        """
        count = len(self.layers_of(module))
        number = int(layer * count) if isinstance(layer, float) and 0 <= layer < 1 else layer
        if not isinstance(number, int) or not -count <= number < count:
            raise UserError(
                f"the model has decoder layers 0 to {count - 1}, and none is layer {layer}",
                where="layer",
                fix=f"for example --set layer={count // 4}; -1 is the last one, 0.25 a quarter of the way up",
            )
        return number % count


def linear_modules(module: nn.Module, pattern: str) -> list[str]:
    """The names of the linear modules that ``pattern`` full-matches, in the model's order.

    A module that carries an injected LoRA layer is named as before the injection.

    Raises:
        UserError: The pattern is no regex, or nothing matches; the nearest names are listed.
    """
    names = list(_linear_names(module))
    try:
        found = [name for name in names if re.fullmatch(pattern, name)]
    except re.error as error:
        raise UserError(f"{pattern!r} is not a regular expression: {error}") from error
    if not found:
        plain = re.sub(r"\\d\+|\[0-9\]\+", "0", pattern).replace("\\", "")
        near = difflib.get_close_matches(plain, names, n=5, cutoff=0.0)
        raise UserError(f"no linear module matches {pattern!r}", fix=f"nearest names: {', '.join(near)}")
    return found


def _linear_names(module: nn.Module) -> Iterator[str]:
    for name, part in module.named_modules():
        # An injected LoRA layer holds the original one as its base_layer, beside lora_A and lora_B.
        if isinstance(part, nn.Linear) and not re.search(r"\.lora_[AB]\.", name):
            yield name.removesuffix(".base_layer")
