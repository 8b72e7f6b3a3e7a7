"""A pcscd of our own with vsmartcard's virtual readers, away from the one of the machine.

pcscd takes its socket over from whoever starts it (the systemd protocol, LISTEN_FDS), so it needs no fixed path, and
PCSCLITE_CSOCK_NAME leads clients to it. It gets a /run of its own where the kernel allows that, to root or in a user
namespace.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from card_profiles.errors import TransportFault
from card_profiles.readers.pcsc import ReaderState, WorkerProcess, reader_states
from card_profiles.readers.pcsc_worker import Operation

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
INSTALL = "install what the card tests need: apt-get install -y pcscd vsmartcard-vpcd libpcsclite-dev"
PATIENCE = 15.0  # seconds that anything observable may take on a busy machine
NOBODY = 65534
READERS = ("Virtual PCD 00 00", "Virtual PCD 00 01")


# systemd's protocol wants the listening socket as descriptor 3 and our own pid; it comes as standard input.
_LAUNCH = 'exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$1" --foreground --info --config "$2"'
# Readers plugged into this machine are not ours, so their devices go, too.
_OWN_WORLD = """
mount -t tmpfs tmpfs /run && mkdir -m 755 /run/pcscd || exit 1
[ ! -d /dev/bus/usb ] || mount -t tmpfs tmpfs /dev/bus/usb || exit 1
exec "$@"
"""


def await_true(condition: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Polls until `condition` holds, fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {patience:g} s: {what}")
        time.sleep(0.005)


class PrivatePcscd:
    """Start and stop as often as you like; ports and socket stay the same."""

    def __init__(self, *, readers: bool = True) -> None:
        self._daemon = shutil.which("pcscd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if self._daemon is None or not DRIVER.exists():
            pytest.fail(INSTALL, pytrace=False)
        self.directory = Path(tempfile.mkdtemp(prefix="pcscd-"))
        self.directory.chmod(0o755)
        self.socket_path = self.directory / "pcscd.comm"
        self._configuration = self.directory / "reader.conf.d"
        self._configuration.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        if readers:
            self.plug_readers()

    def plug_readers(self, port: int | None = None) -> None:
        """Declares two readers for the next start; they listen on `port` and the one after."""
        self.port = port or _two_free_ports()
        (self._configuration / "vpcd").write_text(
            f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:{self.port}\nLIBPATH {DRIVER}\nCHANNELID {self.port}\n'
        )

    def unplug_readers(self) -> None:
        """Declares no readers for the next start."""
        (self._configuration / "vpcd").unlink()

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def start(self) -> None:
        for _ in range(5):
            self._launch()
            expected = len(READERS) if (self._configuration / "vpcd").exists() else 0
            if self._ready(expected):
                return
            self.stop()  # another process took the port meanwhile
            self.plug_readers()
        pytest.fail(f"pcscd did not come up:\n{self.log}")

    def _launch(self) -> None:
        assert self._daemon is not None
        prefix, identity = _privacy()
        listener = socket.socket(socket.AF_UNIX)
        with listener, (self.directory / "log").open("ab") as log:
            listener.bind(str(self.socket_path))
            listener.listen(64)
            self.socket_path.chmod(0o777)
            self._process = subprocess.Popen(
                [*prefix, "/bin/sh", "-c", _LAUNCH, "sh", self._daemon, str(self._configuration)],
                stdin=listener,
                stdout=log,
                stderr=subprocess.STDOUT,
                **identity,
            )

    def _ready(self, expected: int) -> bool:
        """pcscd opens its readers before it serves its socket, so the first answer is the final one."""
        with WorkerProcess() as worker:
            return len(_states(worker)) == expected

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
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def await_card(self, reader: str, *, present: bool, atr: bytes | None = None) -> None:
        """Until pcscd has noticed that a card is there, or not."""
        with WorkerProcess() as worker:

            def seen() -> bool:
                for state in _states(worker):
                    if state.name == reader:
                        return state.card_present == present and (atr is None or state.atr == atr)
                return False

            await_true(seen, f"card in {reader}: {present}")


@cache
def _privacy() -> tuple[list[str], dict[str, Any]]:
    """Command prefix and Popen arguments that keep pcscd from the pid file and the socket of the machine's own one."""
    root = os.geteuid() == 0
    user = [] if root else ["--user", "--map-root-user"]
    unshare = ["unshare", "--mount", *user, "/bin/sh", "-c", _OWN_WORLD, "sh"]
    if shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
        return unshare, {}
    # A container without mount namespaces. pcscd insists on /run/pcscd; without root it cannot change what is there.
    if root:
        Path("/run/pcscd").mkdir(exist_ok=True)
        return [], {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    if not Path("/run/pcscd").is_dir():
        pytest.fail("pcscd needs the directory /run/pcscd: sudo mkdir /run/pcscd", pytrace=False)
    return [], {}


def _states(worker: WorkerProcess) -> tuple[ReaderState, ...]:
    return reader_states(worker.ask(Operation.LIST, limit=PATIENCE, late=TransportFault.TIMED_OUT))


def _two_free_ports() -> int:
    """A port whose successor is free, too, on every interface, because that is where the virtual readers listen."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("", 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("", port + 1))
                return port
    pytest.fail("no two free ports in a row")
