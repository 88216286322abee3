"""Wrong answers: from the file, from others, and from a language model's endpoint, which is here a server of ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benign.data.record import Record
from benign.data.writers import FromEndpoint, FromFile, FromOthers, parsed_answers, rewritten, wrong
from benign.errors import UserError

ANN = Record("ann/city", "a1", question="Where does Ann live?", answer="Ann lives in Rome.",
             spans=(("question", 11, 14), ("answer", 0, 3)))  # fmt: skip
BOB = Record(
    "bob/city", "b1", question="Where does Bob live?", answer="Bob lives in Oslo.", spans=(("question", 11, 14),)
)
CY = Record("cy/city", "c1", question="Where does Cy live?", answer="Cy lives in Lima.", spans=(("question", 11, 13),))
PET = Record("cy/pet", "c1", question="What pet has Cy?", answer="A cat.", spans=(("question", 13, 15),))


def test_the_right_answer_empty_ones_and_copies_are_left_out() -> None:
    assert wrong(ANN, ["ann lives in ROME", " Oslo. ", "", "oslo", "Lima"]) == ("Oslo.", "Lima")


def test_the_file_has_wrong_answers_or_options() -> None:
    assert FromFile()(replace(ANN, perturbed=("x",), options=("y",))) == ("x",)
    assert FromFile()(replace(ANN, options=("y",))) == ("y",)


def test_others_answers_to_the_same_question_name_the_subject() -> None:
    writer = FromOthers((ANN, BOB, CY, PET))
    assert set(writer(ANN)) == {"Ann lives in Oslo.", "Ann lives in Lima."}
    assert writer(ANN) == writer(ANN) and len(FromOthers((BOB, CY), most=1)(ANN)) == 1
    assert writer(PET) == (), "nobody else is asked that"
    same = replace(BOB, answer="Bob lives in Rome.")
    assert FromOthers((same,))(ANN) == (), "who lives where the subject does is no wrong answer"
    page, other = Record("ann/page", "a1", text="Ann is a poet."), Record("bob/page", "b1", text="Bob is a cook.")
    assert FromOthers((other,))(page) == (), "nobody asked for either document"


def test_records_get_what_was_written_or_an_error_that_names_one() -> None:
    [made] = rewritten((ANN,), FromOthers((BOB,)))
    assert made == replace(ANN, perturbed=("Ann lives in Oslo.",))
    with pytest.raises(UserError, match="1 of 2 records, the first is 'cy/pet'"):
        rewritten((ANN, PET), FromOthers((BOB,)))


class Stub(ThreadingHTTPServer):
    """Gives the replies in turn, the last one for ever."""

    daemon_threads = True

    def __init__(self, *replies: object) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = list(replies)
        self.seen: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append({"path": self.path, "key": self.headers["Authorization"], "body": body})
        said = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        text = json.dumps({"choices": [{"message": {"role": "assistant", "content": json.dumps(said)}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    server = Stub({"answers": ["Ann lives in Rome."]}, {"answers": ["Ann lives in Oslo.", "In Lima."]})
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_model_writes_once_and_is_asked_again_where_its_reply_cannot_be_used(
    stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENIGN_WRITER_KEY", "secret")
    url = f"http://127.0.0.1:{stub.server_address[1]}/v1"
    writer = FromEndpoint(url, "some-model", tmp_path, count=2, wait_seconds=0.01)
    assert writer(ANN) == ("Ann lives in Oslo.", "In Lima.")
    assert len(stub.seen) == 2, "the first reply had one answer too few"
    asked = stub.seen[0]
    assert asked["path"] == "/v1/chat/completions" and asked["key"] == "Bearer secret"
    assert asked["body"]["model"] == "some-model" and asked["body"]["temperature"] == 0.9
    assert json.loads(asked["body"]["messages"][1]["content"]) == {"question": ANN.question, "answer": ANN.answer}
    assert writer(ANN) == ("Ann lives in Oslo.", "In Lima.") and len(stub.seen) == 2, "read from the cache"
    assert writer(BOB) and len(stub.seen) == 3
    for kept in tmp_path.rglob("*.json"):
        kept.write_text("{")
    assert writer(ANN) and len(stub.seen) == 4, "a damaged one is written again"


def test_no_usable_reply_is_one_clear_line(stub: Stub, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{stub.server_address[1]}/v1"
    with pytest.raises(UserError, match=r"writer http.*no answer after 2 attempts: it did not reply"):
        FromEndpoint(url, "m", tmp_path, count=3, tries=2, wait_seconds=0.01)(ANN)
    assert not list(tmp_path.rglob("*.json"))
    with pytest.raises(UserError, match="no http address"):
        FromEndpoint("localhost", "m", tmp_path)(ANN)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"answers": ["a", "b"]}', ("a", "b")),
        ('```json\n{"answers": ["a", "b"]}\n```', ("a", "b")),
        ('{"answers": ["a"]}', None),
        ('{"answers": ["a", ""]}', None),
        ('{"answers": ["a", 2]}', None),
        ('{"answers": ["a", "b"], "more": 1}', None),
        ('["a", "b"]', None),
        ("a, b", None),
    ],
)
def test_the_parse_is_strict(content: str, found: tuple[str, ...] | None) -> None:
    assert parsed_answers(json.dumps({"choices": [{"message": {"content": content}}]}).encode(), 2) == found
