"""One door to a model's tokenizer, image processor and chat template, whatever the family."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL.Image import Image
from torch import Tensor
from transformers import (
    AutoImageProcessor,
    AutoProcessor,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    ProcessorMixin,
)
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

from benign.data.record import Message, Slot
from benign.errors import UserError
from benign.models.digest import processor_files
from benign.models.families.family import Family

# Reasoning models open a thinking block in one of the two renderings unless told not to. Some templates write
# today's date, which would make tomorrow's run another one: this is the date they fall back to themselves.
TEMPLATE_CHOICES: dict[str, Any] = {"enable_thinking": False, "date_string": "26 Jul 2024"}


class Processor:
    """A family's tokenizer and image processor.

    Args:
        inner: The transformers processor, or the bare tokenizer of a text model.
        family: The model's family.
        end_ids: The tokens that end an answer beside the tokenizer's own.
        folder: Where it was loaded from, so that saving keeps every file of it.
    """

    def __init__(
        self,
        inner: ProcessorMixin | PreTrainedTokenizerBase,
        family: Family,
        *,
        end_ids: Sequence[int] = (),
        folder: Path | None = None,
    ) -> None:
        self.inner = inner
        self.family = family
        self.folder = folder
        self.tokenizer: Any = inner.tokenizer if isinstance(inner, ProcessorMixin) else inner
        own = self.tokenizer.eos_token_id
        self.end_ids = tuple(sorted({*end_ids, *([] if own is None else [own])}))
        """The tokens at which generation stops."""
        pad = self.tokenizer.pad_token_id
        self.pad_id: int = pad if pad is not None else next(iter(self.end_ids), 0)
        """The token that fills up a batch."""
        added = self.tokenizer.added_tokens_decoder
        self.special = frozenset(t.content for t in added.values() if t.special)
        """The texts of the special tokens."""
        mark = getattr(inner, "image_token", None)
        self.image_token: str | None = mark if isinstance(mark, str) and family.multimodal else None
        """The text that stands for a picture in a rendered chat, where the processor says what it is."""
        marks = {number for number, token in added.items() if self.image_token in (None, token.content)}
        self.picture_ids = frozenset(marks) if family.multimodal else frozenset()
        """The tokens that a picture may stand behind: its own, or where that is not known, every added one."""

    def render(self, turns: Sequence[Message], *, answering: bool = False) -> str:
        """The chat as one text with one placeholder per picture; ``answering`` opens the assistant's turn.

        Raises:
            UserError: There is no chat template, or it refuses the turns.
        """
        template = getattr(self.inner, "chat_template", None) or self.tokenizer.chat_template
        if template is None:
            raise UserError(
                "the tokenizer has no chat template", fix="use an instruction-tuned model, or plain documents"
            )
        chat = [{"role": turn.role, "content": self._content(turn)} for turn in turns]
        try:
            text = self.tokenizer.apply_chat_template(
                chat,
                chat_template=template,
                tokenize=False,
                add_generation_prompt=answering,
                **TEMPLATE_CHOICES,
            )
        except Exception as error:
            raise UserError(f"the chat template refuses the conversation: {error}") from error
        return str(text)

    def _content(self, turn: Message) -> str | list[dict[str, str]]:
        if not self.family.multimodal:
            return turn.text
        return [
            {"type": "image"} if part is Slot.IMAGE else {"type": "text", "text": str(part)} for part in turn.content
        ]

    def tokens(self, text: str, *, document: bool = False) -> list[int]:
        """The token ids of a rendered chat or a plain document, picture placeholders not expanded."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=self._adds_special(text, document))["input_ids"]
        return ids

    def encode(self, text: str, images: Sequence[Image] = (), *, document: bool = False) -> dict[str, Tensor]:
        """The model's inputs for one text, a batch of one, picture placeholders expanded.

        Raises:
            UserError: The text's placeholders do not fit the pictures.
        """
        special = self._adds_special(text, document)
        if not isinstance(self.inner, ProcessorMixin):
            found: Mapping[str, Any] = self.tokenizer(text, add_special_tokens=special, return_tensors="pt")
            return {name: found[name] for name in ("input_ids", "attention_mask")}
        try:
            found = self.inner(
                text=[text],
                images=[list(images)] if images else None,
                add_special_tokens=special,
                return_tensors="pt",
            )
        except ValueError as error:
            raise UserError(f"the pictures do not fit the text: {error}") from error
        kept = {name: value for name, value in found.items() if isinstance(value, Tensor)}
        if not self.family.token_types:
            kept.pop("token_type_ids", None)
        return kept

    def _adds_special(self, text: str, document: bool) -> bool:
        # The conventions of transformers: a text model's chat template writes every special token itself,
        # a multimodal one leaves the first token to the tokenizer unless it wrote it.
        if document:
            return True
        start = self.tokenizer.bos_token
        return self.family.multimodal and not (start and text.startswith(start))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of generated token ids, special tokens stripped."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def save(self, folder: Path) -> None:
        """Writes the processor where plain transformers finds it."""
        if self.folder is None:
            self.inner.save_pretrained(folder)
            return
        # Copied, not written anew, so that the parts that could not be loaded here (video) are kept.
        for path in processor_files(self.folder):
            target = folder / path.relative_to(self.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def read_processor(folder: Path, family: Family, *, trust_remote_code: bool = False) -> Processor:
    """The processor of the model in ``folder``.

    Raises:
        UserError: A file of it is missing or cannot be read.
    """
    options = {"trust_remote_code": trust_remote_code, "local_files_only": True}
    try:
        if not family.multimodal:
            inner = AutoTokenizer.from_pretrained(folder, **options)
        else:
            inner = _multimodal(folder, family, options)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        first = str(error).strip().partition("\n")[0]
        raise UserError(f"the processor cannot be loaded: {first}", where=str(folder)) from error
    return Processor(inner, family, end_ids=_end_ids(folder), folder=folder)


def _multimodal(folder: Path, family: Family, options: Mapping[str, Any]) -> ProcessorMixin:
    try:
        found = AutoProcessor.from_pretrained(folder, **options)
        if isinstance(found, ProcessorMixin):
            return found
    except (ImportError, RuntimeError, OSError, ValueError):
        pass  # The video part needs torchvision, which may be absent or broken; pictures do not need it.
    return _without_video(folder, family, options)


def _without_video(folder: Path, family: Family, options: Mapping[str, Any]) -> ProcessorMixin:
    import transformers

    model_type = json.loads((folder / "config.json").read_text())["model_type"]
    known: type[ProcessorMixin] = getattr(transformers, str(PROCESSOR_MAPPING_NAMES[model_type]))

    def check(self: ProcessorMixin, name: str, part: object) -> object:
        return None if part is None else known.check_argument_for_proper_class(self, name, part)

    # A subclass of the same name, so that saving it names the class that plain transformers knows.
    lenient = type(known.__name__, (known,), {"check_argument_for_proper_class": check, "__module__": known.__module__})
    parts = {"image_processor": AutoImageProcessor, "tokenizer": AutoTokenizer}
    loaded = [
        parts[name].from_pretrained(folder, **options) if name in parts else None for name in known.get_attributes()
    ]
    settings, _ = known.get_processor_dict(folder, local_files_only=True)
    with family.composing():
        made: Any = lenient.from_args_and_dict(loaded, settings)  # type: ignore[attr-defined]
    return made[0] if isinstance(made, tuple) else made


def _end_ids(folder: Path) -> list[int]:
    for name in ("generation_config.json", "config.json"):
        path = folder / name
        ends = json.loads(path.read_text()).get("eos_token_id") if path.exists() else None
        if ends is not None:
            return [ends] if isinstance(ends, int) else list(ends)
    return []
