"""What a model gives to a written answer, token by token; light, so that numbers can be judged without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scored:
    """One answer after its question, under teacher forcing: all four have one entry per token of the answer.

    The token that ends the turn is the last one. A plain document has no such token.
    """

    logp: tuple[float, ...]
    """Log-probability of the token, in nats."""
    mean: tuple[float, ...] = ()
    """Mean of the log-probability of a token drawn from the model's own distribution there (minus its entropy)."""
    std: tuple[float, ...] = ()
    """Standard deviation of the same, in nats; 0 where the distribution is uniform."""
    greedy: tuple[bool, ...] = ()
    """Whether the token is the model's likeliest one."""
