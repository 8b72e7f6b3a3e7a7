"""A pcscd of one's own with virtual readers, away from the one of the machine: for demonstrations and tests.

pcscd takes its socket over from whoever starts it (the systemd protocol, LISTEN_FDS), so it needs no fixed path, and
PCSCLITE_CSOCK_NAME leads clients to it. It gets a /run of its own where the kernel allows that, to root or in a user
namespace. The reader is vsmartcard's: a card connects to its port (`softcard.vpcd`). Its driver knows two slots in a
process and no more, so who wants a third reader starts another pcscd.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from card_profiles.errors import TransportFault

from .pcsc import ReaderState, WorkerProcess, reader_states
from .pcsc_worker import Operation

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"
INSTALL = "apt-get install -y pcscd vsmartcard-vpcd libpcsclite-dev"
PATIENCE = 15.0  # seconds that anything may take on a busy machine
SLOTS = 2  # of each virtual reader; the second listens on the next port
_NOBODY = 65534
_ATTEMPTS = 5

# systemd's protocol wants the listening socket as descriptor 3 and our own pid; it comes as standard input.
_LAUNCH = 'exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$1" --foreground --info --config "$2"'
# Readers plugged into this machine are not ours, so their devices go, too.
_OWN_WORLD = """
mount -t tmpfs tmpfs /run && mkdir -m 755 /run/pcscd || exit 1
[ ! -d /dev/bus/usb ] || mount -t tmpfs tmpfs /dev/bus/usb || exit 1
exec "$@"
"""


class NoVirtualReaders(Exception):
    """They cannot be had here; the text says what to do."""


class VirtualPcscd:
    """Start and stop as often as you like; ports and socket stay the same.

    PC/SC calls its slots ``NAME 00 00`` and ``NAME 00 01``; they listen on `port` and the next. Raises
    NoVirtualReaders.
    """

    def __init__(self, name: str) -> None:
        found = shutil.which("pcscd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if found is None or not DRIVER.exists():
            raise NoVirtualReaders(f"virtual readers are not installed: {INSTALL}")
        self._daemon = found
        self._name = name
        self.directory = Path(tempfile.mkdtemp(prefix="pcscd-"))
        self.directory.chmod(0o755)
        self.socket_path = self.directory / "pcscd.comm"
        self._configuration = self.directory / "reader.conf.d"
        self._configuration.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.plug()

    def plug(self, port: int | None = None) -> None:
        """Declares the reader for the next start."""
        self.port = port or _free_port()
        self._declaration.write_text(
            f'FRIENDLYNAME "{self._name}"\nDEVICENAME /dev/null:{self.port}\nLIBPATH {DRIVER}\nCHANNELID {self.port}\n'
        )

    def unplug(self) -> None:
        """Declares no readers for the next start."""
        self._declaration.unlink()

    @property
    def _declaration(self) -> Path:
        return self._configuration / "vpcd"

    @property
    def log(self) -> str:
        """What pcscd said so far."""
        return (self.directory / "log").read_text(errors="replace")

    def environment(self) -> dict[str, str]:
        """What leads a client to it."""
        return {SOCKET_VARIABLE: str(self.socket_path)}

    def start(self) -> None:
        """Until its readers are there. The caller's own environment leads to it (`environment`)."""
        for _ in range(_ATTEMPTS):
            self._launch()
            expected = SLOTS if self._declaration.exists() else 0
            if self._ready(expected):
                return
            self.stop()  # another process took a port meanwhile
            self.plug()
        raise NoVirtualReaders(f"pcscd did not come up:\n{self.log}")

    def _launch(self) -> None:
        prefix, account = _privacy()
        listener = socket.socket(socket.AF_UNIX)
        with listener, (self.directory / "log").open("ab") as log:
            listener.bind(str(self.socket_path))
            listener.listen(64)
            self.socket_path.chmod(0o777)
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [*prefix, "/bin/sh", "-c", _LAUNCH, "sh", self._daemon, str(self._configuration)],
                stdin=listener.fileno(),
                stdout=log,
                stderr=subprocess.STDOUT,
                user=account,
                group=account,
                extra_groups=None if account is None else [],
            )

    def _ready(self, expected: int) -> bool:
        """pcscd opens its readers before it serves its socket, so the first answer is the final one."""
        return len(self.states()) == expected

    @staticmethod
    def states() -> tuple[ReaderState, ...]:
        """The readers as a client sees them."""
        with WorkerProcess() as worker:
            return reader_states(worker.ask(Operation.LIST, limit=PATIENCE, late=TransportFault.TIMED_OUT))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends pcscd; its socket goes first, so that nobody finds a path that leads nowhere."""
        self.socket_path.unlink(missing_ok=True)
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)

    def close(self) -> None:
        """End it for good."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


@cache
def _privacy() -> tuple[list[str], int | None]:
    """Command prefix, and the account if it must be another one: pcscd is to leave the machine's own one alone."""
    root = os.geteuid() == 0
    user = [] if root else ["--user", "--map-root-user"]
    unshare = ["unshare", "--mount", *user, "/bin/sh", "-c", _OWN_WORLD, "sh"]
    if shutil.which("unshare") is not None:
        tried = subprocess.run([*unshare, "true"], capture_output=True, check=False)  # noqa: S603 - our own words
        if tried.returncode == 0:
            return unshare, None
    # A container without mount namespaces. pcscd insists on /run/pcscd; without root it cannot change what is there.
    if root:
        Path("/run/pcscd").mkdir(exist_ok=True)
        return [], _NOBODY
    if not Path("/run/pcscd").is_dir():
        raise NoVirtualReaders("pcscd needs the directory /run/pcscd: sudo mkdir /run/pcscd")
    return [], None


def _free_port() -> int:
    """A port whose successor is free, too, on every interface, because that is where the virtual reader listens."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("", 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("", port + 1))
                return port
    raise NoVirtualReaders("no two free ports in a row")
