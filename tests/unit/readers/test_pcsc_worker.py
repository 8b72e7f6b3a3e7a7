"""The worker over a PC/SC library that does what a test says, and the process around it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from smartcard import scard

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.readers import pcsc_worker as wire
from card_profiles.readers.pcsc import WorkerProcess
from card_profiles.readers.pcsc_worker import Answer, Failed, Operation, Presence, Worker

ATR = [0x3B, 0x80, 0x80, 0x01, 0x01]
EMPTY = wire.STATE_EMPTY
PRESENT = wire.STATE_PRESENT


class FakeLibrary:
    """smartcard.scard: constants of the real one, answers from a script, calls in `calls`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.transmits: deque[tuple[int, list[int]]] = deque()
        self.states: deque[list[tuple[str, int, list[int]]]] = deque()
        self.readers = ["R"]
        self.service = True

    def __getattr__(self, name: str) -> Any:
        return getattr(scard, name)

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] == name]

    def SCardEstablishContext(self, scope: int) -> Any:
        self.calls.append(("SCardEstablishContext", scope))
        return (0, len(self.calls)) if self.service else (scard.SCARD_E_NO_SERVICE, 0)

    def SCardReleaseContext(self, context: int) -> int:
        self.calls.append(("SCardReleaseContext", context))
        return 0

    def SCardListReaders(self, context: int, groups: list[str]) -> Any:
        if not self.service:
            return scard.SCARD_E_NO_SERVICE, []
        return (0, self.readers) if self.readers else (scard.SCARD_E_NO_READERS_AVAILABLE, [])

    def SCardGetStatusChange(self, context: int, milliseconds: int, watched: Any) -> Any:
        self.calls.append(("SCardGetStatusChange", milliseconds, watched))
        if not self.service:
            return scard.SCARD_E_NO_SERVICE, []
        if self.states:
            return 0, self.states.popleft()
        return scard.SCARD_E_TIMEOUT, [(name, state, []) for name, state in watched]

    def SCardConnect(self, *arguments: Any) -> Any:
        self.calls.append(("SCardConnect", *arguments))
        return 0, 77, scard.SCARD_PROTOCOL_T1

    def SCardStatus(self, card: int) -> Any:
        return 0, "R", 0, scard.SCARD_PROTOCOL_T1, ATR

    def SCardTransmit(self, card: int, header: Any, command: list[int]) -> Any:
        self.calls.append(("SCardTransmit", card, header, command))
        return self.transmits.popleft()

    def SCardReconnect(self, *arguments: Any) -> Any:
        self.calls.append(("SCardReconnect", *arguments))
        return 0, scard.SCARD_PROTOCOL_T1

    def SCardDisconnect(self, card: int, disposition: int) -> int:
        self.calls.append(("SCardDisconnect", card, disposition))
        return 0


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary()


@pytest.fixture
def worker(library: FakeLibrary) -> Worker:
    worker = Worker(library)
    assert worker.perform(Operation.CONNECT, b"R") == bytes(ATR)
    return worker


def test_the_card_is_ours_alone(worker: Worker, library: FakeLibrary) -> None:
    ((_, _, reader, mode, protocols),) = library.named("SCardConnect")
    assert (reader, mode) == ("R", scard.SCARD_SHARE_EXCLUSIVE)
    assert protocols == scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1


@pytest.mark.parametrize(
    "code",
    [scard.SCARD_E_NOT_TRANSACTED, scard.SCARD_W_RESET_CARD, scard.SCARD_W_REMOVED_CARD, scard.SCARD_S_SUCCESS],
)
def test_a_handle_that_failed_once_is_never_used_again(worker: Worker, library: FakeLibrary, code: int) -> None:
    library.transmits += [(code, []), (0, [0x90, 0x00])]
    library.states.append([("R", PRESENT, ATR)])
    with pytest.raises(Failed) as failed:
        worker.perform(Operation.TRANSMIT, bytes(4))
    assert failed.value.code == code & 0xFFFFFFFF
    assert failed.value.presence is Presence.CARD
    for operation in (Operation.TRANSMIT, Operation.RESET):
        with pytest.raises(Failed) as again:
            worker.perform(operation, bytes(4))
        assert again.value.code == scard.SCARD_E_INVALID_HANDLE & 0xFFFFFFFF
    assert len(library.named("SCardTransmit")) == 1
    assert library.named("SCardReconnect") == []


def test_the_look_comes_before_the_power_goes(worker: Worker, library: FakeLibrary) -> None:
    library.transmits.append((scard.SCARD_E_NOT_TRANSACTED, []))
    library.states += [[("R", PRESENT, ATR)], [("R", EMPTY, [])]]
    library.calls.clear()
    with pytest.raises(Failed) as failed:
        worker.perform(Operation.TRANSMIT, bytes(4))
    assert failed.value.presence is Presence.EMPTY
    names = [call[0] for call in library.calls]
    assert names == ["SCardTransmit", "SCardGetStatusChange", "SCardGetStatusChange", "SCardDisconnect"]


@pytest.mark.parametrize("response", [[], [0x90]])
def test_success_without_a_status_word_is_a_failure(worker: Worker, library: FakeLibrary, response: list[int]) -> None:
    library.transmits.append((0, response))
    with pytest.raises(Failed) as failed:
        worker.perform(Operation.TRANSMIT, bytes(4))
    assert failed.value.code == 0


def test_closing_powers_the_card_down(worker: Worker, library: FakeLibrary) -> None:
    worker.perform(Operation.DISCONNECT, b"")
    assert library.named("SCardDisconnect") == [("SCardDisconnect", 77, scard.SCARD_UNPOWER_CARD)]


def test_a_reset_is_a_power_cycle_in_the_same_hands(worker: Worker, library: FakeLibrary) -> None:
    assert worker.perform(Operation.RESET, b"") == bytes(ATR)
    ((_, card, mode, _, disposition),) = library.named("SCardReconnect")
    assert (card, mode, disposition) == (77, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_UNPOWER_CARD)


def test_waiting_ends_for_readers_that_come_and_go(library: FakeLibrary) -> None:
    worker = Worker(library)
    library.states.append([("R", EMPTY, [])])
    worker.perform(Operation.LIST, b"")
    library.states.append([("R", EMPTY, [])])
    worker.perform(Operation.WAIT, (500).to_bytes(4))
    _, milliseconds, watched = library.named("SCardGetStatusChange")[2]
    assert milliseconds == 500
    assert watched[0] == ("R", EMPTY)
    assert watched[1][0] == r"\\?PnP?\Notification"


def test_waiting_does_not_wait_for_what_happened_already(library: FakeLibrary) -> None:
    worker = Worker(library)
    library.states.append([("R", EMPTY, [])])
    worker.perform(Operation.LIST, b"")
    library.states.append([("R", PRESENT, ATR)])
    body = worker.perform(Operation.WAIT, (500).to_bytes(4))
    assert wire.unpack_readers(body) == [("R", PRESENT, bytes(ATR))]
    assert [call[1] for call in library.named("SCardGetStatusChange")] == [0, 0]


def test_a_new_context_for_a_new_pcscd(library: FakeLibrary) -> None:
    worker = Worker(library)
    worker.perform(Operation.LIST, b"")
    library.service = False
    for _ in range(2):
        with pytest.raises(Failed):
            worker.perform(Operation.WAIT, (500).to_bytes(4))
    library.service = True
    assert wire.unpack_readers(worker.perform(Operation.WAIT, (500).to_bytes(4)))
    assert len(library.named("SCardReleaseContext")) == 1
    assert len(library.named("SCardEstablishContext")) == 3


def test_no_readers(library: FakeLibrary) -> None:
    library.readers = []
    assert Worker(library).perform(Operation.LIST, b"") == b""
    assert Worker(library).perform(Operation.WAIT, (0).to_bytes(4)) == b""


def test_requests_over_pipes(library: FakeLibrary) -> None:
    library.transmits += [(0, [1] * 65_535), (scard.SCARD_E_NOT_TRANSACTED, [])]
    library.states.append([("R", EMPTY, [])])
    (requests, to_worker), (from_worker, answers) = os.pipe(), os.pipe()

    def parent() -> None:
        with open(to_worker, "wb") as pipe:
            pipe.write(wire.pack_request(Operation.CONNECT, 5, b"R"))
            pipe.write(wire.pack_request(Operation.TRANSMIT, 5, bytes(65_544)))
            pipe.write(wire.pack_request(Operation.TRANSMIT, 5, bytes(4)))

    frames: list[bytes] = []

    def collect() -> None:
        with open(from_worker, "rb") as pipe:
            while head := pipe.read(4):
                frames.append(pipe.read(int.from_bytes(head)))

    threads = [threading.Thread(target=parent), threading.Thread(target=collect)]
    for thread in threads:
        thread.start()
    wire.serve(Worker(library), requests, answers)
    os.close(answers)
    os.close(requests)
    for thread in threads:
        thread.join(10)
    assert frames[0] == bytes([Answer.DONE, *ATR])
    assert frames[1] == bytes([Answer.DONE]) + b"\x01" * 65_535
    assert wire.unpack_failure(frames[2]) == (0x80100016, Presence.EMPTY, "SCardTransmit")
    assert len(library.named("SCardTransmit")[0][3]) == 65_544


def test_a_parent_that_is_gone_is_told_nothing(library: FakeLibrary) -> None:
    """`permit-verifier watch` ended by SIGTERM left a traceback on the terminal."""
    requests, to_worker = os.pipe()
    from_worker, answers = os.pipe()
    os.write(to_worker, wire.pack_request(Operation.CONNECT, 5, b"R"))
    os.close(to_worker)
    os.close(from_worker)
    try:
        wire.serve(Worker(library), requests, answers)
    finally:
        os.close(requests)
        os.close(answers)


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> WorkerProcess:
    """A worker process that runs this instead."""
    path = tmp_path / "worker.py"
    path.write_text("import os, sys, time\n" + text)
    monkeypatch.setattr(wire, "__file__", str(path))
    return WorkerProcess()


def ask(worker: WorkerProcess, limit: float = 0.3) -> TransportFault:
    with worker, pytest.raises(TransportFailed) as failed:
        worker.ask(Operation.LIST, limit=limit, late=TransportFault.TIMED_OUT)
    return failed.value.fault


@pytest.mark.parametrize(
    "text",
    [
        "time.sleep(600)",
        "os.write(1, bytes([0, 0])); time.sleep(600)",
        "os.write(1, bytes([0, 0, 0, 9, 0])); time.sleep(600)",
        "while True: os.write(1, bytes([0, 0xFF, 0, 0])); time.sleep(0.01)",
    ],
    ids=["silent", "half a length", "half an answer", "a trickle"],
)
def test_a_worker_that_is_late_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    worker = program(tmp_path, monkeypatch, text)
    assert ask(worker) is TransportFault.TIMED_OUT
    assert not worker.alive
    with pytest.raises(ProcessLookupError):
        os.kill(worker.pid, 0)
    assert ask(worker) is TransportFault.NO_SERVICE


@pytest.mark.parametrize("text", ["", "os.abort()", "os.read(0, 9); os.write(1, bytes([0, 0])); sys.exit(0)"])
def test_a_worker_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert ask(program(tmp_path, monkeypatch, text), 30) is TransportFault.NO_SERVICE


def test_without_pyscard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smartcard.py").write_text("raise ImportError('no pyscard here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = WorkerProcess()
    with worker, pytest.raises(TransportFailed) as failed:
        worker.ask(Operation.LIST, limit=30, late=TransportFault.TIMED_OUT)
    assert failed.value.fault is TransportFault.NO_SERVICE
    assert "residence-permit[pcsc]" in str(failed.value)


def test_this_process_loads_no_pcsc_library_and_little_else() -> None:
    program = (
        "import sys; from card_profiles.readers import memory, monitor, pcsc; pcsc.WorkerProcess().close();"
        "print(sum(name.split('.')[0] == 'smartcard' for name in sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "0\n"
