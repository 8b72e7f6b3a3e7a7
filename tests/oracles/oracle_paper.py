"""Readers that others wrote, over the faces of a card as they are printed: MRZ by PyPI mrz and npm mrz, the code by
claim169 and @mosip/pixelpass from the picture of the page, OCR-B by tesseract.

Run by ``make oracles``. The States are real ones: the libraries know no Utopia.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import claim169
import pytest
import zxingcpp
from mrz.checker.td1 import TD1CodeChecker
from PIL import Image

from card_profiles import printed_code
from card_profiles.lds import mrz
from card_profiles.printed_code import PrintedCode
from issuer.assemble import Office, latin_name, zone
from issuer.paper import CardFace, card_face
from issuer.paper.card import CAPITAL, HEIGHT, LINE_PITCH, PITCH, READING_ZONE_BOTTOM, READING_ZONE_HEIGHT, WIDTH
from keys.envelopes import cose
from tests.permit_material import KID, SIGNER, STATUS_URI, point
from tests.unit.paper import pages
from tests.unit.paper.names import NAMES, asked

ROOT = Path(__file__).parents[2]
SCRIPTS, BUILD = ROOT / "tests" / "vectors" / "oracles", ROOT / "build" / "oracles"
OFFICE = Office(name="示例", country="CHN")
NOW = datetime.now(UTC).replace(microsecond=0)  # the libraries look at the clock
DPI = 300  # the printer's, and what an engine made for books likes


def lines(which: str) -> tuple[str, str, str]:
    return mrz.lines(mrz.encode(zone(replace(asked(NAMES[which]), nationality="KAZ"), OFFICE)))


ZONES = {which: lines(which) for which in NAMES}


def node(script: str, given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    npm, program = shutil.which("npm"), shutil.which("node")
    assert npm, "node and npm are needed"
    assert program
    BUILD.mkdir(parents=True, exist_ok=True)
    for path in SCRIPTS.iterdir():
        shutil.copy(path, BUILD / path.name)
    install = [npm, "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(install, cwd=BUILD, check=True, timeout=300)
    (BUILD / f"{script}.json").write_text(json.dumps(given))
    run = [program, f"{script}.mjs", f"{script}.json"]
    done = subprocess.run(run, cwd=BUILD, check=True, timeout=120, stdout=subprocess.PIPE)
    read: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return read


# --- the machine readable zone


@pytest.mark.parametrize("which", ZONES)
def test_pypi_mrz_finds_nothing_wrong(which: str) -> None:
    checked = TD1CodeChecker("\n".join(ZONES[which]))
    assert checked.birth_date_hash
    assert checked.expiry_date_hash
    assert checked.final_hash
    assert checked.identifier
    if len(NAMES[which].number) <= 9:  # it does not know numbers that run on into the optional data
        assert checked.document_number_hash
        assert bool(checked), [str(line) for line in checked.report]
    fields = checked.fields()
    primary, _, secondary = NAMES[which].zone.rstrip("<").partition("<<")
    assert fields.surname == primary.replace("<", " ")
    assert fields.name == secondary.replace("<", " ")


@pytest.fixture(scope="session")
def npm_mrz() -> dict[str, dict[str, Any]]:
    return node("mrz", {"zones": ZONES})


@pytest.mark.parametrize("which", ZONES)
def test_npm_mrz_finds_nothing_wrong(npm_mrz: dict[str, dict[str, Any]], which: str) -> None:
    read, name = npm_mrz[which], NAMES[which]
    assert read["wrong"] == []
    assert read["valid"] is True
    assert read["format"] == "TD1"
    primary, _, secondary = name.zone.rstrip("<").partition("<<")
    assert read["fields"]["lastName"] == primary.replace("<", " ")
    # Of a zone that is full with a single name, the library says it twice.
    single = (secondary or primary) if "<<" not in name.zone else secondary
    assert (read["fields"]["firstName"] or "") == single.replace("<", " ")
    assert read["fields"]["documentNumber"] == name.number


def test_they_see_a_wrong_digit(npm_mrz: dict[str, dict[str, Any]]) -> None:
    upper, middle, lower = ZONES["plain"]
    spoiled = (upper[:14] + str((int(upper[14]) + 1) % 10) + upper[15:], middle, lower)
    assert not TD1CodeChecker("\n".join(spoiled))
    read = node("mrz", {"zones": {"spoiled": spoiled}})["spoiled"]
    assert not read["valid"]
    assert "documentNumberCheckDigit" in read["wrong"]


# --- the code, from the page


def code_of(which: str) -> PrintedCode:
    of = asked(NAMES[which])
    code = PrintedCode(
        document_number=of.document_number,
        birth_date=of.birth_date,
        expiry_date=of.expiry_date,
        name_latin=latin_name(of.primary, of.secondary),
        name_native=of.name_native,
        sex=of.sex,
        permit_number=of.permit_number,
        permit_class=of.permit_class,
        services=dict(of.entitlements),
        signed=NOW - timedelta(minutes=1),
        valid_from=NOW - timedelta(minutes=1),
        valid_until=NOW + timedelta(days=300),
        status_index=7,
        status_uri=STATUS_URI,
    )
    return printed_code.fitted(code, kid=KID)


SHOWN = ("plain", "kazakh, truncated", "vietnamese")


def face(which: str) -> CardFace:
    text = printed_code.encode(code_of(which), sign=cose.raw_signer(SIGNER), kid=KID)
    return replace(pages.face(of=asked(NAMES[which]), text=text), mrz="".join(ZONES[which]))


@pytest.fixture(scope="session")
def scanned() -> dict[str, str]:
    """The text of each code, from the page at 300 dpi."""
    found = {which: zxingcpp.read_barcodes(pages.picture(card_face(face(which)), 1)) for which in SHOWN}
    return {which: one.text for which, (one,) in found.items()}


@pytest.mark.parametrize("which", SHOWN)
def test_claim169_verifies_what_is_printed(scanned: dict[str, str], which: str) -> None:
    read = claim169.decode_with_ecdsa_p256(scanned[which], point(SIGNER))
    code = code_of(which)
    assert read.is_verified()
    assert (read.claim169.id, read.claim169.full_name) == (code.document_number, code.name_latin)
    assert read.claim169.date_of_birth == f"{code.birth_date:%Y%m%d}"


def test_pixelpass_reads_what_is_printed(scanned: dict[str, str]) -> None:
    read = node("pixelpass", {"texts": scanned})
    for which in SHOWN:
        code = code_of(which)
        assert read[which]["mapped"]["ID"] == code.document_number
        assert read[which]["mapped"]["Full Name"] == code.name_latin


# --- the letters


def cells(zone_text: str, directory: Path) -> list[Path]:
    """Each position of the printed zone by itself, where the layout says that it is."""
    picture = pages.picture(card_face(replace(pages.face(text="A" * 419), mrz=zone_text)), 1, dpi=DPI)
    scale = DPI / 25.4
    left = (WIDTH - mrz.LINE_LENGTH * PITCH) / 2
    lowest = HEIGHT - READING_ZONE_BOTTOM - (READING_ZONE_HEIGHT - 2 * LINE_PITCH - CAPITAL) / 2
    paths = []
    for number in range(len(zone_text)):
        row, column = divmod(number, mrz.LINE_LENGTH)
        x, y = left + column * PITCH, lowest - (2 - row) * LINE_PITCH
        box = [round(value * scale) for value in (x + 0.2, y - 3.1, x + PITCH, y + 0.7)]
        cell = picture.crop((box[0], box[1], box[2], box[3]))
        padded = Image.new("L", (cell.width + 60, cell.height + 60), 255)
        padded.paste(cell, (30, 30))
        paths.append(directory / f"{number:02}.png")
        padded.save(paths[-1])
    return paths


def recognised(paths: list[Path], among: str, directory: Path) -> list[str]:
    program = shutil.which("tesseract")
    assert program, "Debian's tesseract-ocr is needed"
    listed = directory / "list.txt"
    listed.write_text("\n".join(map(str, paths)))
    run = [program, str(listed), "-", "--psm", "10", "-c", f"tessedit_char_whitelist={among}"]
    done = subprocess.run(run, check=True, timeout=120, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [page.strip() for page in done.stdout.split("\f")[: len(paths)]]


@pytest.mark.parametrize("alphabet", ["0123456789<", "ABCDEFGHIJKLMNOPQRSTUVWXYZ<"], ids=["digits", "letters"])
def test_tesseract_reads_every_letter_back(alphabet: str) -> None:
    """Position by position, as a zone's reader knows where a letter and where a digit stands."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        paths = cells(alphabet.ljust(mrz.TD1_LENGTH, "<"), directory)[: len(alphabet)]
        read = recognised(paths, alphabet, directory)
    assert "".join(read) == alphabet
