"""Where repositories of the field disagree about one and the same metric: whose way to compute it."""

from __future__ import annotations

from typing import Literal

Convention = Literal["paper", "open_unlearning", "muse", "rwku"]
"""``paper`` is the published definition, with known slips of the code mended; the others are what these repositories
compute: OpenUnlearning (locuslab/open-unlearning d3d7cf9), MUSE (swj0419/muse_bench), RWKU (jinzhuoran/RWKU). Each
metric says in its docstring what differs; where a repository does nothing of its own, it follows the paper."""
