"""A real PostgreSQL for the tests: started from Debian's package on a Unix socket in a temporary directory.

It refuses to run as root, so there it runs as the user `postgres`, or `nobody`. Without the package the tests fail, and
the failure names the line to run.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sqlalchemy import URL, create_engine, text

INSTALL = "apt-get install postgresql"
_ACCOUNTS = ("postgres", "nobody")


class PostgresMissing(Exception):
    """There is no PostgreSQL on this machine."""

    def __init__(self, program: str) -> None:
        super().__init__(f"{program} is not here: {INSTALL}")


class Server:
    """A cluster of its own. Fast: what it holds dies with the tests, so it need not wait for the disk, unless it is
    `durable`, to be measured."""

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self.directory = Path(tempfile.mkdtemp(prefix="permit-postgres-"))
        self.data = self.directory / "data"
        self._become: list[str] = []
        if os.geteuid() == 0:
            account = _account()
            os.chown(self.directory, account.pw_uid, account.pw_gid)
            identity = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}")
            self._become = ["setpriv", *identity, "--clear-groups"]
        self._initialise()
        self._created = 0

    def _initialise(self) -> None:
        self._run("initdb", "-D", str(self.data), "-U", "permit", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        waiting = "on" if self._durable else "off"
        settings = {
            "listen_addresses": "''",
            "unix_socket_directories": f"'{self.directory}'",
            "fsync": waiting,
            "synchronous_commit": waiting,
            "full_page_writes": waiting,
            "max_connections": "100",
            "shared_buffers": "'2GB'" if self._durable else "'128MB'",
            "max_wal_size": "'8GB'" if self._durable else "'1GB'",
        }
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = {value}\n" for name, value in settings.items())
        log = str(self.directory / "log")
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-l", log, "start")

    def stop(self) -> None:
        """Ends the server and removes the cluster."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-s", "-m", "immediate", "stop")
        shutil.rmtree(self.directory)

    def url(self, database: str) -> str:
        """The URL of a database of this server."""
        address = URL.create("postgresql", username="permit", database=database, query={"host": str(self.directory)})
        return address.render_as_string(hide_password=False)

    def create(self, *, template: str = "template0") -> str:
        """A new database, a copy of `template`; its name."""
        self._created += 1
        name = f"permit_{os.getpid()}_{self._created}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Away with it, whoever is connected."""
        self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        engine = create_engine(
            self.url("postgres").replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
        )
        try:
            with engine.connect() as connection:
                connection.execute(text(statement))
        finally:
            engine.dispose()

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._become, str(_program(program)), *arguments]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        result = subprocess.run(  # noqa: PLW1510
            command, cwd="/", env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
        )
        if result.returncode:
            log = self.directory / "log"
            raise RuntimeError(f"{program}: {result.stderr}{log.read_text() if log.exists() else ''}")


@cache
def server() -> Server:
    """The one server of this test process."""
    started = Server()
    atexit.register(started.stop)
    return started


@cache
def template(prepare: Callable[[str], None]) -> str:
    """The name of a database on which `prepare` (given its URL) was run, to be copied from."""
    name = server().create()
    prepare(server().url(name))
    return name


def _program(name: str) -> Path:
    """Debian keeps the server's programs beside each version, out of the path."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if versions:
        return versions[-1]
    found = shutil.which(name)
    if found is None:
        raise PostgresMissing(name)
    return Path(found)


def _account() -> pwd.struct_passwd:
    for name in _ACCOUNTS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresMissing("an account that is not root")
