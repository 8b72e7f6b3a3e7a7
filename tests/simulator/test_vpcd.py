"""The card side of the virtual reader: against a reader of a few lines, and against pcscd."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from private_pcscd import PATIENCE, READERS, PrivatePcscd
from toy_card import ATR_A, OK, ToyCard

from card_profiles.errors import Misuse
from card_profiles.readers.pcsc import connect
from card_profiles.softcard import vpcd


class Reader:
    """libifdvpcd's side of the wire."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port: int = self.listener.getsockname()[1]
        self.card: socket.socket | None = None

    def accept(self) -> None:
        self.card, _ = self.listener.accept()
        self.card.settimeout(PATIENCE)

    def send(self, message: bytes) -> None:
        assert self.card is not None
        self.card.sendall(len(message).to_bytes(2) + message)

    def receive(self) -> bytes:
        return self._take(int.from_bytes(self._take(2)))

    def hung_up(self) -> bool:
        assert self.card is not None
        return self.card.recv(1) == b""

    def _take(self, count: int) -> bytes:
        assert self.card is not None
        received = b""
        while len(received) < count:
            piece = self.card.recv(count - len(received))
            assert piece
            received += piece
        return received

    def drop(self) -> None:
        assert self.card is not None
        self.card.close()
        self.card = None

    def close(self) -> None:
        if self.card is not None:
            self.card.close()
        self.listener.close()


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


class Served:
    def __init__(self, card: vpcd.Card, port: int) -> None:
        self.stop = threading.Event()
        self.raised: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(card, port), daemon=True)
        self._thread.start()

    def _run(self, card: vpcd.Card, port: int) -> None:
        try:
            vpcd.serve(card, "127.0.0.1", port, stop=self.stop)
        except Exception as error:
            self.raised = error

    def join(self) -> BaseException | None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.raised


@contextmanager
def served(card: vpcd.Card, port: int) -> Iterator[Served]:
    one = Served(card, port)
    try:
        yield one
    finally:
        one.stop.set()
        one.join()


def test_control_messages(reader: Reader) -> None:
    card = ToyCard()
    with served(card, reader.port):
        reader.accept()
        for number in (1, 2):
            reader.send(bytes([number]))
        reader.send(b"\x04")
        assert reader.receive() == ATR_A
        assert (card.resets, card.power_offs) == (2, 0)
        reader.send(b"\x00")
        reader.send(b"\x04")
        assert reader.receive() == ATR_A
        assert (card.resets, card.power_offs) == (2, 1)
        assert card.received == []


@pytest.mark.parametrize("size", [4, 5, 261, 65_533])
def test_commands_of_any_size(reader: Reader, size: int) -> None:
    card = ToyCard()
    command = bytes(index % 251 for index in range(size))
    with served(card, reader.port):
        reader.accept()
        reader.send(command)
        assert reader.receive() == command + OK


def test_a_command_in_pieces(reader: Reader) -> None:
    with served(ToyCard(), reader.port):
        reader.accept()
        assert reader.card is not None
        reader.card.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\x00\x04\x00\xa4\x00\x0c":
            reader.card.sendall(bytes([byte]))
        assert reader.receive() == bytes.fromhex("00A4000C") + OK


def test_unknown_and_empty_messages_are_let_be(reader: Reader) -> None:
    with served(ToyCard(), reader.port):
        reader.accept()
        reader.send(b"")
        reader.send(b"\x09")
        reader.send(b"\x04")
        assert reader.receive() == ATR_A


def test_it_returns_to_a_reader_that_hung_up(reader: Reader) -> None:
    card = ToyCard()
    with served(card, reader.port):
        for round_number in range(3):
            reader.accept()
            reader.send(b"\x04")
            assert reader.receive() == ATR_A
            assert card.power_offs == round_number
            reader.drop()


def test_it_waits_for_a_reader_that_is_not_there_yet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with served(ToyCard(), port) as one:
        one.stop.wait(0.2)  # let it fail at least once; whether it did makes no difference to what follows
        with socket.create_server(("127.0.0.1", port)) as listener:
            listener.settimeout(PATIENCE)
            connection, _ = listener.accept()
            connection.close()


def test_stop_ends_it(reader: Reader) -> None:
    card = ToyCard()
    one = Served(card, reader.port)
    reader.accept()
    one.stop.set()
    assert one.join() is None
    assert reader.hung_up()
    assert card.power_offs == 1


def test_a_card_that_raises_leaves_the_reader(reader: Reader) -> None:
    def tear(_: bytes) -> bytes:
        raise RuntimeError

    one = Served(ToyCard(respond=tear), reader.port)
    reader.accept()
    reader.send(bytes(4))
    assert isinstance(one.join(), RuntimeError)
    assert reader.hung_up()


@pytest.mark.parametrize("answer", [b"", b"\x90"])
def test_an_answer_that_would_hang_pcscd_never_goes_out(reader: Reader, answer: bytes) -> None:
    one = Served(ToyCard(respond=lambda _: answer), reader.port)
    reader.accept()
    reader.send(bytes(4))
    assert isinstance(one.join(), Misuse)
    assert reader.hung_up()


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[2])
from toy_card import ToyCard
from card_profiles.softcard.vpcd import serve_until_signal
serve_until_signal(ToyCard(), "127.0.0.1", int(sys.argv[1]))
print("ended well")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it(reader: Reader, number: signal.Signals) -> None:
    arguments = [sys.executable, "-c", PROGRAM, str(reader.port), str(Path(__file__).parent)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        reader.accept()
        reader.send(b"\x04")
        assert reader.receive() == ATR_A
        process.send_signal(number)
        output, _ = process.communicate(timeout=PATIENCE)
        assert (output, process.returncode) == ("ended well\n", 0)
        assert reader.hung_up()


def test_it_outlives_pcscd(pcscd: PrivatePcscd) -> None:
    with served(ToyCard(), pcscd.port):
        for _ in range(2):
            pcscd.await_card(READERS[0], present=True, atr=ATR_A)
            with connect(READERS[0]) as connection:
                assert connection.transmit(bytes(4)) == bytes(4) + OK
            pcscd.stop()
            pcscd.start()


def test_no_delayed_acknowledgement(pcscd: PrivatePcscd) -> None:
    """The 48 ms trap: a hundred commands in well under the 4.8 s that they would take in it."""
    with served(ToyCard(), pcscd.port):
        pcscd.await_card(READERS[0], present=True)
        with connect(READERS[0]) as connection:
            times: list[float] = []
            for _ in range(100):
                started = time.perf_counter()
                connection.transmit(bytes(4))
                times.append(time.perf_counter() - started)
    assert sorted(times)[50] < 0.020
