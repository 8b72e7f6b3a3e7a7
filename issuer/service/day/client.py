"""Who sends the steps: requests over HTTP with what is known so far."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .steps import Step

SAMPLES = Path(__file__).parents[2] / "samples"


_PLACES = frozenset({"{city}", "{county}", "{town}", "{community}"})


class DayFailed(Exception):
    """A step was answered otherwise than it should."""


class Client:
    """Runs steps against a service."""

    def __init__(self, base: str, known: dict[str, str]) -> None:
        self._base = base + "/api/v1"
        self.known = known

    def run(self, step: Step) -> Any:
        """One step; its answer. Raises DayFailed."""
        for _ in range(600):
            status, answer = self._send(step)
            if status != step.status:
                raise DayFailed(f"{step.title}: {status} in place of {step.status}: {answer}")
            if step.until is None or answer[step.until[0]] == step.until[1]:
                break
            if answer[step.until[0]] == "failed":
                raise DayFailed(f"{step.title}: {answer['problem']}")
            time.sleep(0.05)
        for name, path in step.take.items():
            self.known[name] = str(pick(answer, path))
        return answer

    def _send(self, step: Step) -> tuple[int, Any]:
        headers = {"Accept-Language": "en"}
        if step.who:
            headers["Authorization"] = f"Bearer {self.known[step.who]}"
        content: bytes | None = None
        if step.photo is not None:
            headers["Content-Type"] = "image/jpeg"
            content = (SAMPLES / step.photo).read_bytes()
        elif step.body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(fill(step.body, self.known)).encode()
        if step.method != "GET" and step.who:
            headers["Idempotency-Key"] = secrets.token_hex(16)
        url = self._base + step.path.format_map(self.known)
        request = urllib.request.Request(url, content, headers, method=step.method)  # noqa: S310 - our own service
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


def fill(value: Any, known: Mapping[str, str]) -> Any:
    """A body with what is known by now; the id of a place becomes a number."""
    if isinstance(value, Mapping):
        return {name: fill(item, known) for name, item in value.items()}
    if isinstance(value, list):
        return [fill(item, known) for item in value]
    if isinstance(value, str) and value.startswith("{"):
        text = value.format_map(known)
        return int(text) if value in _PLACES else text
    return value


def pick(answer: Any, path: str) -> Any:
    """The member at ``data.holder`` or ``0.id``."""
    for name in path.split("."):
        answer = answer[int(name)] if name.isdigit() else answer[name]
    return answer
