"""The interface for programs and the requests of the page; every answer of a check is as its published schema says."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from card_profiles.softcard.connection import InProcessConnection
from issuer import code_image
from keys.status_list import Status
from tests.factory import CAN, NOW, STATUS_URI, authority, issue, jpeg, write_files
from tests.printed_codes import CODE, text
from tests.simulator.private_pcscd import await_true
from verifier.kiosk.support_file import SupportFiles
from verifier.kiosk.visit import Phase, Shown
from verifier.support import SupportReason
from verifier.support_texts import REASONS

from .desk import OTHER, READER
from .served import SCHEMA, Answer, Served, served

PERMIT = issue()
GOOD = {"can": CAN, "wait_seconds": 20}


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as made:
        made.hall.readers(READER)
        yield made


# --- POST /v1/check --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    [{"can": CAN}, {"mrz": "RP0402137,910314,310520"}, {"code": text(replace(CODE, expiry_date=PERMIT.person.expiry))}],
    ids=["can", "mrz", "code"],
)
def test_check_the_card_that_lies_there(counter: Served, secret: dict[str, str]) -> None:
    counter.hall.put(PERMIT)
    counter.hall.until(Phase.ASK)
    answer = counter.api("/v1/check", secret).checked
    assert answer["schema"] == "residence-permit-check/1"
    assert (answer["kind"], answer["accepted"], answer["exit_code"]) == ("verdict", True, 0)
    assert answer["reader"] == READER
    assert "portrait" not in answer


def later(counter: Served, body: Any) -> tuple[threading.Thread, list[Answer]]:
    """A request in the background."""
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(counter.api("/v1/check", body)), daemon=True)
    thread.start()
    await_true(lambda: len(counter.hall.kiosk._orders) == 1, "the request waits")
    return thread, answers


def test_wait_for_a_card_and_bring_its_portrait(counter: Served) -> None:
    thread, answers = later(counter, GOOD | {"portrait": True, "reader": "Reader"})
    counter.hall.put(PERMIT)
    thread.join(20)
    portrait = answers[0].checked["portrait"]
    assert portrait["media_type"] == "image/jpeg"
    assert base64.b64decode(portrait["base64"]) == jpeg(PERMIT.person.portrait_shade)


def test_nobody_comes(counter: Served) -> None:
    answer = counter.api("/v1/check", {"can": CAN, "wait_seconds": 0}).checked
    assert (answer["kind"], answer["exit_code"], answer["reasons"]) == ("failure", 2, ["no-card"])
    counter.hall.put(PERMIT)
    counter.hall.until(Phase.ASK)  # the request that gave up does not check the next card


def test_a_program_that_hangs_up_checks_nobody(counter: Served) -> None:
    import http.client
    import json

    connection = http.client.HTTPConnection("127.0.0.1", counter.port, timeout=10)
    headers = counter.program | {"Content-Type": "application/json"}
    connection.request("POST", "/v1/check", body=json.dumps(GOOD | {"wait_seconds": 60}), headers=headers)
    await_true(lambda: len(counter.hall.kiosk._orders) == 1, "the request waits")
    connection.close()
    await_true(lambda: not counter.hall.kiosk._orders, "nobody waits any more")
    counter.hall.put(PERMIT)
    counter.hall.until(Phase.ASK)


def test_every_kind_of_answer_follows_the_schema(counter: Served) -> None:
    hall = counter.hall
    clone = PERMIT.card()
    clone._image.state = replace(clone._image.state, chip_key=bytes(31) + b"\x07")  # type: ignore[attr-defined]
    cases: list[tuple[Any, dict[str, Any], list[str]]] = [
        (issue(status_index=9), GOOD, ["status-revoked"]),
        (issue(status_index=10), GOOD, ["status-suspended"]),
        (issue(valid_until=PERMIT.mso.signed.replace(year=2026, day=28)), GOOD, ["endorsement-missed"]),
        (lambda: InProcessConnection(clone), GOOD, ["chip-not-proven"]),
        (issue(authority("stranger")), GOOD, ["signer-untrusted"]),
        (PERMIT, {"can": "111111"}, ["wrong-password"]),
    ]
    revoked = authority().status_list({9: Status.INVALID, 10: Status.SUSPENDED})
    write_files(hall.directory / "trust", authority().trust_files(status={STATUS_URI: revoked}))
    for card, body, reasons in cases:
        hall.put(card)
        found = counter.api("/v1/check", body).checked
        assert [reason for reason in found["reasons"] if reason != "not-checked"] == reasons
        assert not found["accepted"]
        hall.take()
        hall.until(Phase.EMPTY)


def test_which_reader(tmp_path: Path) -> None:
    with served(tmp_path) as counter:
        counter.hall.readers(READER, OTHER)
        assert counter.ask("GET", "/v1/readers", **counter.program).tree == {
            "readers": [{"name": READER, "phase": "empty"}, {"name": OTHER, "phase": "empty"}]
        }
        counter.hall.put(PERMIT)
        counter.hall.put(PERMIT, OTHER)
        counter.hall.until(Phase.ASK, "reader-2")
        assert counter.api("/v1/check", GOOD).checked["reasons"] == ["reader-ambiguous"]
        assert counter.api("/v1/check", GOOD | {"reader": "B"}).checked["reader"] == OTHER


# --- POST /v1/check-code ---------------------------------------------------------------------------------------------


def test_check_a_code_as_text_and_as_picture(counter: Served) -> None:
    for answer in (
        counter.api("/v1/check-code", {"text": text()}),
        counter.api("/v1/check-code", code_image.render(text(), ".png"), Content_Type="image/png"),
    ):
        tree = answer.checked
        assert tree["accepted"]
        assert tree["assurance"] == "printed"
        assert tree["chip_adds"] == ["8", "9a", "9b"]
        assert tree["facets"]["genuine"]["outcome"] == "warning"
    assert counter.hall.word("code")["phase"] == Phase.EMPTY  # what a program asks is not on the screen
    assert len(counter.hall.verdicts) == 2


# --- the rest of the interface ---------------------------------------------------------------------------------------


def test_schema_and_texts(counter: Served) -> None:
    assert counter.ask("GET", "/v1/schema", **counter.program).tree["$id"] == "urn:residence-permit:check:1"
    texts = counter.ask("GET", "/v1/texts", **counter.program).tree
    assert texts["reasons"]["status-revoked"][1].startswith("The permit has been revoked")
    assert texts["sector"] == {"zh": "医疗卫生", "en": "Health"}


def test_the_schema_can_refuse() -> None:
    assert not SCHEMA.is_valid({"schema": "residence-permit-check/1", "kind": "verdict"})
    assert not SCHEMA.is_valid({"schema": "residence-permit-check/2"})


def test_events_tell_programs_what_happens(counter: Served) -> None:
    stream = counter.stream("/v1/events", **counter.program)
    seen: list[str] = []

    def until(phase: str) -> Any:
        for name, word in stream:
            if name == "reader":
                seen.append(word["phase"])
                if word["phase"] == phase and word.get("portrait") != "coming":
                    return word
        raise AssertionError("the stream ended")

    until("empty")
    counter.hall.put(PERMIT)
    word = until("ask")
    assert counter.post("/page/password", {"lane": word["place"], "visit": word["visit"], "can": CAN}).status == 204
    verdict = until("verdict")
    SCHEMA.validate(verdict["answer"])
    counter.hall.take()
    until("empty")
    assert list(dict.fromkeys(seen)) == ["empty", "seen", "ask", "reading", "verdict"]


def test_a_listener_that_leaves_is_forgotten(counter: Served) -> None:
    stream = counter.stream("/v1/events", **counter.program)
    next(stream)
    assert counter.hall.kiosk.board.listeners == 1
    counter.streams[-1].close()
    stream.close()  # type: ignore[attr-defined]
    counter.hall.put(PERMIT)
    await_true(lambda: counter.hall.kiosk.board.listeners == 0, "nobody listens")


def test_the_end_is_told_to_everybody(counter: Served) -> None:
    """Streams end, and whoever waits for a card has an answer, before the program is gone."""
    stream = counter.stream("/v1/events", **counter.program)
    next(stream)
    thread, answers = later(counter, GOOD)
    counter.server.should_exit = True
    assert all(name != "" for name, _ in stream)
    thread.join(20)
    assert answers[0].checked["kind"] == "failure"


# --- the page's requests ---------------------------------------------------------------------------------------------


def test_the_page_gives_a_can(counter: Served) -> None:
    counter.hall.put(PERMIT)
    visit = counter.hall.until(Phase.ASK)["visit"]
    place = {"lane": "reader-1", "visit": visit}
    assert counter.post("/page/password", place | {"can": "12"}).tree == {"reason": "password-malformed"}
    assert counter.post("/page/password", place | {"visit": visit - 1, "can": CAN}).status == 409
    assert counter.post("/page/password", place | {"lane": "reader-9", "can": CAN}).status == 409
    assert counter.post("/page/password", place | {"can": CAN}).status == 204
    check = counter.hall.until(Phase.VERDICT)["check"]
    portrait = counter.ask("GET", f"/page/portrait/{check}", **counter.page)
    assert (portrait.status, portrait.headers["content-type"]) == (200, "image/jpeg")
    assert portrait.headers["cache-control"] == "no-store"
    counter.hall.take()
    counter.hall.until(Phase.EMPTY)
    assert counter.ask("GET", f"/page/portrait/{check}", **counter.page).status == 404
    assert counter.post("/page/again", place).status == 409


def test_a_camera_s_picture(counter: Served) -> None:
    png = Image.open(BytesIO(code_image.render(text(), ".png"))).convert("L")
    blank = Image.new("L", png.size, 255)
    size = f"width={png.width}&height={png.height}"
    kind = {"Content_Type": "application/octet-stream"}
    assert counter.post(f"/page/frame?{size}", blank.tobytes(), **kind).tree == {"found": False}
    assert counter.post(f"/page/frame?{size}", png.tobytes(), **kind).tree == {"found": True}
    assert counter.hall.until(Phase.VERDICT, "code")["answer"]["accepted"]
    assert counter.post("/page/clear", {}).status == 204
    assert counter.hall.word("code")["phase"] == Phase.EMPTY


def test_a_picture_of_a_code(counter: Served) -> None:
    assert (
        counter.post("/page/picture?lane=&visit=0", code_image.render(text(), ".png"), Content_Type="image/png").status
        == 204
    )
    assert counter.hall.until(Phase.VERDICT, "code")["answer"]["assurance"] == "printed"


def test_save_for_the_authority(tmp_path: Path) -> None:
    saved: list[Shown] = []

    def save(shown: Shown) -> str:
        if saved:
            raise OSError(28, "disk full")
        saved.append(shown)
        return "/somewhere/file"

    with served(tmp_path, save=save) as counter:
        counter.hall.readers(READER)
        revoked = authority().status_list({PERMIT.mso.status_index: Status.INVALID})
        write_files(tmp_path / "trust", authority().trust_files(status={STATUS_URI: revoked}))
        counter.hall.put(PERMIT)
        counter.api("/v1/check", {"can": CAN, "portrait": True})
        word = counter.hall.until(Phase.VERDICT)
        assert word["evidence"]
        assert counter.post("/page/save", {"check": word["check"]}).tree == {"saved": "/somewhere/file"}
        assert saved[0].evidence is not None
        assert counter.post("/page/save", {"check": word["check"]}).tree == {"failed": ["disk full", "disk full"]}
        assert counter.post("/page/save", {"check": "0" * 16}).status == 404


def test_evidence_that_cannot_be_sealed(tmp_path: Path) -> None:
    """The trust data of this test has no support key: the clerk is told what to do."""
    now = lambda: NOW  # noqa: E731
    save = SupportFiles(state=str(tmp_path / "state"), trust_directory=str(tmp_path / "trust"), software="0", now=now)
    with served(tmp_path, save=save) as counter:
        counter.hall.readers(READER)
        counter.hall.put(issue(status_index=9))
        revoked = authority().status_list({9: Status.INVALID})
        write_files(tmp_path / "trust", authority().trust_files(status={STATUS_URI: revoked}))
        counter.api("/v1/check", {"can": CAN, "portrait": True})
        check = counter.hall.until(Phase.VERDICT)["check"]
        answer = counter.post("/page/save", {"check": check})
        assert (answer.status, answer.tree["failed"]) == (422, list(REASONS[SupportReason.KEY_MISSING]))
        assert not (tmp_path / "state" / "support").exists()


def test_an_accepted_card_leaves_no_evidence(tmp_path: Path) -> None:
    with served(tmp_path, save=lambda _: "never") as counter:
        counter.hall.readers(READER)
        counter.hall.put(PERMIT)
        counter.api("/v1/check", {"can": CAN, "portrait": True})
        assert counter.hall.until(Phase.VERDICT)["evidence"] is False


def test_there_is_nothing_to_save_without_support(counter: Served) -> None:
    assert counter.post("/page/save", {"check": "0" * 16}).status == 404
    assert counter.ask("GET", "/page/texts", **counter.page).tree["save"] is False
