"""Which weights may move, chosen by the first of the processes that share a model, and told to the others in parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from benign.engine import canonical
from benign.engine.world import world
from benign.errors import UserError
from benign.models.shard import from_first
from benign.parts.loci import Estimate, Measured, Side

_CHOSEN, _FAILED = "chosen", "failed"


def shared_masks(
    moving: Mapping[str, nn.Parameter], choose: Callable[[Measured], Mapping[str, Tensor]], measure: Measured
) -> Mapping[str, Tensor]:
    """The masks that the first process chooses, each process with its parts of them.

    The choice needs whole importances at once, which are as large as the model: only the first process has them, in
    main memory. The others measure with it, whenever it asks for an estimate, and wait for what it chooses.

    Args:
        moving: The parameters by name, the same in every process.
        choose: What the locus makes of importances.
        measure: Measures an importance; every process must do so at once, and the first one gets it.

    Raises:
        UserError: The first process could not choose.
    """
    here = world()
    chosen: Mapping[str, Tensor] = {}
    if here.main:

        def asked(importance: Estimate, side: Side) -> Mapping[str, Tensor]:
            here.gathered([side, canonical.dumps(importance)])
            return measure(importance, side)

        try:
            chosen = choose(asked)
        except UserError as error:
            here.gathered([_FAILED, error.line()])
            raise
        here.gathered([_CHOSEN, *chosen])
        names = list(chosen)
    else:
        while (said := here.gathered([])[0])[0] in ("forget", "retain"):
            measure(canonical.from_plain(json.loads(said[1])), "forget" if said[0] == "forget" else "retain")
        if said[0] == _FAILED:
            raise UserError(said[1])
        names = said[1:]
    # As numbers, for no backend scatters truth values.
    return {name: _parts(chosen.get(name), moving[name]) for name in names}


def _parts(mask: Tensor | None, parameter: nn.Parameter) -> Tensor:
    numbers = None if mask is None else mask.byte()
    return from_first(numbers, parameter, parameter.device, dtype=torch.uint8).bool()
