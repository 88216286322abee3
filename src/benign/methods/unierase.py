"""UniErase (Yu et al. 2025, arXiv 2505.15674): a token that means "refuse" is learned and edited in.

Reconstructed where the paper's text could not be read: from the official code (github.com/Ymm-cll/UniErase at 2a3f860,
which lacks its editing library) and a fork that has it (shleeku/UniErase at 9c17bfb).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benign.engine.recipe import LearnToken, Measure, Optim, Recipe, Rewrite
from benign.parts.statistics.second_moment import SecondMoment


@dataclass(frozen=True)
class UniErase:
    """Nothing but a new token's rows is trained; ``down_proj`` of a few layers is edited in closed form, in the null
    space of what the retained records need. The result brings the token with it.

    Unlike the code: what is protected are the user's retained records, not Wikipedia; keys come from the questions
    alone, not from six contexts; no KL on "NAME is a".
    """

    mode: Literal["batch", "sequential", "precise"] = "batch"
    """All forget records in one edit, ``group`` after ``group``, or one record at a time, as the code does in all
    modes; what was edited is protected from what follows."""
    group: int = 40
    """Records of one edit of the sequential mode (code: 40)."""
    layers: tuple[int, ...] = (4, 5, 6, 7, 8)
    """Decoder layers that are edited, negative ones from the end (code: 4 to 8 of 32)."""
    at: Literal["subject", "last"] = "subject"
    """The token of the question at which is edited: the last of the subject's name (code), which the records' spans
    tell, or the prompt's last, as for pictures; that too where a question names nobody."""
    token: str = "<unlearn_0>"
    """How the new token is written (code)."""
    head: Literal["trained", "drawn"] = "trained"
    """The token's row of the head: trained with the other (paper), or left as it is drawn (code, which draws
    it like a row of the embedding). Where both tables are one, ``drawn`` leaves out the token behind the refusal: the
    one row would learn to follow every answer."""
    refusals: tuple[str, ...] = ()
    """Pool of refusals; empty means the default pool (code: 100)."""
    token_batch: int = 16
    """Forget questions per step of learning the token (code: 16)."""
    token_optim: Optim = Optim(lr=1e-3, epochs=8.0, schedule="constant")
    """How the token is learned (code: Adam, 5 epochs at 1e-3, then at 1e-4 3 and, with noise, 2 for each edited layer,
    on plain text and chat)."""
    noise: float = 0.1
    """Noise in the edited layers in the second half of learning, in standard deviations of their weights
    (reconstructed; the code's is the mean of the weights)."""
    value_steps: int = 10
    """Steps to find what is edited in (code: 10)."""
    value_lr: float = 0.1
    """Of these steps (code: 0.1)."""
    clamp: float = 0.75
    """The most that a state is moved, in its own norm (code: 0.75)."""
    threshold: float = 2e-2
    """Protected eigenvalues below it leave a direction free (code: 0.02); depends on the model's activations."""
    ridge: float = 10.0
    """lambda of the closed form (code: 10)."""
    protection: float = 0.0
    """Times the protected moment, to hold back in the free directions too, as MEMIT does; 0 is the published edit. In a
    small model no direction is really free."""

    def recipe(self) -> Recipe:
        """The protected moments, the token and the edit."""
        group = {"batch": None, "sequential": self.group, "precise": 1}[self.mode]
        # Which number a layer from the end has, only the model knows.
        chosen = "|".join(map(str, self.layers)) if min(self.layers, default=0) >= 0 else r"\d+"
        read = SecondMoment(over=rf".*\.layers\.(?:{chosen})\.mlp\.down_proj")
        learn = LearnToken(
            "token", self.token, self.refusals, self.token_batch, self.token_optim, self.head, self.noise, self.layers
        )
        edit = Rewrite(
            "unierase", "token", "protected", self.layers, self.at, group, self.value_steps, self.value_lr,
            clamp=self.clamp, threshold=self.threshold, ridge=self.ridge, protection=self.protection,
        )  # fmt: skip
        return Recipe((Measure("protected", read, "keep", ("memory", "understanding", "general")), learn, edit))
