"""Slip, card faces and receipt over HTTP: from the first visit to the handover, with a card that was really written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import zxingcpp

from card_profiles import printed_code
from card_profiles.lds import mrz
from card_profiles.softcard.cli import main as softcard
from issuer.domain.roles import Role
from issuer.paper import fonts
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests.service import house as houses
from tests.service.house import DOCUMENTS, START, House
from tests.unit.paper import pages

SERIAL = "00" * 9 + "07"


@pytest.fixture
def desk(url: str, tmp_path: Path) -> Iterator[House]:
    """A process with keys and a reader in which a blank lies."""
    home, image, passphrase = tmp_path / "home", tmp_path / "card.img", tmp_path / "passphrase"
    raw = resources.files("issuer.samples").joinpath("authority.json").read_bytes()
    Authority.create(home, parse(raw), b"opens", clock=lambda: START, cost=ScryptCost(log2_n=1))
    passphrase.write_text("opens\n")
    assert softcard(["new", "--image", str(image), "--serial", SERIAL]) == 0
    readers = f"full=image:{image}"
    with houses.opened(home, url, PERMIT_PASSPHRASE_FILE=str(passphrase), PERMIT_READERS=readers) as opened:
        opened.blanks(SERIAL)
        yield opened


def sheet(house: House, application: int, what: str, body: Any = None, *, status: int = 200) -> Any:
    """A printed sheet; a problem where it is refused."""
    client = house.as_(Role.REGISTRAR, "community")
    path = f"/api/v1/applications/{application}/paper/{what}"
    answer = client.post(path, json=body, headers=house.key())
    assert answer.status_code == status, answer.text
    if status != 200:
        return answer.json()
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    return answer.content


def printed(house: House) -> list[dict[str, Any]]:
    """What the audit chain says of printing."""
    auditor = house.as_(Role.AUDITOR)
    lines = auditor.get("/api/v1/audit", params={"limit": 200}).json()
    return [line for line in lines["records"] if line["act"] == "print"]


def test_what_is_missing_is_told_then_the_slip_is_out(house: House) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    application = house.registered(1)["application"]
    assert sheet(house, application, "slip", status=409)["code"] == "wrong-state"
    house.act(registrar, f"/applications/{application}/checklist", {"present": DOCUMENTS[:1]})
    notice = pages.lines(sheet(house, application, "slip"))
    assert sum(line.endswith("未交 missing") for line in notice) == 3
    assert sum(line.endswith("已收 received") for line in notice) == 1
    house.act(registrar, f"/applications/{application}/checklist", {"present": DOCUMENTS})
    photo = resources.files("issuer.samples").joinpath("01-chen-xiaowen.jpg").read_bytes()
    headers = house.key() | {"Content-Type": "image/jpeg"}
    assert registrar.put(f"/api/v1/applications/{application}/photo", content=photo, headers=headers).status_code == 200
    accepted = house.act(registrar, f"/applications/{application}/accept", {})["data"]
    first = sheet(house, application, "slip")
    told = "\n".join(pages.lines(first))
    assert accepted["slip"] in told.replace(" ", "")
    assert accepted["due_on"] in told
    assert first == sheet(house, application, "slip")
    kinds = [line["detail"]["what"] for line in printed(house)]
    assert sorted(kinds) == ["accepted", "accepted", "notice"]
    assert accepted["slip"] not in json.dumps(printed(house))
    assert sheet(house, application, "receipt", status=409)["code"] == "wrong-state"
    assert sheet(house, application, "card", {"can": "314159"}, status=409)["code"] == "wrong-state"


def test_the_face_says_what_the_card_says(desk: House) -> None:
    found = desk.approved()
    registrar = desk.as_(Role.REGISTRAR, "community")
    path = f"/applications/{found['application']}"
    desk.act(registrar, f"{path}/blank", {"desk": "desk-1", "serial": SERIAL})
    assert sheet(desk, found["application"], "card", {"can": "246810"}, status=409)["code"] == "wrong-state"
    body = {"reader": "full", "can": "246810"}
    begun = desk.act(registrar, f"{path}/personalisation", body, status=202)
    run = desk.service.runs.find(begun["id"])
    assert run.ended.wait(120)
    assert run.failure is None
    assert sheet(desk, found["application"], "card", {"can": "24681"}, status=422)["code"] == "invalid-value"
    pdf = sheet(desk, found["application"], "card", {"can": "246810"})
    zone = [line for line in pages.lines(pdf, 1) if len(line) == 30 and line.isupper()]
    said = mrz.from_lines("\n".join(zone))
    (code,) = zxingcpp.read_barcodes(pages.picture(pdf, 1))
    claims = printed_code.decode(code.text).code
    assert claims.document_number == said.document_number
    assert claims.permit_number == found["permit"]
    assert "246810" in pages.lines(pdf, 0)
    receipt = "\n".join(pages.lines(sheet(desk, found["application"], "receipt")))
    assert SERIAL in receipt
    assert found["permit"] in receipt
    desk.act(registrar, f"{path}/handover", {"slip": found["slip"]})
    assert sheet(desk, found["application"], "card", {"can": "246810"}, status=409)["code"] == "wrong-state"
    assert SERIAL in "\n".join(pages.lines(sheet(desk, found["application"], "receipt")))
    records = json.dumps(printed(desk))
    assert [line["detail"]["what"] for line in printed(desk)].count("card") == 1
    assert "246810" not in records


def test_without_keys_no_face_and_without_fonts_a_clear_word(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    application = house.accepted(1)["application"]
    gone = {face: fonts.Source(path=Path("/nowhere.ttf"), package=f"fonts-{face}") for face in fonts.Face}
    monkeypatch.setattr(fonts, "SOURCES", gone)
    fonts.coverage.cache_clear()
    problem = sheet(house, application, "slip", status=503)
    fonts.coverage.cache_clear()
    assert problem["facts"]["reason"] == "font-missing"
    assert "install the Debian package fonts-" in problem["detail"]
    assert not printed(house)


def test_a_name_that_cannot_be_set_is_told_and_not_printed(house: House) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    names = {"native": "ئابدۇرەھمان", "latin_surname": "ABDURAHMAN", "latin_given": ""}
    application = house.act(registrar, "/holders", house.person(3, names=names))["data"]["application"]
    house.act(registrar, f"/applications/{application}/checklist", {"present": []})
    problem = sheet(house, application, "slip", status=422)
    assert problem["facts"]["reason"] == "no-glyphs"
    assert "U+" in problem["detail"]
    assert not printed(house)
