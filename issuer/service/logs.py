"""Structured logs: one JSON object a line, from a closed list of fields, none of which can hold a person or a secret.

A request is logged by its route (``/api/v1/holders/{holder_id}``) and not by its address, an exception by its class and
the lines of code that it went through and not by its message: messages quote data.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

LOGGER = "permit.service"
FIELDS = ("event", "request", "method", "route", "status", "problem", "milliseconds", "operator", "run", "what")
"""What a record may carry beside time, level and logger."""
_FRAMES = 12
_QUIET = ("uvicorn.access", "sqlalchemy.engine", "alembic")


class JsonLines(logging.Formatter):
    """Formats what is ours field by field; what libraries say, by its template without the values."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name == LOGGER:
            line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        else:
            line["event"] = str(record.msg) if record.args else "library"
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            frames = traceback.extract_tb(record.exc_info[2])[-_FRAMES:]
            line["trace"] = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
        return json.dumps(line, ensure_ascii=False)


def configure(level: str, stream: TextIO | None = None) -> logging.Handler:
    """Everything that is logged in this process goes to `stream` (standard error) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    return handler


def log(event: str, *, level: int = logging.INFO, error: BaseException | None = None, **fields: object) -> None:
    """One line. `fields` are among FIELDS."""
    if unknown := fields.keys() - set(FIELDS):
        raise ValueError(f"not a field of the log: {sorted(unknown)}")
    logging.getLogger(LOGGER).log(level, event, extra={"event": event, **fields}, exc_info=error)


def _short(path: str) -> str:
    """The end of a path: what leads there is the machine's business."""
    return "/".join(path.replace("\\", "/").rsplit("/", 3)[1:])
