"""What one process of the service works with: database, sessions, figures, readers, and the authority's keys if they
are here. Nothing in it must survive: more processes on the same database are the same service."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2 import PasswordHasher
from sqlalchemy import Engine

from ..store import migrate
from ..store.engine import open_engine
from ..store.unit import Store
from . import authority_keys
from .agents import Agents
from .authority_keys import Keys
from .metrics import Metrics
from .passwords import Passwords
from .runs import Jobs, Runs
from .sessions import Sessions
from .settings import Settings

SECRET_LENGTH = 32
COOKIE, SECURE_COOKIE = "permit-session", "__Host-permit-session"


def system_clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The parts. `keys` is None where they are not: such a process does everything but write cards; `keyless`
    says why."""

    settings: Settings
    engine: Engine
    store: Store
    sessions: Sessions
    passwords: Passwords
    metrics: Metrics
    runs: Runs
    jobs: Jobs
    agents: Agents
    keys: Keys | None = field(repr=False)
    keyless: str | None

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; a browser binds ``__Host-`` to HTTPS and to this host."""
        return SECURE_COOKIE if self.settings.secure else COOKIE


@contextmanager
def opened(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = system_clock,
    hasher: PasswordHasher | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> Iterator[Service]:
    """Open everything. Raises SchemaOutdated, SettingWrong, OSError where there is no database or no secret."""
    engine = open_engine(settings.database, pool_size=settings.pool_size)
    try:
        migrate.require_current(engine)
        store = Store(
            engine, clock=clock, number_secret=read_secret(settings.secret_file), rules=settings.rules, random=random
        )
        passwords = Passwords(hasher)
        metrics = Metrics()
        keys, keyless = authority_keys.opened(settings, store, clock)
        runs, jobs = Runs(metrics, clock), Jobs(clock)
        lifetime, idle = timedelta(hours=settings.session_hours), timedelta(minutes=settings.idle_minutes)
        try:
            yield Service(
                settings=settings,
                engine=engine,
                store=store,
                sessions=Sessions(store, passwords, lifetime=lifetime, idle=idle),
                passwords=passwords,
                metrics=metrics,
                runs=runs,
                jobs=jobs,
                agents=Agents(store, process=settings.address),
                keys=keys,
                keyless=keyless,
            )
        finally:
            runs.close()
            jobs.close()
    finally:
        engine.dispose()


def read_secret(path: Path) -> bytes:
    """The key of the number hashes. Raises OSError, ValueError."""
    return bytes.fromhex(path.read_text("ascii").strip())


def make_secret(path: Path) -> None:
    """A new one, for the owner's eyes only; an old one stays as it is, because it must never change."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as stream:
        stream.write(secrets.token_hex(SECRET_LENGTH) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
