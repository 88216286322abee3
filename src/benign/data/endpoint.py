"""A language model behind an OpenAI-compatible address; nothing is sent unless its address is given."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import Any, TypeVar

from benign.errors import UserError

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_T = TypeVar("_T")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    # A redirect would carry the key and the records to an address that the user did not give.
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Message, newurl: str) -> None:
        return None


@dataclass(frozen=True)
class Endpoint:
    """Asks ``POST {url}/chat/completions``, again where the server is busy or its reply cannot be used."""

    url: str
    """Base address up to the version, such as ``http://localhost:8000/v1``."""
    model: str
    """The model's name there."""
    what: str
    """What it is asked for, for an error: ``judge``, ``writer``."""
    key_env: str = "BENIGN_JUDGE_KEY"
    """Name of the environment variable with the API key; no key is sent when it is unset."""
    timeout_seconds: float = 60.0
    """How long to wait for a reply."""
    tries: int = 5
    """Attempts per question, for busy servers, broken connections and malformed replies alike."""
    wait_seconds: float = 1.0
    """Wait before the second attempt; doubled each time, or what ``Retry-After`` says, at most 60."""

    def __post_init__(self) -> None:
        """Check the address.

        Raises:
            UserError: It is none.
        """
        if not self.url.startswith(("http://", "https://")):
            raise UserError(f"{self.url!r} is no http address", where=f"{self.what} url", fix="http(s)://host/v1")

    def asked(self, body: bytes, read: Callable[[bytes], _T | None], wanted: str, unusable: str) -> _T:
        """What is read from the reply.

        Args:
            body: The request.
            read: What the reply says, or None where it cannot be used.
            wanted: What that is, for an error.
            unusable: Why a reply cannot be used, for an error.

        Raises:
            UserError: There is no usable reply after all attempts, or the server refuses.
        """
        reason = ""
        for attempt in range(max(1, self.tries)):
            reply = self._post(body)
            if isinstance(reply, bytes):
                found = read(reply)
                if found is not None:
                    return found
                reason, wait = unusable, 0.0
            else:
                reason, wait = reply
            if attempt + 1 < self.tries:
                time.sleep(min(60.0, wait or self.wait_seconds * 2.0**attempt))
        raise UserError(
            f"no {wanted} after {self.tries} attempts: {reason}",
            where=f"{self.what} {self.url}",
            fix=f"start it or correct the address and run again; {wanted}s already given are kept",
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
        return UserError(f"HTTP {code}", where=f"{self.what} {self.url}", fix=cures.get(code, moved))


def _seconds(retry_after: str | None) -> float:
    try:
        return max(0.0, float(retry_after or 0))
    except ValueError:
        return 0.0  # the header may also hold a date
