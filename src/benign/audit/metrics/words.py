"""Words of an answer, as the metrics take them apart; they live with the data, where training can have them too."""

from __future__ import annotations

from benign.data.words import normalised as normalised
from benign.data.words import words as words
