"""The house rules that no linter has: each takes source and gives the problems it finds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "benign"

FAMILIES = ("llava", "qwen", "gemma", "idefics", "mllama", "internvl", "smolvlm", "llama", "mixtral")
BANNED_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "manager", "handler"})
FILE_LINES, FUNCTION_LINES = 300, 60


def family_names(source: str) -> list[str]:
    """Identifiers and strings that name a model family; comments and docstrings may."""
    tree = ast.parse(source)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    words = ((node, word) for node in ast.walk(tree) if id(node) not in told for word in _words(node))
    return [f"{_line(node)}: {word!r}" for node, word in words if any(name in word.lower() for name in FAMILIES)]


def _words(node: ast.AST) -> Iterator[str]:
    for name in ("id", "attr", "arg", "name", "asname", "module"):
        word = getattr(node, name, None)
        if isinstance(word, str):
            yield word
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def long_functions(source: str, most: int = FUNCTION_LINES) -> list[str]:
    """Functions of more than so many lines."""
    functions = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [f"{f.lineno}: {f.name}" for f in functions if (f.end_lineno or f.lineno) - f.lineno + 1 > most]


def banned_name(path: Path) -> bool:
    """Whether a file's name says nothing about what is in it."""
    return not BANNED_NAMES.isdisjoint(path.stem.strip("_").split("_"))


def unsafe_options(source: str) -> list[str]:
    """``trust_remote_code`` or ``allow_pickle`` switched on, by a call or by a default."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            given = [(k.arg, k.value) for k in node.keywords]
        elif isinstance(node, ast.FunctionDef):
            places = node.args.posonlyargs + node.args.args
            given = [
                *((a.arg, d) for a, d in zip(reversed(places), reversed(node.args.defaults), strict=False)),
                *((a.arg, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d),
            ]
        else:
            continue
        for name, value in given:
            if name in ("trust_remote_code", "allow_pickle") and isinstance(value, ast.Constant) and value.value:
                found.append(f"{value.lineno}: {name}={value.value}")
    return found


def hidden_imports(source: str) -> list[str]:
    """Imports of our own in ``TYPE_CHECKING`` blocks, which the import linter does not look into."""
    blocks = (
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)
    )
    inside = (ast.unparse(node) for block in blocks for node in ast.walk(block) if isinstance(node, ast.stmt))
    return [line for line in inside if line.startswith(("import benign", "from benign"))]


def side_effects(source: str) -> list[str]:
    """What a pure function has no use for: files, the terminal, the global random state, the clock."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "print"):
            found.append(f"{node.lineno}: {node.func.id}()")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found += [f"{node.lineno}: {name}" for name in names if name.split(".")[0] in ("random", "time", "os")]
    return found


def third_party(source: str) -> set[str]:
    """The top-level names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)
