from __future__ import annotations

from audit.answering import many, seen


def test_where_keeps_what_agrees_with_everything_given() -> None:
    forget, retain = seen(record="a"), seen(record="b", split="retain")
    named = seen(record="c", route="text")
    reworded = seen(record="a", view="paraphrase_2")
    seeing = seen(record="d", kind="understanding")
    found = many(forget, retain, named, reworded, seeing)
    assert tuple(found.where(split="forget", kind="memory", route="image", view="as_is")) == (forget,)
    assert tuple(found.where(split=("retain",))) == (retain,)
    assert tuple(found.where(view="paraphrases")) == (reworded,)
    assert tuple(found.where(kind="understanding")) == (seeing,)
    assert found.where() == found


def test_asked_leaves_out_plain_documents() -> None:
    document = seen(record="a", question="")
    assert tuple(many(document, seen()).asked) == (seen(),)


def test_records_about_nobody_are_clusters_of_their_own() -> None:
    assert seen(subject="ann", record="1").cluster == seen(subject="ann", record="2").cluster
    assert seen(subject="", record="1").cluster != seen(subject="", record="2").cluster
