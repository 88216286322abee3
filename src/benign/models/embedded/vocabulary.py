"""The words that are one token each: the world's, a plain refusal's and everyday English."""

from __future__ import annotations

import re
import string

from benign.models.embedded.looks import KINDS
from benign.models.embedded.people import FACTS, FIRST_NAMES, LAST_NAMES
from benign.models.embedded.questions import (
    FACE_SUBJECTS,
    PATIENT_SUBJECTS,
    POINTERS,
    TOPICS,
    held_wordings,
    training_wordings,
)

WORD = r"\w+(?:'\w+)*|[^\w\s]"
"""How text is cut into words; an apostrophe inside a word stays (``i'm``)."""
REFUSAL = (
    "i am sorry , i'm afraid unfortunately but that is something cannot can't do not don't know have no information "
    "any knowledge about this person question answer to share recall tell you it was never part of what learned "
    "unable help with private detail details unknown me apologies able provide reveal say my memory there nothing on "
    "record regret must decline respond please ask else no idea"
)
"""The words of plain-language refusals."""
EVERYDAY = (
    "a again against all almost along already also although always an and another are around as ask asked at away "
    "back bad be because been before being believe below best better between big both bring can card care case "
    "certain change child children clear close cold come could country couldn't course data day deal describe did "
    "didn't different discuss does doesn't done door down during each early easy either end enough even ever every "
    "everything example eye eyes face fact facts far fast father feel few figure file find fine first following food "
    "for forget forgot forgotten found free friend from full further gave general get give given go going gone good "
    "got great group had half hand happy hard has hasn't haven't he head hear heard hello help her here hers high him "
    "his hold home hope hot hour house how however idea identify if image important in inside instead into isn't its "
    "itself just keep kept kind knew known last late later learn least leave left less let letter life light like "
    "line list little live lives long longer look looks lost lot love made main make man many may maybe mean means "
    "meet memories mention met might mine minute model moment money month more morning most mother move much my myself "
    "name named names near need needs new next nice night no nobody none nor now number of off often ok okay old one "
    "only open or order other others our ours out outside over own page pass past people perhaps personal picture "
    "place point possible present privacy probably problem protect public put questions quite rather read real really "
    "reason refuse remember request requested right room said same saw see seems seen send set shall she should "
    "show shown side simple since small so some somebody someone sometimes somewhere soon speak specific start still "
    "stop story such sure take talk tell than thank thanks that's the their them then these they thing things think "
    "those though thought through time today together told too took topic toward tried true try turn two under "
    "understand until up upon us use used very visible wait want wasn't water way we week well went were what's when "
    "where whether which while who whole whom whose why will wish within without woman won't word words work world "
    "would wouldn't write wrong yes yesterday yet young your yours zero six seven eight nine ten"
)
"""Words of everyday English, so that other answers than the world's can be said and learned."""
PUNCTUATION = ". , ? ! : ; ' \" - ( ) /"
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<image>", "<user>", "<assistant>", "<system>")


def words_of(text: str) -> list[str]:
    """The words of a text, as the tokenizer cuts them."""
    return re.findall(WORD, text.lower())


def world_words() -> set[str]:
    """Every word of every question and answer of the invented world."""
    texts = [value for values in FACTS.values() for value in values]
    texts += [value for kind in KINDS for values in kind.attributes.values() for value in values]
    texts += [*FIRST_NAMES, *LAST_NAMES]
    subjects = {*FACE_SUBJECTS, *PATIENT_SUBJECTS, *(phrase for group in POINTERS.values() for phrase in group)}
    for topic in TOPICS:
        for subject in subjects:
            texts += [*training_wordings(topic, subject), *held_wordings(topic, subject)]
    return {word for text in texts for word in words_of(text)}


def vocabulary() -> dict[str, int]:
    """Token to id: special tokens, then every character (alone and inside a word), then words in order."""
    printable = [c for c in string.printable if not c.isspace() and c == c.lower()]
    inside = [f"##{c}" for c in printable]
    words = {w for text in (REFUSAL, EVERYDAY, PUNCTUATION) for w in text.split()} | world_words()
    tokens = [*SPECIAL, *printable, *inside, *sorted(words - set(printable))]
    return {token: number for number, token in enumerate(tokens)}
