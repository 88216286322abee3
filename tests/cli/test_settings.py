"""``--set`` turns words into fields by the fields' types, and says what does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benign.cli.settings import changed, parsed
from benign.errors import UserError


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    steps: int | None = None


@dataclass(frozen=True)
class Method:
    k: float = 5.0
    rank: int = 16
    keep: bool = True
    name: str = "x"
    preset: Literal["paper", "code"] = "paper"
    layers: tuple[int, ...] = ()
    span: tuple[int, float] = (0, 1.0)
    words: tuple[str, ...] = ()
    limit: int | str | None = 3
    inner: Inner = Inner()
    chosen: Inner | None = None


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("k=3", "k", 3.0),
        ("k=inf", "k", float("inf")),
        ("k = 1e-3", "k", 0.001),
        ("rank=8", "rank", 8),
        ("keep=no", "keep", False),
        ("keep=True", "keep", True),
        ("name=a=b", "name", "a=b"),
        ("preset=code", "preset", "code"),
        ("layers=1,2,3", "layers", (1, 2, 3)),
        ("layers=(4, 5)", "layers", (4, 5)),
        ("layers=", "layers", ()),
        ("span=2,0.5", "span", (2, 0.5)),
        ("words=I cannot say,No", "words", ("I cannot say", "No")),
        ("limit=none", "limit", None),
        ("limit=7", "limit", 7),
        ("limit=most", "limit", "most"),
        ("inner.rate=2", "inner", Inner(rate=2.0)),
        ("chosen=none", "chosen", None),
    ],
)
def test_a_word_becomes_a_value_of_the_fields_type(setting: str, field: str, value: Any) -> None:
    made = changed(Method(), [setting])
    assert getattr(made, field) == value
    assert type(getattr(made, field)) is type(value)


def test_settings_add_up_and_the_last_wins() -> None:
    assert changed(Method(), ["k=1", "inner.rate=2", "inner.steps=9", "k=4"]) == Method(k=4.0, inner=Inner(2.0, 9))


def test_nothing_set_is_the_defaults() -> None:
    assert changed(Method(), []) == Method()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("k", "'k' is not NAME=VALUE"),
        ("ranks=3", "unknown field 'ranks' (did you mean 'rank'?"),
        ("inner.rats=3", "--set inner.rats: unknown field 'rats' (did you mean 'rate'?"),
        ("k.rate=3", "'k' has no fields of its own"),
        ("k=high", "'high' is not a number"),
        ("rank=2.5", "'2.5' is not a whole number"),
        ("keep=maybe", "'maybe' is not yes or no"),
        ("preset=papr", "unknown choice 'papr' (did you mean 'paper'?"),
        ("span=1", "has 1 values and needs 2"),
        ("layers=1,b", "'b' is not a whole number"),
        ("inner=3", "a Inner cannot be given as a word"),
        ("chosen=Inner()", "a Inner cannot be given as a word"),
    ],
)
def test_what_does_not_fit_is_said(setting: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        changed(Method(), [setting])
    assert said in caught.value.line()
    assert caught.value.where.startswith("--set")


@given(st.floats(allow_nan=False))
def test_every_number_comes_back(number: float) -> None:
    assert parsed(float, repr(number), "k") == number


@given(st.lists(st.integers()))
def test_every_tuple_comes_back(numbers: list[int]) -> None:
    assert parsed(tuple[int, ...], repr(tuple(numbers)), "layers") == tuple(numbers)
