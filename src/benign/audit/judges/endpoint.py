"""A language model behind an OpenAI-compatible endpoint as judge; nothing is sent unless its address is given."""

from __future__ import annotations

import hashlib
import json
import os
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Final

from benign.data.atomic import write_text
from benign.errors import UserError

PROMPT_VERSION: Final = 1
_FACT = (
    "You compare an answer with a reference answer to the same question. Give a whole or decimal mark from 0 to 10: "
    "10 if the answer states the same fact as the reference, in whatever words; 5 if about half of it; 0 if it is "
    "wrong, missing, contradictory or a refusal. Ignore style and length. "
    'Reply with this JSON object and nothing else: {"score": <number>}'
)
_MEANINGFUL = (
    "You judge whether an answer is meaningful language, not whether it is true. Give a whole or decimal mark from 0 "
    "to 10: 10 for a clear, well-formed reply to the question (a polite refusal counts as one); 5 for text that is "
    "partly broken; 0 for empty text, endless repetition, random words or broken characters. "
    'Reply with this JSON object and nothing else: {"score": <number>}'
)
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 529})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    # A redirect would carry the key and the records to an address that the user did not give.
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Message, newurl: str) -> None:
        return None


@dataclass(frozen=True)
class EndpointJudge:
    """A judge that asks ``POST {url}/chat/completions`` at temperature 0 and caches every mark on disk.

    The questions, expected answers and generated answers of the audited records are sent to ``url``, which must be a
    place that may see what is to be forgotten. The cache holds marks under hashes and no text.
    """

    url: str
    """Base address up to the version, such as ``http://localhost:8000/v1``."""
    model: str
    cache: str | Path
    key_env: str = "BENIGN_JUDGE_KEY"
    """Name of the environment variable with the API key; no key is sent when it is unset."""
    timeout_seconds: float = 60.0
    tries: int = 5
    """Attempts per question, for busy servers, broken connections and malformed replies alike."""
    wait_seconds: float = 1.0
    """Wait before the second attempt; doubled each time, or what ``Retry-After`` says, at most 60."""
    parallel: int = 4

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise UserError(f"{self.url!r} is no http address", where="judge url", fix="http(s)://host/v1")

    @property
    def name(self) -> str:
        """Model and version of the questions."""
        return f"{self.model} (prompt {PROMPT_VERSION})"

    def fact(self, question: str, gold: str, answer: str) -> float:
        """The model's mark for agreement with the expected answer."""
        return self._mark(_FACT, {"question": question, "reference": gold, "answer": answer})

    def meaningful(self, question: str, answer: str) -> float:
        """The model's mark for the answer as language."""
        return self._mark(_MEANINGFUL, {"question": question, "answer": answer})

    def _mark(self, instruction: str, case: dict[str, str]) -> float:
        messages = [
            {"role": "system", "content": instruction},
            {"role": "user", "content": json.dumps(case, ensure_ascii=False, indent=1)},
        ]
        request = {"model": self.model, "messages": messages, "temperature": 0}
        key = hashlib.sha256(json.dumps([self.url, request], sort_keys=True).encode()).hexdigest()
        path = Path(self.cache) / key[:2] / f"{key}.json"
        found = _cached(path)
        if found is None:
            found = self._ask(json.dumps(request).encode())
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps({"score": found}))
        return found

    def _ask(self, body: bytes) -> float:
        reason = ""
        for attempt in range(max(1, self.tries)):
            reply = self._post(body)
            if isinstance(reply, bytes):
                mark = parsed_mark(reply)
                if mark is not None:
                    return mark
                reason, wait = 'it did not reply {"score": 0 to 10}', 0.0
            else:
                reason, wait = reply
            if attempt + 1 < self.tries:
                time.sleep(min(60.0, wait or self.wait_seconds * 2.0**attempt))
        raise UserError(
            f"no mark after {self.tries} attempts: {reason}",
            where=f"judge {self.url}",
            fix="start it or correct the address and run again; marks already given are kept",
        )

    def _post(self, body: bytes) -> bytes | tuple[str, float]:
        """The reply's bytes, or why to try again and after how many seconds (0: as usual)."""
        request = urllib.request.Request(f"{self.url.rstrip('/')}/chat/completions", data=body, method="POST")
        request.add_header("Content-Type", "application/json")
        if key := os.environ.get(self.key_env):
            request.add_unredirected_header("Authorization", f"Bearer {key}")
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            response: HTTPResponse
            with opener.open(request, timeout=self.timeout_seconds) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            with error:
                if error.code in _BUSY:
                    return f"HTTP {error.code}", _seconds(error.headers.get("Retry-After"))
                raise self._refused(error.code) from None
        except (OSError, HTTPException) as error:
            # URLError, timeouts and connections cut in the middle; never the request, which holds records and key.
            return f"{type(error).__name__}: {getattr(error, 'reason', None) or error}", 0.0

    def _refused(self, code: int) -> UserError:
        cures = {
            401: f"put a valid key into ${self.key_env}",
            403: f"put a valid key into ${self.key_env}",
            404: f"check the address and that it serves {self.model!r}",
        }
        moved = "it redirects; give the final address" if 300 <= code < 400 else f"does it serve {self.model!r}?"
        return UserError(f"HTTP {code}", where=f"judge {self.url}", fix=cures.get(code, moved))


def parsed_mark(reply: bytes) -> float | None:
    """The mark in a chat completion that is the JSON object ``{"score": n}``, n from 0 to 10; else None."""
    try:
        content = json.loads(reply)["choices"][0]["message"]["content"].strip()
        if content.startswith("```") and content.endswith("```"):
            content = content.strip("`").removeprefix("json")
        answer = json.loads(content)
        score = answer["score"] if list(answer) == ["score"] else None
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return _in_range(score)


def _in_range(score: object) -> float | None:
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 10:
        return None
    return float(score)


def _cached(path: Path) -> float | None:
    try:
        return _in_range(json.loads(path.read_text(encoding="utf-8"))["score"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _seconds(retry_after: str | None) -> float:
    try:
        return max(0.0, float(retry_after or 0))
    except ValueError:
        return 0.0  # the header may also hold a date
