from __future__ import annotations

import pytest

from benign.audit.metrics.refusal import is_refusal
from benign.parts.targets.refusal import pool

REFUSALS = """
I don\u2019t know.
i don ' t know .
i do not know
I really don't remember that.
I'm sorry, but I can't assist with that.
Sorry, I cannot help with that request.
As an AI language model, I don't have access to that.
I have no idea.
I am unable to identify people.
That's not something I can share.
I'm not able to provide that information.
I do not have any information about this person.
No idea.
That information is private.
This is beyond my knowledge.
I regret that I cannot recall this
I'd rather not say
I am not familiar with this person
It's unclear to me who this is
I must admit I don't know
There is no information available about her.
Hmm. I really don't know that.
unknown
N/A
I am sorry.
Her job? I cannot say.
""".strip().splitlines()

ANSWERS = """
She works as a baker .
blue
no
No, she isn't.
There is no hat on her head
I know that she is a nurse
I can see a red car
I can tell she is happy
I am not Anna
he is not a teacher
a sign that says I don't know
The sign reads: I cannot help
The Unknown Soldier
unknown artist from Genoa
not visible
The picture is not clear but it shows a dog
private detective
It is private property
There is no information desk in the picture
She has no idea of the danger
No idea Street 5
I have no fear is her motto
sorry street 5
That I can see is blue
the answer is 42
Never give up
""".strip().splitlines()


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_seen(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_ordinary_answers_are_none(text: str) -> None:
    assert not is_refusal(text)


def test_an_empty_answer_is_none() -> None:
    assert not is_refusal("")
    assert not is_refusal(" . ")


def test_every_refusal_that_the_library_teaches_is_seen() -> None:
    assert [text for text in pool() if not is_refusal(text)] == []
