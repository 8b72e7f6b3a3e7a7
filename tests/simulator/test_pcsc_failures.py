"""What goes wrong between pcscd and a card, and that each is told by its fault: the rows of `readers.pcsc.FAULTS`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from private_pcscd import READERS, PrivatePcscd, await_true
from toy_card import ATR_A, ATR_B, OK, Deed, ToyCard

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from card_profiles.readers.pcsc import MAX_COMMAND, PcscConnection, Timeouts, connect, list_readers

READER = READERS[0]
SELECT = bytes.fromhex("00A4000C")
QUICK = Timeouts(connect=3.0, transmit=0.5)


@contextmanager
def card_in(daemon: PrivatePcscd, card: ToyCard) -> Iterator[ToyCard]:
    with card.inserted():
        daemon.await_card(READER, present=True, atr=card.atr)
        yield card


@contextmanager
def other_process(mode: str) -> Iterator[str]:
    """Another program at the reader; what it says."""
    script = Path(__file__).with_name("other_process.py")
    process = subprocess.Popen(
        [sys.executable, script, mode, READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


def fault_of_transmit(connection: PcscConnection, command: bytes = SELECT) -> TransportFault:
    with pytest.raises(TransportFailed) as failed:
        connection.transmit(command)
    return failed.value.fault


def assert_dead(connection: PcscConnection, fault: TransportFault, card: ToyCard) -> None:
    """Whatever is said to it, no card hears it."""
    heard = len(card.received)
    assert fault_of_transmit(connection) is fault
    with pytest.raises(TransportFailed) as failed:
        connection.reset()
    assert failed.value.fault is fault
    assert len(card.received) == heard


def fault_of_connect(reader: str | None = READER) -> TransportFault:
    with pytest.raises(TransportFailed) as failed:
        connect(reader, timeouts=QUICK)
    return failed.value.fault


def test_a_card_answers(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)) as card, connect(READER) as connection:
        assert connection.atr == ATR_A
        assert connection.reader_name == READER
        assert connection.transmit(SELECT) == SELECT + OK
        assert card.received == [SELECT]


def test_the_readers_are_listed(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)):
        first, second = list_readers()
    assert (first.name, first.card_present, first.atr) == (READERS[0], True, ATR_A)
    assert (second.name, second.card_present, second.atr) == (READERS[1], False, b"")


def test_no_card(pcscd: PrivatePcscd) -> None:
    assert fault_of_connect() is TransportFault.NO_CARD
    assert fault_of_connect(None) is TransportFault.NO_CARD


def test_the_reader_with_the_card_needs_no_name(pcscd: PrivatePcscd) -> None:
    with ToyCard(pcscd.port + 1).inserted():
        pcscd.await_card(READERS[1], present=True)
        with connect() as connection:
            assert connection.reader_name == READERS[1]


def test_two_cards_need_a_name(pcscd: PrivatePcscd) -> None:
    with ToyCard(pcscd.port).inserted(), ToyCard(pcscd.port + 1).inserted():
        for reader in READERS:
            pcscd.await_card(reader, present=True)
        with pytest.raises(Misuse):
            connect()
        with connect("00 01") as connection:
            assert connection.reader_name == READERS[1]


def test_an_unknown_reader(pcscd: PrivatePcscd) -> None:
    assert fault_of_connect("Cherry") is TransportFault.NO_READER


def test_a_card_removed_before_pcscd_notices(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)) as card, connect(READER) as connection:
        card.remove()
        assert fault_of_transmit(connection) is TransportFault.CARD_REMOVED
        card.insert()
        pcscd.await_card(READER, present=True)
        assert_dead(connection, TransportFault.CARD_REMOVED, card)
        with connect(READER) as again:
            assert again.transmit(SELECT) == SELECT + OK


def test_a_card_removed_after_pcscd_noticed(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)) as card, connect(READER) as connection:
        card.remove()
        pcscd.await_card(READER, present=False)
        assert fault_of_transmit(connection) is TransportFault.CARD_REMOVED
        assert_dead(connection, TransportFault.CARD_REMOVED, card)


def test_a_card_exchanged_before_pcscd_notices(pcscd: PrivatePcscd) -> None:
    """pcscd takes the second card for the first, and the old handle reaches it: nothing may be said to it."""
    with card_in(pcscd, ToyCard(pcscd.port)) as first, connect(READER) as connection:
        assert connection.transmit(SELECT) == SELECT + OK
        first.remove()
        with ToyCard(pcscd.port, atr=ATR_B).inserted() as second:
            assert fault_of_transmit(connection) is TransportFault.CARD_SWAPPED
            assert_dead(connection, TransportFault.CARD_SWAPPED, second)
            assert second.received == []
            with connect(READER) as again:
                assert again.atr == ATR_B


def test_a_card_back_before_pcscd_notices(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)) as card, connect(READER) as connection:
        card.remove()
        card.insert()
        assert fault_of_transmit(connection) is TransportFault.CARD_SWAPPED
        with connect(READER) as again:
            assert again.transmit(SELECT) == SELECT + OK


def test_a_card_that_is_away_for_one_command(pcscd: PrivatePcscd) -> None:
    """A bad contact. Powering the card down while it is away would leave pcscd with a reader it takes for empty."""
    with card_in(pcscd, ToyCard(pcscd.port)) as card, connect(READER) as connection:
        card.remove()
        with ThreadPoolExecutor() as pool:
            fault = pool.submit(fault_of_transmit, connection)
            # pcscd may have missed the card by itself before the command came: then the worker fails without a word
            await_true(lambda: fault.done() or "Card not transacted" in pcscd.log, "the command fails")
            card.insert()
            # either, depending on where pcscd's poll fell
            assert fault.result() in {TransportFault.CARD_SWAPPED, TransportFault.CARD_REMOVED}
        pcscd.await_card(READER, present=True)
        with connect(READER) as again:
            assert again.transmit(SELECT) == SELECT + OK


def test_a_card_that_dies_inside_a_command(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port, respond=lambda _: Deed.DIE)) as card, connect(READER) as connection:
        assert fault_of_transmit(connection) is TransportFault.CARD_REMOVED
        assert_dead(connection, TransportFault.CARD_REMOVED, card)


def test_an_answer_of_one_byte(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port, respond=lambda _: b"\x90")) as card, connect(READER) as connection:
        assert fault_of_transmit(connection) is TransportFault.CARD_MUTE
        assert_dead(connection, TransportFault.CARD_MUTE, card)


@pytest.mark.parametrize("answer", [b"", Deed.KEEP_SILENT], ids=["zero-length", "silence"])
def test_a_card_that_does_not_answer(pcscd: PrivatePcscd, answer: bytes | Deed) -> None:
    with card_in(pcscd, ToyCard(pcscd.port, respond=lambda _: answer)) as card:
        with connect(READER, timeouts=QUICK) as connection:
            started = time.monotonic()
            assert fault_of_transmit(connection) is TransportFault.TIMED_OUT
            assert time.monotonic() - started < 5
            assert_dead(connection, TransportFault.TIMED_OUT, card)
        # pcscd still waits for it; until the card is out its reader is nobody's
        assert fault_of_connect() is TransportFault.READER_BUSY
        card.remove()
        pcscd.await_card(READER, present=False)
    with card_in(pcscd, ToyCard(pcscd.port)), connect(READER) as connection:
        assert connection.transmit(SELECT) == SELECT + OK


def test_a_card_that_gives_no_atr(pcscd: PrivatePcscd) -> None:
    """It stops pcscd's look at this reader until it is out again, and nothing else."""
    with ToyCard(pcscd.port, atr=b"").inserted() as card:
        await_true(lambda: card.messages > 0, "pcscd asks for the ATR")
        assert fault_of_connect() is TransportFault.NO_CARD
    with card_in(pcscd, ToyCard(pcscd.port)), connect(READER) as connection:
        assert connection.transmit(SELECT) == SELECT + OK


@pytest.mark.parametrize("mode", ["shared", "exclusive", "transaction"])
def test_a_card_that_another_process_uses(pcscd: PrivatePcscd, mode: str) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)):
        with other_process(mode) as says:
            assert says == "ready"
            assert fault_of_connect() is TransportFault.READER_BUSY
        await_true(_connects, "the reader is free again")


def _connects() -> bool:
    try:
        connect(READER).close()
    except TransportFailed:
        return False
    return True


def test_nobody_reaches_or_resets_our_card(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)) as card, connect(READER) as connection:
        resets = card.resets
        with other_process("shared") as says:
            assert says == "8010000B"
        assert connection.transmit(SELECT) == SELECT + OK
        assert card.resets == resets


def test_closing_powers_the_card_down(pcscd: PrivatePcscd) -> None:
    """So that the next program does not inherit what we were allowed."""
    with card_in(pcscd, ToyCard(pcscd.port)) as card:
        connection = connect(READER)
        connection.transmit(SELECT)
        before = card.power_offs
        connection.close()
        connection.close()
        assert card.power_offs > before
        with pytest.raises(TransportFailed):
            connection.transmit(SELECT)


def test_a_reset_power_cycles_the_card(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)) as card, connect(READER) as connection:
        offs, resets = card.power_offs, card.resets
        assert connection.reset() == ATR_A
        assert card.power_offs > offs
        assert card.resets > resets
        assert connection.transmit(SELECT) == SELECT + OK


def test_pcscd_stopped_and_started(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)) as card, connect(READER) as connection:
        pcscd.stop()
        assert fault_of_transmit(connection) is TransportFault.NO_SERVICE
        assert fault_of_connect() is TransportFault.NO_SERVICE
        card.remove()
        pcscd.start()
        card.insert()
        pcscd.await_card(READER, present=True)
        assert_dead(connection, TransportFault.NO_SERVICE, card)
        with connect(READER) as again:
            assert again.transmit(SELECT) == SELECT + OK


def test_pcscd_killed(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)), connect(READER) as connection:
        pcscd.stop(signal.SIGKILL)
        assert fault_of_transmit(connection) is TransportFault.NO_SERVICE


def test_no_readers(pcscd: PrivatePcscd) -> None:
    pcscd.stop()
    pcscd.unplug_readers()
    pcscd.start()
    assert list_readers() == ()
    assert fault_of_connect() is TransportFault.NO_READER
    assert fault_of_connect(None) is TransportFault.NO_READER


def test_no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(tmp_path / "nobody"))
    with pytest.raises(TransportFailed) as failed:
        list_readers()
    assert failed.value.fault is TransportFault.NO_SERVICE
    assert fault_of_connect() is TransportFault.NO_SERVICE


def test_the_largest_command_and_response(pcscd: PrivatePcscd) -> None:
    largest = bytes(range(256)) * 256
    card = ToyCard(pcscd.port, respond=lambda _: largest[:65_533] + OK)
    with card_in(pcscd, card), connect(READER) as connection:
        command = largest[:65_535]  # as much as the virtual reader carries
        assert connection.transmit(command) == largest[:65_533] + OK
        assert card.received == [command]


@pytest.mark.parametrize("size", [0, 1, 3, MAX_COMMAND + 1])
def test_what_is_no_command_stays_here(pcscd: PrivatePcscd, size: int) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)) as card, connect(READER) as connection:
        with pytest.raises(Misuse):
            connection.transmit(bytes(size))
        assert connection.transmit(SELECT) == SELECT + OK
        assert card.received == [SELECT]


ORPHAN = """
import os, sys
from card_profiles.readers.pcsc import Timeouts, connect
connection = connect(sys.argv[1], timeouts=Timeouts(transmit=0.5))
print(connection.worker_pid, flush=True)
connection.transmit(bytes(4))
"""


def test_a_hung_worker_dies_without_its_parent(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port, respond=lambda _: Deed.KEEP_SILENT)) as card:
        process = subprocess.Popen([sys.executable, "-c", ORPHAN, READER], stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout is not None
            worker = int(process.stdout.readline())
            await_true(lambda: card.received != [], "the command arrives")
            process.kill()
        await_true(lambda: not _runs(worker), "the worker ends by itself")


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_worker_ends_with_its_connection(pcscd: PrivatePcscd) -> None:
    with card_in(pcscd, ToyCard(pcscd.port)):
        with connect(READER) as connection:
            worker = connection.worker_pid
            os.kill(worker, signal.SIGINT)  # Ctrl-C at a terminal reaches it, too
            assert connection.transmit(SELECT) == SELECT + OK
        assert not _runs(worker)
