"""The schema's version: bringing a database up to date, and refusing to run on one that is not.

There is no way back: what a migration took away cannot be known again. A back-up is the way back.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from . import models  # noqa: F401 - the metadata is complete once they are imported
from .base import Base

_DIRECTORY = Path(__file__).with_name("migrations")


class SchemaOutdated(Exception):
    """The database is of another version than the program; `found` is None for an empty one."""

    def __init__(self, found: str | None, wanted: str) -> None:
        super().__init__(f"the schema is {found or 'not there'}, the program needs {wanted}")
        self.found = found
        self.wanted = wanted


@cache
def head() -> str:
    """The version that the program needs."""
    found = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert found is not None
    return found


def current(engine: Engine) -> str | None:
    """The version of the database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, *, revision: str = "head") -> None:
    """Run the migrations that lack, all in one transaction."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Building an index over two million rows takes its time.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        command.upgrade(_config(connection), revision)


def require_current(engine: Engine) -> None:
    """Raises SchemaOutdated unless the database is of the program's version."""
    found, wanted = current(engine), head()
    if found != wanted:
        raise SchemaOutdated(found, wanted)


def differences(engine: Engine) -> list[object]:
    """How the database differs from the models; empty when the migrations say the same as they."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_DIRECTORY).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
