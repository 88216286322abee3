"""The words of the report, each in one plain sentence or two."""

from __future__ import annotations

from typing import NamedTuple


class Word(NamedTuple):
    """A word and its meaning."""

    word: str
    meaning: str


GLOSSARY = (
    Word("Original model", "The model as it was before anything was to be forgotten."),
    Word(
        "Retrained model",
        "A model trained from the start without the forget set: what perfect forgetting looks like. It still guesses "
        "some answers, so the goal is its number and not zero.",
    ),
    Word("Unlearned model", "The original after a method has worked on it."),
    Word("Forget set", "The records that were to be forgotten: pictures of some people and questions about them."),
    Word("Retain set", "Records that were to stay. Methods may see a few of them at most, or none."),
    Word("Neighbour set", "Records that are close to the forget set and must stay all the same."),
    Word("Holdout set", "Pictures that no model was ever trained on."),
    Word("General set", "Questions that concern nobody, such as shapes and colours."),
    Word("Memory question", "Its answer is private knowledge: it cannot be seen in the picture."),
    Word(
        "Understanding question",
        "Its answer is plain to see in the picture. A good method still answers it about a forgotten person.",
    ),
    Word(
        "Memorisation gap",
        "How much more of the forget set the original knows than the retrained model. If it is small, there is "
        "nothing to forget and no method can be judged.",
    ),
    Word("Relearning attack", "A short training on a few facts about a forgotten subject, to see if others return."),
    Word("Suppressed", "The model does not say it, but the knowledge is still in the weights and can be brought back."),
    Word("Replaced", "The model was taught to say something else, and still tells the right answer from wrong ones."),
    Word(
        "Destroyed",
        "Less than half is left of the model's language or of the memory that was to stay. It cannot win: a broken "
        "model says nothing secret, and nothing else either.",
    ),
    Word("ROUGE-L", "How many words of the expected answer appear in the given one, in order; 0 is none, 1 is all."),
    Word("Interval", "Where the number would lie in 95 of 100 repetitions with other people and questions."),
    Word("Guarantee", "exact: a removable unit was removed. weights: an update of the weights. suppression: a guard."),
    Word("Delta", "What a method adds to the original's weights, kept in a file of its own."),
    Word("Mask", "SMFA takes back those entries of the change that fight the memory that was to stay."),
)
