"""A copy of the database while it is in use, and what was kept elsewhere to know whether a restored one is whole."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from keys import files

from .settings import Settings

MAX_WITNESSES = 16 * 1024 * 1024


def copy(settings: Settings, target: Path) -> None:
    """The SQLite database as it is at one moment, in a new file that is whole or not there; whoever works goes on.

    Raises ValueError for PostgreSQL, which has `pg_dump`; FileExistsError: a back-up is never overwritten.
    """
    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite" or url.database is None:
        raise ValueError("PostgreSQL is backed up with pg_dump -Fc")
    if target.exists():
        raise FileExistsError(f"{target} exists; a back-up is never overwritten")
    partial = target.with_name(f"{target.name}.partial")
    os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, files.PRIVATE))
    source = Path(url.database).absolute().as_uri()
    with closing(sqlite3.connect(f"{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(partial)) as new:
        old.backup(new)
        found = new.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise ValueError(f"the database is damaged: {found}")
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(target)
    files.sync_directory(str(target.parent))


def newest_witness(path: Path) -> tuple[int, bytes]:
    """The newest of the checkpoints that were kept elsewhere, as ``GET /api/v1/audit/checkpoints`` gives them: its
    record's number and the signed word. Raises OSError, ValueError."""
    with path.open("rb") as stream:
        raw = stream.read(MAX_WITNESSES + 1)
    if len(raw) > MAX_WITNESSES:
        raise ValueError(f"{path}: too large")
    try:
        return max((int(row["seq"]), bytes.fromhex(row["signed"])) for row in json.loads(raw))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path}: no list of checkpoints") from error
