"""Each test of this directory that asks for `store` runs twice: on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine

from issuer.store import migrate
from issuer.store.engine import open_engine
from tests import postgres
from tests.kept import kept_directory
from tests.store.office import Clock, Office


@cache
def _sqlite_template() -> Path:
    path = kept_directory() / "template.db"
    _migrated(str(path))
    return path


def _migrated(url: str) -> None:
    engine = open_engine(url)
    migrate.upgrade(engine)
    engine.dispose()


@contextmanager
def database(kind: str, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database with the schema, `sqlite` or `postgresql`."""
    if kind == "sqlite":
        yield f"sqlite:///{shutil.copy(_sqlite_template(), tmp_path / 'issuer.db')}"
        return
    name = postgres.server().create(template=postgres.template(_migrated))
    try:
        yield postgres.server().url(name)
    finally:
        postgres.server().drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database with the schema."""
    with database(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    opened = open_engine(url)
    yield opened
    opened.dispose()


@pytest.fixture
def office(engine: Engine) -> Office:
    """An authority with its places and people."""
    return Office.founded(engine, Clock())
