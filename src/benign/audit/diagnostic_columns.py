"""The diagnostics' columns of a scoreboard: what each number means, told without importing them."""

from __future__ import annotations

from benign.audit.column import Column

PREFIX = "diagnostic_"
"""How a diagnostic's column begins."""

INSIDE = (
    Column(f"{PREFIX}depth", "Depth of forgetting", "inside", "higher",
           "How much of what the original's layers know is gone, from 0 (nothing) to 1 (as if never learned)."),
    Column(f"{PREFIX}lens", "Unreadable inside", "inside", "higher",
           "How much of what the original's head can read in every layer is gone; 1 is as if never learned."),
    Column(f"{PREFIX}probe", "Readable by a probe", "inside", "lower",
           "How many forgotten answers a probe, trained on other people, picks out among wrong ones."),
    Column(f"{PREFIX}cka", "Moved towards retrained", "inside", "higher",
           "How far the states have moved from the original's (0) to the retrained model's (1)."),
    Column(f"{PREFIX}grad_norm", "Membership, gradients", "inside", "lower",
           "How well the size of the gradients tells the forget set from records never seen; 0.5 is not at all."),
    Column(f"{PREFIX}remind", "Membership, loss around", "inside", "lower",
           "How well the losses around a record tell the forget set from records never seen; 0.5 is not at all."),
)  # fmt: skip
"""In the order in which they are shown."""
_BY_NAME = {column.name: column for column in INSIDE}


def diagnostic_column(name: str) -> Column | None:
    """A diagnostic's column; None for a name that is no such column's."""
    return _BY_NAME.get(name)
