"""Cards at the readers of a counter: what is asked, what is shown, and that nothing stays when a card leaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.iso7816.connection import Connection
from card_profiles.model import LifeCycle
from card_profiles.protocols.pace import Password
from card_profiles.readers.monitor import CardChange
from card_profiles.softcard.connection import InProcessConnection
from keys.status_list import Status
from tests.factory import CAN, DAY, NOW, STATUS_URI, authority, issue, jpeg, write_files
from tests.printed_codes import CODE, text
from tests.simulator.private_pcscd import await_true
from verifier.kiosk import kiosk as kiosk_module
from verifier.kiosk import lane as lane_module
from verifier.kiosk.visit import Phase
from verifier.reason import Reason

from .desk import OTHER, READER, Hall, hall

PERMIT = issue()
PASSWORD = Password.from_can(CAN)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_module, "SETTLE", 0.01)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Hall]:
    with hall(tmp_path) as made:
        made.readers(READER)
        yield made


def give(desk: Hall, can: str = CAN) -> bool:
    lane = desk.kiosk.lane("reader-1")
    assert lane is not None
    return lane.offer(desk.word()["visit"], Password.from_can(can))


class Moved:
    """A card that moves on the reader: the transport fails at one command, `times` times."""

    def __init__(self, at: int, fault: TransportFault, times: int = 1) -> None:
        self._card, self._at, self._fault, self._times = PERMIT.card(), at, fault, times
        self.connections = 0

    def __call__(self) -> Connection:
        self.connections += 1
        inner = InProcessConnection(self._card)
        if self._times:
            return _Failing(inner, self)  # type: ignore[return-value]
        return inner

    def fail(self) -> None:
        self._times -= 1
        raise TransportFailed("moved", fault=self._fault)


class _Failing:
    def __init__(self, inner: InProcessConnection, card: Moved) -> None:
        self._inner, self._card, self._count = inner, card, 0
        self.atr, self.close = inner.atr, inner.close

    def reset(self) -> bytes:
        return self._inner.reset()

    def transmit(self, command: bytes) -> bytes:
        self._count += 1
        if self._count == self._card._at:
            self._card.fail()
        return self._inner.transmit(command)


def test_can_verdict_and_portrait(desk: Hall) -> None:
    desk.put(PERMIT)
    desk.until(Phase.ASK)
    assert give(desk)
    word = desk.until(Phase.VERDICT)
    assert word["answer"]["accepted"]
    assert word["reader"] == READER
    assert [one["code"] for one in word["others"]] == ["H04", "H05", "H06", "H07", "H08", "H09"]
    assert {service["code"][0] for service in word["answer"]["services"]} == {"H"}
    shown = desk.kiosk.shown(word["check"])
    assert shown is not None
    assert shown.picture is not None
    assert shown.picture.image == jpeg(PERMIT.person.portrait_shade)
    assert desk.kiosk.shown("0" * 16) is None


def test_the_verdict_comes_before_the_portrait(tmp_path: Path) -> None:
    words: list[Any] = []
    with hall(tmp_path) as desk:
        desk.readers(READER)
        desk.kiosk.board.listen(lambda topic, word: words.append(word))
        desk.put(PERMIT)
        desk.until(Phase.ASK)
        give(desk)
        desk.until(Phase.VERDICT)
    verdicts = [word for word in words if word.get("phase") == Phase.VERDICT]
    assert [word["portrait"] for word in verdicts] == ["coming", "ready"]
    assert all(word["answer"]["accepted"] for word in verdicts)
    assert "9a" not in [step["number"] for step in verdicts[0]["answer"]["steps"]]
    phases = [word["phase"] for word in words if word.get("reader") == READER]
    assert list(dict.fromkeys(phases)) == ["empty", "seen", "ask", "reading", "verdict"]


def test_nothing_stays_when_the_card_leaves(desk: Hall) -> None:
    desk.put(PERMIT)
    desk.until(Phase.ASK)
    give(desk)
    check = desk.until(Phase.VERDICT)["check"]
    desk.take()
    word = desk.until(Phase.EMPTY)
    assert word.keys() == {"reader", "visit", "phase"}
    assert desk.kiosk.shown(check) is None
    assert not give(desk)
    assert "CHEN" not in repr(vars(desk.kiosk.lane("reader-1")))


def test_without_portraits(tmp_path: Path) -> None:
    with hall(tmp_path, portrait=False) as desk:
        desk.readers(READER)
        desk.put(PERMIT)
        desk.until(Phase.ASK)
        give(desk)
        assert desk.until(Phase.VERDICT)["portrait"] == "none"


def test_a_false_portrait_is_not_shown(desk: Hall) -> None:
    other = issue(person=replace(PERMIT.person, portrait_shade=20))
    state = PERMIT.card()
    files = state._image.state.files  # type: ignore[attr-defined]
    files["identity", 0x0102] = other.identity["DG2"][: len(PERMIT.identity["DG2"])]
    desk.put(lambda: InProcessConnection(state))
    desk.until(Phase.ASK)
    give(desk)
    word = desk.until(Phase.VERDICT)
    assert word["answer"]["reasons"] == [Reason.PORTRAIT_MISMATCH]
    assert word["portrait"] == "none"
    assert word["answer"]["holder"] is None


def test_a_wrong_can_is_asked_again(desk: Hall) -> None:
    desk.put(PERMIT)
    desk.until(Phase.ASK)
    give(desk, "111111")
    await_true(lambda: desk.word().get("reason") == Reason.WRONG_PASSWORD, "told")
    assert desk.word()["phase"] == Phase.ASK
    give(desk)
    assert desk.until(Phase.VERDICT)["answer"]["accepted"]


@pytest.mark.parametrize(
    ("life_cycle", "reason"),
    [(LifeCycle.PERSONALISING, Reason.NOT_ACTIVATED), (LifeCycle.TERMINATED, Reason.TERMINATED)],
)
def test_cards_out_of_use_are_known_before_a_can_is_asked(desk: Hall, life_cycle: LifeCycle, reason: Reason) -> None:
    desk.put(lambda: InProcessConnection(PERMIT.card(life_cycle=life_cycle)))
    assert desk.until(Phase.FAILED)["reason"] == reason


class Foreign:
    """Another kind of card: it knows none of our applications."""

    atr = bytes.fromhex("3B8180010A0A")

    def transmit(self, command: bytes) -> bytes:
        return b"\x6a\x82"

    def reset(self) -> bytes:
        return self.atr

    def close(self) -> None:
        pass


def test_another_kind_of_card(desk: Hall) -> None:
    desk.put(Foreign)
    assert desk.until(Phase.FAILED)["reason"] == Reason.OTHER_CARD
    desk.take()
    desk.until(Phase.EMPTY)
    desk.put(PERMIT)
    desk.until(Phase.ASK)


@pytest.mark.parametrize("at", range(1, 16))
@pytest.mark.parametrize("fault", [TransportFault.CARD_SWAPPED, TransportFault.CARD_REMOVED, TransportFault.CARD_RESET])
def test_a_card_that_moved_at_any_command_is_read_anew(desk: Hall, at: int, fault: TransportFault) -> None:
    card = Moved(at, fault)
    answers = desk.order(PASSWORD, portrait=True)
    desk.put(card)
    answer = answers.get(timeout=15)
    assert answer["accepted"], answer
    assert card.connections == 2


def test_a_card_that_keeps_moving_is_told(desk: Hall) -> None:
    answers = desk.order(PASSWORD)
    desk.put(Moved(3, TransportFault.CARD_REMOVED, times=9))
    assert answers.get(timeout=15)["reasons"] == [Reason.CARD_REMOVED]
    assert desk.until(Phase.FAILED)["reason"] == Reason.CARD_REMOVED
    lane = desk.kiosk.lane("reader-1")
    assert lane is not None
    desk.put(PERMIT)
    desk.until(Phase.ASK)


class Held:
    """A card whose answers wait until the test lets them go."""

    def __init__(self) -> None:
        self._inner = InProcessConnection(PERMIT.card())
        self.reached, self.go = threading.Event(), threading.Event()
        self.atr, self.close = self._inner.atr, self._inner.close

    def reset(self) -> bytes:
        return self._inner.reset()

    def transmit(self, command: bytes) -> bytes:
        self.reached.set()
        assert self.go.wait(20)
        return self._inner.transmit(command)


def test_a_card_that_leaves_while_it_is_read(desk: Hall) -> None:
    """The screen is clear at once, what comes afterwards is not shown, and the password waits for its return."""
    held = Held()
    answers = desk.order(PASSWORD)
    desk.put(lambda: held)  # type: ignore[arg-type,return-value]
    assert held.reached.wait(10)
    desk.until(Phase.READING)
    desk.take()
    desk.until(Phase.EMPTY)
    held.go.set()
    assert answers.get(timeout=10)["kind"] in ("verdict", "failure")
    assert desk.word()["phase"] == Phase.EMPTY
    desk.put(PERMIT)  # it is back within seconds: nothing to type
    assert desk.until(Phase.VERDICT)["answer"]["accepted"]


def test_the_kept_password_is_not_for_another_card(desk: Hall) -> None:
    held = Held()
    desk.order(PASSWORD)
    desk.put(lambda: held)  # type: ignore[arg-type,return-value]
    assert held.reached.wait(10)
    desk.take()
    held.go.set()
    desk.put(issue(can="222222"))
    word = desk.until(Phase.ASK)
    assert word.get("reason") is None  # nobody typed it for this card


def test_again(desk: Hall) -> None:
    desk.put(Moved(1, TransportFault.TIMED_OUT))
    assert desk.until(Phase.FAILED)["reason"] == Reason.TIMED_OUT
    lane = desk.kiosk.lane("reader-1")
    assert lane is not None
    assert not lane.again(desk.word()["visit"] + 1)
    assert lane.again(desk.word()["visit"])
    desk.until(Phase.ASK)


# --- programs --------------------------------------------------------------------------------------------------------


def test_an_order_waits_for_a_card(desk: Hall) -> None:
    answers = desk.order(PASSWORD)
    desk.put(PERMIT)
    answer = answers.get(timeout=10)
    assert answer["accepted"]
    assert answer["reader"] == READER
    desk.until(Phase.VERDICT)


def test_an_order_takes_the_card_that_lies_there(desk: Hall) -> None:
    desk.put(PERMIT)
    desk.until(Phase.ASK)
    assert desk.order(PASSWORD).get(timeout=10)["accepted"]
    desk.until(Phase.VERDICT)
    assert desk.order(PASSWORD).get(timeout=10)["accepted"]


def test_a_wrong_password_of_a_program(desk: Hall) -> None:
    desk.put(PERMIT)
    desk.until(Phase.ASK)
    assert desk.order(Password.from_can("111111")).get(timeout=10)["reasons"] == [Reason.WRONG_PASSWORD]


def test_orders_are_answered_one_after_the_other(desk: Hall) -> None:
    desk.put(PERMIT)
    desk.until(Phase.ASK)
    queues = [desk.order(PASSWORD) for _ in range(3)]
    assert all(queue.get(timeout=20)["accepted"] for queue in queues)
    assert len(desk.opened) == len({id(one) for one in desk.opened})


def test_two_cards_at_once(tmp_path: Path) -> None:
    with hall(tmp_path) as desk:
        desk.readers(READER, OTHER)
        desk.put(PERMIT)
        desk.put(issue(can="222222"), OTHER)
        desk.until(Phase.ASK, "reader-1")
        desk.until(Phase.ASK, "reader-2")
        assert desk.order(PASSWORD).get(timeout=10)["reasons"] == [Reason.READER_AMBIGUOUS]
        assert desk.order(Password.from_can("222222"), reader=OTHER).get(timeout=10)["accepted"]
        assert desk.word("reader-1")["phase"] == Phase.ASK
        give(desk)
        desk.until(Phase.VERDICT, "reader-1")
        desk.until(Phase.VERDICT, "reader-2")


def test_readers_that_are_not_ours(tmp_path: Path) -> None:
    with hall(tmp_path, readers=("Reader A",)) as desk:
        desk.happens(CardChange.READER_ATTACHED, OTHER)
        desk.readers(READER)
        assert set(desk.kiosk.readers()) == {READER}


# --- readers and services that come and go ---------------------------------------------------------------------------


def test_a_reader_is_unplugged_and_plugged_in_again(desk: Hall) -> None:
    desk.put(PERMIT)
    desk.until(Phase.ASK)
    give(desk)
    desk.until(Phase.VERDICT)
    desk.happens(CardChange.REMOVED, READER)
    desk.happens(CardChange.READER_DETACHED, READER)
    await_true(lambda: desk.kiosk.board.word("service").get("reason") == Reason.NO_READER, "told")
    assert desk.word() == {}
    desk.readers(READER)
    assert desk.kiosk.board.word("service")["reason"] is None
    desk.put(PERMIT)
    desk.until(Phase.ASK)


def test_no_service_at_start_and_later(tmp_path: Path) -> None:
    with hall(tmp_path) as desk:
        desk.happens(CardChange.SERVICE_LOST)
        await_true(lambda: desk.kiosk.board.word("service").get("reason") == Reason.NO_READER_SERVICE, "told")
        assert desk.kiosk.absence() is Reason.NO_READER_SERVICE
        desk.readers(READER)
        assert desk.kiosk.absence() is Reason.NO_CARD


# --- own data --------------------------------------------------------------------------------------------------------


def test_own_data_that_is_missing_and_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kiosk_module, "DATA_SECONDS", 0.05)
    desk = Hall(tmp_path)
    desk.kiosk.start()
    try:
        desk.readers(READER)
        await_true(lambda: desk.kiosk.board.word("data").get("reasons") == [Reason.TRUST_MISSING], "told")
        answers = desk.order(PASSWORD)
        desk.put(PERMIT)
        assert answers.get(timeout=10)["reasons"] == [Reason.TRUST_MISSING]
        write_files(tmp_path / "trust", authority().trust_files())
        await_true(lambda: desk.kiosk.board.word("data").get("outcome") == "passed", "told")
        assert desk.order(PASSWORD).get(timeout=10)["accepted"]
    finally:
        desk.kiosk.stop()


def test_a_clock_that_ran_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kiosk_module, "DATA_SECONDS", 0.05)
    times = [NOW]
    with hall(tmp_path, now=lambda: times[0]) as desk:
        desk.readers(READER)
        desk.put(PERMIT)
        desk.until(Phase.ASK)
        give(desk)
        assert desk.until(Phase.VERDICT)["answer"]["accepted"]
        desk.take()
        desk.until(Phase.EMPTY)
        times[0] = NOW - DAY / 24
        desk.put(PERMIT)
        desk.until(Phase.ASK)
        give(desk)
        answer = desk.until(Phase.VERDICT)["answer"]
        assert Reason.CLOCK_SET_BACK in answer["reasons"]
        assert answer["exit_code"] == 3
        await_true(
            lambda: desk.kiosk.board.word("data").get("reasons") == [Reason.CLOCK_SET_BACK], "told before a card"
        )


def test_a_stricter_counter(tmp_path: Path) -> None:
    freshness = {"status_warn": timedelta(hours=1), "status_services": timedelta(hours=3)}
    with hall(tmp_path, freshness=freshness) as desk:
        desk.readers(READER)
        answer_queue = desk.order(PASSWORD)
        desk.put(PERMIT)
        answer = answer_queue.get(timeout=10)
    assert answer["facets"]["entitled"]["reasons"][0] == Reason.STATUS_LIST_TOO_OLD_FOR_SERVICES
    assert answer["exit_code"] == 3


# --- what follows a check --------------------------------------------------------------------------------------------


def test_revoked_is_shown_facet_by_facet(tmp_path: Path) -> None:
    with hall(tmp_path) as desk:
        revoked = authority().status_list({PERMIT.mso.status_index: Status.INVALID})
        write_files(tmp_path / "trust", authority().trust_files(status={STATUS_URI: revoked}))
        desk.readers(READER)
        answers = desk.order(PASSWORD)
        desk.put(PERMIT)
        facets = answers.get(timeout=10)["facets"]
    assert {name: facet["outcome"] for name, facet in facets.items()} == {
        "genuine": "passed",
        "current": "failed",
        "entitled": "passed",
        "data_age": "passed",
    }


# --- printed codes ---------------------------------------------------------------------------------------------------


def test_a_scanned_code_opens_the_card_that_waits(desk: Hall) -> None:
    desk.put(PERMIT)
    word = desk.until(Phase.ASK)
    desk.kiosk.scanned((text(replace(CODE, expiry_date=PERMIT.person.expiry)),), "reader-1", word["visit"])
    assert desk.until(Phase.VERDICT)["answer"]["assurance"] == "chip"
    assert desk.word("code")["phase"] == Phase.EMPTY


def test_another_code_before_a_card_that_waits(desk: Hall) -> None:
    desk.put(PERMIT)
    word = desk.until(Phase.ASK)
    desk.kiosk.scanned(("HTTPS://EXAMPLE",), "reader-1", word["visit"])
    assert desk.word()["reason"] == Reason.CODE_OF_OTHER_KIND
    assert desk.word()["phase"] == Phase.ASK


def test_a_code_alone_and_then_its_card(desk: Hall) -> None:
    desk.kiosk.scanned((text(),))
    answer = desk.until(Phase.VERDICT, "code")["answer"]
    assert answer["assurance"] == "printed"
    assert Reason.COPY_NOT_EXCLUDED in answer["facets"]["genuine"]["reasons"]
    desk.put(PERMIT)  # nothing to type
    assert desk.until(Phase.VERDICT)["answer"]["assurance"] == "chip"
    assert desk.word("code")["phase"] == Phase.EMPTY


def test_a_code_does_not_stay_on_the_screen(tmp_path: Path) -> None:
    with hall(tmp_path) as desk:
        desk.kiosk.codes._seconds = 0.05
        desk.kiosk.scanned((text(),))
        desk.until(Phase.EMPTY, "code")
        assert desk.kiosk.password() is None
        desk.kiosk.codes._seconds = 60
        desk.kiosk.scanned((text(),))
        desk.until(Phase.VERDICT, "code")
        desk.kiosk.codes.clear()
        assert desk.kiosk.password() is None


def test_no_code(desk: Hall) -> None:
    desk.kiosk.scanned(())
    assert desk.until(Phase.FAILED, "code")["reason"] == Reason.CODE_NOT_FOUND
