"""Tokens that a model did not come with: one more row of the embedding and of the head for each."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from benign.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, eq=False)
class NewToken:
    """A token of its own number and rows."""

    id: int
    """Its number: the one that the model's tokenizer gives it when it is added."""
    embedding: Tensor
    """[H] its row of the embedding."""
    head: Tensor
    """[H] its row of the head; the same where the two are one table."""


def number_of(tokenizer: Any, text: str) -> int:
    """The number that a tokenizer would give a new special token; the tokenizer itself stays as it is.

    Raises:
        UserError: It knows the token already, or takes no such token.
    """
    if text in tokenizer.get_vocab():
        raise UserError(f"the tokenizer knows {text!r} already", where="token", fix="choose another text")
    with_it = copy.deepcopy(tokenizer)
    _add(with_it, text)
    # An empty text is passed over without a word, and its number would be that of unknown words.
    if text not in with_it.get_vocab():
        raise UserError(f"the tokenizer takes no token {text!r}", where="token", fix="choose another text")
    number: int = with_it.convert_tokens_to_ids(text)
    return number


def write_tokenizer(folder: Path, tokens: Mapping[str, NewToken]) -> None:
    """Adds the tokens to the tokenizer in a folder, in the order of their numbers.

    Raises:
        UserError: The tokenizer gives one of them another number.
    """
    # A change is read and written without transformers.
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    for text, token in sorted(tokens.items(), key=lambda item: item[1].id):
        _add(tokenizer, text)
        if tokenizer.convert_tokens_to_ids(text) != token.id:
            raise UserError(f"the tokenizer numbers {text!r} otherwise", fix="the token belongs to another model")
    tokenizer.save_pretrained(folder)


def _add(tokenizer: Any, text: str) -> None:
    from transformers import AddedToken

    # Special, so that an answer is read without it.
    tokenizer.add_tokens([AddedToken(text, special=True, normalized=False)], special_tokens=True)


@contextmanager
def extended(module: PreTrainedModel, tokens: Mapping[str, NewToken]) -> Iterator[None]:
    """Inside, the embedding and the head have the tokens' rows; afterwards they are the original tensors again."""
    if not tokens:
        yield
        return
    embedding, head = module.get_input_embeddings(), module.get_output_embeddings()
    one = embedding.weight is head.weight
    with ExitStack() as stack:
        size = stack.enter_context(_longer(embedding, {t.id: t.embedding for t in tokens.values()}))
        stack.enter_context(_longer(head, {t.id: t.head for t in tokens.values()}))
        if one:
            head.weight = embedding.weight
        for config in {id(c): c for c in (module.config, module.config.get_text_config())}.values():
            if hasattr(config, "vocab_size"):
                stack.callback(setattr, config, "vocab_size", config.vocab_size)
                config.vocab_size = size
        yield


@contextmanager
def _longer(table: Any, rows: Mapping[int, Tensor]) -> Iterator[int]:
    """Inside, the table has these rows, put at its end if it is too short for them; how many it has then."""
    weight, bias = table.weight, getattr(table, "bias", None)
    count = "num_embeddings" if isinstance(table, nn.Embedding) else "out_features"
    before = getattr(table, count)
    size = max(len(weight), 1 + max(rows))
    try:
        table.weight = nn.Parameter(_filled(weight, rows, size), requires_grad=weight.requires_grad)
        if bias is not None:
            table.bias = nn.Parameter(_filled(bias, {}, size), requires_grad=bias.requires_grad)
        setattr(table, count, size)
        yield size
    finally:
        table.weight = weight
        if bias is not None:
            table.bias = bias
        setattr(table, count, before)


def _filled(table: Tensor, rows: Mapping[int, Tensor], size: int) -> Tensor:
    longer = torch.cat([table.detach(), table.detach().new_zeros(size - len(table), *table.shape[1:])])
    for number, row in rows.items():
        longer[number] = row.to(longer)
    return longer
