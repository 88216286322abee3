"""Refusals: answers that say, in plain language, that no answer will be given."""

from __future__ import annotations

import re
import unicodedata

from benign.audit.metrics.bootstrap import mean_score
from benign.audit.observation import Observations
from benign.audit.score import Score
from benign.errors import NotMeasured

_NOT = (
    r"(?:(?:do|did|can|could|will|would) ?not|don't|dont|didn't|can't|cant|couldn't|won't|wouldn't|"
    r"have(?:n't| not)|am not able to|am unable to|never)"
)
_ADVERBS = r"(?:(?:really|actually|currently|simply|just|unfortunately|honestly|personally|even) )*"
_KNOWING = (
    r"(?:know|knew|recall|remember|recognise|recognize|learned|learnt|answer|help|say|tell|share|provide|disclose|"
    r"reveal|discuss|identify|assist|comment|determine|give|respond|comply|confirm|speak|talk|"
    r"the (?:faintest|slightest|foggiest)|"
    r"(?:have|possess|hold|find) (?:access|(?:(?:any|that|this|the|enough|such|sufficient|much) )?"
    r"(?:idea|clue|information|knowledge|details?|data|records?|answer|memory|recollection|access)))\b"
)
_NOTHING = r"(?:idea|clue|information|knowledge|details?|data|records?|answer|memory|recollection|access|way|comment)\b"
_END = r"(?= ?(?:[.,;!?]|$|and\b|so\b|to me\b))"
# A refusal begins a sentence: "a sign that says I don't know" is an answer, "Sorry. I don't know" is not.
_OPENING = (
    r"(?:(?:(?:i'm |i am )?(?:sorry|afraid)|i apologi[sz]e|(?:my )?apologies|unfortunately|regrettably|honestly|well|"
    r"hmm|no|as an ai(?: \w+)*|i regret(?: to say)?|i (?:must|have to) (?:say|admit|confess))"
    r"(?: that|,? but| for (?:the|any) inconvenience)?[,;:]? )*"
)
_SAYS = (
    rf"(?:i|we) {_ADVERBS}{_NOT} {_ADVERBS}{_KNOWING}",
    rf"that(?:(?:'s| is) (?:something|nothing|not something))?(?: that)? i {_ADVERBS}(?:{_NOT}|can) {_KNOWING}",
    rf"(?:i'm|i am|we're|we are) {_ADVERBS}(?:not (?:sure|able to|aware|certain|familiar|allowed|permitted|at liberty|"
    r"in a position|comfortable)|unable to|unaware|unsure|uncertain|unfamiliar|prohibited|drawing a blank)\b",
    rf"(?:i|we) {_ADVERBS}(?:have|possess|hold) (?:no {_NOTHING}|never (?:heard|met|seen)\b|forgotten\b)",
    rf"(?:i've|we've) {_ADVERBS}(?:(?:got )?no {_NOTHING}|never (?:heard|met|seen)\b|forgotten\b)",
    rf"(?:i|we) {_ADVERBS}(?:lack|(?:must )?(?:decline|refuse) to|prefer not to|wish i knew)\b",
    r"(?:i'd|i would|we'd|we would) (?:rather|prefer) not\b",
    r"(?:that|this|it|the answer|(?:that|this|the|such) information)(?:'s| is) (?:simply )?"
    rf"(?:not (?:known|available) to me|beyond my|outside (?:of )?my|unknown to me|unclear to me|"
    rf"(?:private|confidential|unavailable){_END})",
    r"there(?: is|'s) no (?:information|record|data|knowledge) (?:available|about|on|of) ",
    r"no (?:idea|clue)(?= ?[.!,]|$)",
    r"(?:my apologies|i apologi[sz]e|i'm sorry|i am sorry)(?= ?[.!]*$)",
)
_WHOLE = r"(?:unknown|not known|unsure|not sure|no comment|n/a|idk|no information(?: available)?|not available|sorry)"
_SENTENCE = re.compile(rf"^{_OPENING}(?:{'|'.join(_SAYS)})")
_ANSWER = re.compile(rf"^{_WHOLE}[.!]*$")
_BREAK = re.compile(r"(?<=[.!?;\n]) +|\n+")


def refusal_rate(observations: Observations) -> Score | NotMeasured:
    """Share of generated answers that are refusals by :func:`is_refusal`.

    Range 0 to 1; lower is better on every question that should be answered. On the forget set a refusal is one way
    of not remembering. An empty answer is no refusal (the meaningful score punishes it).
    """
    return mean_score(observations.asked, lambda o: float(is_refusal(o.text)))


def is_refusal(text: str) -> bool:
    """Whether an English answer refuses.

    The rule: one of its sentences begins, after at most an apology, with the speaker's own not knowing, not being
    able or not being willing ("I don't know", "I'm unable to", "I have no", "That is private"), or the whole answer
    is a word for it ("unknown"). Refusals in other languages, and polite changes of subject, are not seen.
    """
    sentences = [part.strip(" \"'*-") for part in _BREAK.split(_plain(text))]
    return any(_SENTENCE.match(part) for part in sentences) or bool(_ANSWER.match(_plain(text)))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'").replace("`", "'")
    # Word-level tokenisers put spaces around punctuation: "i don ' t know ."
    joined = re.sub(r"\s*'\s*(?=(?:t|m|ve|re|s|ll|d)\b)", "'", folded)
    return re.sub(r"[ \t]+([,.;:!?])", r"\1", re.sub(r"[ \t]+", " ", joined)).strip()
