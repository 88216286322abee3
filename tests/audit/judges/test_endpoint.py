from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benign.audit.judges.endpoint import EndpointJudge, parsed_mark
from benign.errors import UserError

Reply = tuple[int, str, dict[str, str]]


def said(content: str) -> Reply:
    """A chat completion with this content."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return 200, json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]}), {}


def failed(code: int, **headers: str) -> Reply:
    return code, json.dumps({"error": {"message": "no"}}), headers


class Stub(ThreadingHTTPServer):
    """Speaks the protocol on this machine: gives the replies in turn, the last one for ever."""

    daemon_threads = True

    def __init__(self, *replies: Reply) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = list(replies)
        self.seen: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.seen.append({"path": self.path, "key": self.headers["Authorization"], "body": body})
            code, text, headers = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.seen.append({"path": self.path, "key": self.headers["Authorization"], "body": None})
        self.send_error(405)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Stub]]:
    stubs: list[Stub] = []

    def start(*replies: Reply) -> Stub:
        stub = Stub(*replies)
        threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        stubs.append(stub)
        return stub

    yield start
    for stub in stubs:
        stub.shutdown()
        stub.server_close()


def judge(stub: Stub, folder: Path, **fields: Any) -> EndpointJudge:
    return EndpointJudge(stub.url, "judge-model", folder, **({"wait_seconds": 0.01} | fields))


def test_it_asks_in_the_protocol_at_temperature_zero(serve: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    stub = serve(said('{"score": 7.5}'))
    assert judge(stub, tmp_path, key_env="MY_KEY").fact("job?", "baker", "a baker") == 7.5
    (request,) = stub.seen
    assert request["path"] == "/v1/chat/completions"
    assert request["key"] == "Bearer secret"
    assert request["body"]["model"] == "judge-model"
    assert request["body"]["temperature"] == 0
    assert [m["role"] for m in request["body"]["messages"]] == ["system", "user"]
    case = json.loads(request["body"]["messages"][1]["content"])
    assert case == {"question": "job?", "reference": "baker", "answer": "a baker"}


def test_no_key_is_sent_when_none_is_set(serve: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("BENIGN_JUDGE_KEY", raising=False)
    stub = serve(said('{"score": 1}'))
    judge(stub, tmp_path).meaningful("job?", "a baker")
    assert stub.seen[0]["key"] is None
    assert "reference" not in stub.seen[0]["body"]["messages"][1]["content"]


def test_a_mark_is_asked_for_once_and_then_read_from_disk(serve: Any, tmp_path: Path) -> None:
    stub = serve(said('{"score": 3}'), said('{"score": 9}'))
    assert judge(stub, tmp_path).fact("q", "g", "a") == 3.0
    assert judge(stub, tmp_path).fact("q", "g", "a") == 3.0
    assert len(stub.seen) == 1
    assert judge(stub, tmp_path).fact("q", "g", "other") == 9.0
    assert EndpointJudge(stub.url, "another", tmp_path).fact("q", "g", "a") == 9.0


def test_a_damaged_cached_mark_is_asked_for_again(serve: Any, tmp_path: Path) -> None:
    stub = serve(said('{"score": 3}'))
    judge(stub, tmp_path).fact("q", "g", "a")
    (path,) = tmp_path.rglob("*.json")
    for damage in ("", "{", '{"score": "x"}', "[]", '{"score": NaN}', '{"score": 99}'):
        path.write_text(damage)
        assert judge(stub, tmp_path).fact("q", "g", "a") == 3.0
    assert len(stub.seen) == 7


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again(serve: Any, tmp_path: Path, code: int) -> None:
    stub = serve(failed(code), failed(code, Retry_After="0.01"), said('{"score": 4}'))
    assert judge(stub, tmp_path).fact("q", "g", "a") == 4.0
    assert len(stub.seen) == 3


def test_waits_grow_and_follow_the_server(serve: Any, tmp_path: Path, monkeypatch: Any) -> None:
    waits: list[float] = []
    monkeypatch.setattr("benign.data.endpoint.time.sleep", waits.append)
    stub = serve(failed(429), failed(503), failed(429, Retry_After="7"), failed(429, Retry_After="900"), failed(500))
    with pytest.raises(UserError, match="no mark after 5 attempts: HTTP 500"):
        judge(stub, tmp_path, wait_seconds=1.0).fact("q", "g", "a")
    assert waits == [1.0, 2.0, 7.0, 60.0]
    assert not list(tmp_path.rglob("*.json"))


def test_a_malformed_reply_is_asked_for_again_and_then_an_error(serve: Any, tmp_path: Path) -> None:
    stub = serve(said("I would say eight."), (200, "not json", {}), said('{"score": 11}'), said('{"score": 8}'))
    assert judge(stub, tmp_path).fact("q", "g", "a") == 8.0
    endless = serve(said("eight"))
    with pytest.raises(UserError, match="it did not reply"):
        judge(endless, tmp_path, tries=2).fact("q", "g", "b")
    assert len(endless.seen) == 2


@pytest.mark.parametrize(("code", "cure"), [(401, "BENIGN_JUDGE_KEY"), (403, "BENIGN_JUDGE_KEY"), (404, "judge-model")])
def test_a_refusal_is_told_at_once_without_key_or_records(
    serve: Any, tmp_path: Path, monkeypatch: Any, code: int, cure: str
) -> None:
    monkeypatch.setenv("BENIGN_JUDGE_KEY", "secret")
    stub = serve(failed(code))
    with pytest.raises(UserError, match=cure) as caught:
        judge(stub, tmp_path).fact("private question", "private fact", "private answer")
    assert len(stub.seen) == 1
    assert not {"secret", "private"} & set(str(caught.value).split())


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve: Any, tmp_path: Path, code: int) -> None:
    elsewhere = serve(said('{"score": 4}'))
    stub = serve(failed(code, Location=f"{elsewhere.url}/chat/completions"))
    with pytest.raises(UserError, match="redirects"):
        judge(stub, tmp_path).fact("q", "g", "a")
    assert elsewhere.seen == []


def test_an_unreachable_server_is_one_clear_line(serve: Any, tmp_path: Path) -> None:
    stub = serve(said('{"score": 4}'))
    stub.shutdown()
    stub.server_close()
    with pytest.raises(UserError, match=r"judge http://127\.0\.0\.1.*no mark after 2 attempts.*refused"):
        judge(stub, tmp_path, tries=2).fact("q", "g", "a")


def test_a_server_that_never_answers_times_out(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(UserError, match="no mark after 1 attempts"):
            EndpointJudge(url, "m", tmp_path, timeout_seconds=0.1, tries=1).fact("q", "g", "a")


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no http address"):
        EndpointJudge("file:///etc/passwd", "m", tmp_path)


@pytest.mark.parametrize(
    ("content", "mark"),
    [
        ('{"score": 0}', 0.0),
        ('{"score": 10}', 10.0),
        (' {"score": 2.5}\n', 2.5),
        ('```json\n{"score": 6}\n```', 6.0),
        ('{"score": "8"}', None),
        ('{"score": true}', None),
        ('{"score": 10.1}', None),
        ('{"score": -1}', None),
        ('{"score": NaN}', None),
        ('{"score": 3, "why": "x"}', None),
        ('{"mark": 3}', None),
        ("8", None),
        ("[8]", None),
        ("", None),
    ],
)
def test_the_parse_is_strict(content: str, mark: float | None) -> None:
    assert parsed_mark(said(content)[1].encode()) == mark


@pytest.mark.parametrize(
    "reply", [b"", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}']
)
def test_a_reply_that_is_no_completion_has_no_mark(reply: bytes) -> None:
    assert parsed_mark(reply) is None
