"""A language model behind an OpenAI-compatible endpoint as judge; nothing is sent unless its address is given."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benign.data.atomic import write_text
from benign.data.endpoint import Endpoint

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
        Endpoint(self.url, self.model, "judge")

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
        endpoint = Endpoint(
            self.url, self.model, "judge", self.key_env, self.timeout_seconds, self.tries, self.wait_seconds
        )
        return endpoint.asked(body, parsed_mark, "mark", 'it did not reply {"score": 0 to 10}')


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
