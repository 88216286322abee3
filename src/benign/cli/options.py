"""The options that several commands share, so that they are named, typed and explained alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on stdout; all else goes to stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Seed = Annotated[int, typer.Option(help="Seeds every draw; the same seed gives the same bytes.")]
Track = Annotated[
    str | None,
    typer.Option(metavar="NAME[:WHERE]", help="Show the numbers in tensorboard, mlflow or wandb (an extra each)."),
]

Model = Annotated[str, typer.Argument(metavar="MODEL", help="A folder, a hub id, or embedded:vlm.", show_default=False)]
Quantize = Annotated[
    Literal["4bit", "8bit"] | None,
    typer.Option(help="Keep the model's decoder in few bits (needs benign[quantized])."),
]
Forget = Annotated[Path, typer.Option(help="The records to forget.")]
Retain = Annotated[Path | None, typer.Option(help="Records that must be kept.")]
Few = Annotated[
    Path | None,
    typer.Option(help="The few retained records that a method may train on."),
]
Neighbour = Annotated[
    Path | None,
    typer.Option(help="Records close to the forget set; must be kept."),
]
Holdout = Annotated[Path | None, typer.Option(help="Records that were never trained on.")]
General = Annotated[Path | None, typer.Option(help="Questions of general ability.")]
Strangers = Annotated[
    Path | None,
    typer.Option(help="Pictures of nobody in any training set."),
]
