"""Every house rule finds what it is there to find, and lets the rest be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import rules


@pytest.mark.parametrize(
    "source",
    [
        "from transformers import LlavaProcessor",
        "import x.qwen as y",
        "kind = model.gemma_tower",
        'if model_type == "idefics3": pass',
        "def load_mllama(): pass",
        "f(internvl=1)",
    ],
)
def test_family_names_are_found(source: str) -> None:
    assert rules.family_names(source)


def test_a_docstring_may_name_a_family() -> None:
    assert not rules.family_names('"""As in LLaVA."""\n\nclass A:\n    k: int = 5\n    """Of Qwen2-VL."""  # gemma\n')


def test_a_function_is_long_from_the_line_after_the_most() -> None:
    source = "def f():\n" + "    x = 1\n" * 4
    assert rules.long_functions(source, 4) == ["1: f"]
    assert not rules.long_functions(source, 5)


@pytest.mark.parametrize(
    ("name", "banned"), [("utils", True), ("text_utils", True), ("_misc", True), ("commons", False)]
)
def test_banned_names(name: str, banned: bool) -> None:
    assert rules.banned_name(Path(f"src/{name}.py")) is banned


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("load(x, trust_remote_code=True)", 1),
        ("np.load(x, allow_pickle=True)", 1),
        ("def load(x, *, trust_remote_code=True): pass", 1),
        ("def load(x, trust_remote_code=True): pass", 1),
        ("load(x, trust_remote_code=given)", 0),
        ("def load(x, *, trust_remote_code=False): pass", 0),
    ],
)
def test_unsafe_options(source: str, count: int) -> None:
    assert len(rules.unsafe_options(source)) == count


def test_hidden_imports_are_found() -> None:
    assert rules.hidden_imports("if TYPE_CHECKING:\n    from benign.cli import main\n") == [
        "from benign.cli import main"
    ]
    assert not rules.hidden_imports("from benign.cli import main\nif TYPE_CHECKING:\n    import PIL\n")


@pytest.mark.parametrize(
    "source", ["open('x')", "print(1)", "import random", "from time import time", "import os.path"]
)
def test_side_effects_are_found(source: str) -> None:
    assert rules.side_effects(source)


def test_a_pure_file_has_no_side_effects() -> None:
    assert not rules.side_effects("import torch\n\ndef f(x):\n    return torch.sum(x)\n")


def test_third_party_sees_imports_inside_functions() -> None:
    assert rules.third_party("import a.b\ndef f():\n    from c.d import e\nfrom . import g\n") == {"a", "c"}
