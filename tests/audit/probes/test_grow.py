"""The published package, asked through an endpoint on this machine that knows two facts."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benign.audit.probes.chains import Asker
from benign.audit.probes.graph import Edge
from benign.audit.probes.grow import grown
from benign.errors import UserError

KNOWN = {"Ann": "(Ann ; was born in ; Ulm)", "Ulm": "(Ulm ; lies on ; the Danube)"}


class Handler(BaseHTTPRequestHandler):
    broken = False

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        system, user = (message["content"] for message in body["messages"])
        message = {"role": "assistant", "content": "MAYBE" if self.broken else self.reply(system, user)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        text = json.dumps(
            {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def reply(self, system: str, user: str) -> str:
        about = next((name for name in KNOWN if f'"{name}"' in user or f"fact of {name}" in user), "")
        if system.startswith("Generate"):
            return "What is known?"
        if system.startswith("Answer the question"):
            return f"The fact of {about}."
        return KNOWN[about] if system.startswith("Extract") else "NO"

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Handler]]:
    pytest.importorskip("llm2graph")
    made = type("Made", (Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield made
        server.shutdown()


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llm2graph", None)
    with pytest.raises(UserError, match=r"pip install 'benign\[llm2graph\]'"):
        grown(["Ann"], "m")


@pytest.mark.filterwarnings("ignore")
def test_a_graph_grows_and_is_asked(endpoint: type[Handler], capsys: pytest.CaptureFixture[str]) -> None:
    graph = grown(["Ann"], "m", depth=1, questions=1)
    assert graph.edges == (Edge("Ann", "was born in", "Ulm"), Edge("Ulm", "lies on", "the Danube"))
    assert graph.targets == ("Ann",)
    # Whom to forget is nobody else's to read.
    assert "Ann" not in "".join(capsys.readouterr())
    [chain] = Asker(graph).chained("Ann")
    assert chain.answers == ("the Danube",) and "Ulm" not in chain.question and "Ann was born in" in chain.question


@pytest.mark.filterwarnings("ignore")
def test_an_endpoint_that_makes_no_sense_is_one_line(endpoint: type[Handler]) -> None:
    endpoint.broken = True
    with pytest.raises(UserError, match="llm2graph could not ask") as caught:
        grown(["Ann"], "m", depth=0, questions=1)
    assert "MAYBE" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
def test_a_missing_key_is_named(endpoint: type[Handler], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UserError, match="OPENAI_API_KEY"):
        grown(["Ann"], "m")
