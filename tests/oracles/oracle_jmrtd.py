"""JMRTD reads the identity application as a border terminal does: a complete terminal that we did not write.

Run by ``make oracles``; needs a JDK and Maven, which fetches JMRTD with its Bouncy Castle into build/oracles. The card
is the software card as the issuer left it; JMRTD's commands reach it through a pipe. It opens the chip with the CAN
and with the MRZ, reads every data group twice, before and after Chip Authentication, and the JDK's own validator
judges signature, chain and revocation list. Short commands select files by identifier, extended ones by SFI.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from card_profiles.lds import image_header, mrz
from card_profiles.lds.image_header import ImageFormat
from issuer.assemble import civil_date
from tests.factory import point
from tests.simulator.issuing import NOW

from .issued import AUTHORITY_NAME, BUILD, IssuedCard, Session, issue_samples, present, program

SOURCES = Path(__file__).parent / "java"
SAMPLE_NAMES = sorted(path.stem for path in Path(__file__).parents[2].glob("issuer/samples/[0-9][0-9]-*.json"))
FILES = ("EF.COM", "DG1", "DG2", "DG11", "DG12", "DG14", "EF.SOD")
DEBIAN = "openjdk-17-jdk-headless maven"

Inspect = Callable[..., Session]


@pytest.fixture(scope="session")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, IssuedCard]:
    return issue_samples(tmp_path_factory.mktemp("issued"))


@pytest.fixture(scope="session")
def inspect(tmp_path_factory: pytest.TempPathFactory) -> Inspect:
    """`inspect(card, password="CAN", length="short", can=None)`: JMRTD in front of a card."""
    java, javac, maven = (program(name, debian=DEBIAN) for name in ("java", "javac", "mvn"))
    home = BUILD / "java"
    home.mkdir(parents=True, exist_ok=True)
    for source in SOURCES.iterdir():
        shutil.copy(source, home / source.name)
    fetch = [maven, "-B", "-q", "dependency:copy-dependencies"]
    subprocess.run(fetch, cwd=home, check=True, timeout=280)
    compile_ = [javac, "-encoding", "UTF-8", "-Xlint:all", "-Werror", "-cp", "lib/*", "-d", "classes", "Terminal.java"]
    subprocess.run(compile_, cwd=home, check=True, timeout=120)
    trusted = tmp_path_factory.mktemp("trusted")

    def run(card: IssuedCard, *, password: str = "CAN", length: str = "short", can: str = "") -> Session:
        shutil.copy(card.trust / "csca" / "CSCA-1.der", trusted / "csca.der")
        shutil.copy(card.trust / "crl" / "UTO.crl", trusted / "csca.crl")
        secret = (can or card.can) if password == "CAN" else ",".join(card.mrz_password)
        terminal = [java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{home}/lib/*:{home}/classes"]
        return present(card, [*terminal, "Terminal", length, password, secret, trusted, str(int(NOW.timestamp()))])

    return run


def expected(card: IssuedCard) -> dict[str, str]:
    """What a terminal has to find, from what was asked for."""
    asked, zone = card.application, card.mrz
    header = image_header.read(card.portrait)
    mime = {ImageFormat.JPEG: "image/jpeg", ImageFormat.JPEG2000: "image/jp2"}[header.format]
    private = ec.derive_private_key(int.from_bytes(card.image.state.chip_key), ec.SECP256R1())
    return {
        **{name: card.file(name).hex() for name in FILES},
        "pace": "id-PACE-ECDH-GM-AES-CBC-CMAC-128 NIST P-256 (secp256r1)",
        "versions": "1.8 4.0.0",
        "tags": "61 75 6b 6c 6e",
        "mrz": "\n".join(mrz.lines(mrz.encode(zone))),
        "document number": asked.document_number,
        "primary": zone.primary,
        "secondary": zone.secondary,
        "dates": f"{asked.birth_date:%y%m%d} {asked.expiry_date:%y%m%d}",
        "states": f"UTO {asked.nationality}",
        "sex": {"F": "FEMALE", "M": "MALE"}.get(asked.sex, "UNSPECIFIED"),
        "faces": "1",
        "image": card.portrait.hex(),
        "image size": f"{mime} {header.width} {header.height}",
        "name": asked.name_native,
        "personal number": asked.personal_number or "null",
        "birth date": f"{asked.birth_date:%Y%m%d}",
        "permanent address": f"[{asked.hukou_address}]" if asked.hukou_address else "null",
        "personal summary": asked.ethnicity or "null",
        "authority": AUTHORITY_NAME,
        "issued": f"{civil_date(NOW):%Y%m%d}",
        "chip key": point(private.public_key())[1:].hex(),
        "chip authentication": "id-CA-ECDH-AES-CBC-CMAC-128",
        "read twice": " ".join(sorted(FILES)),
        "passive authentication": "[1, 2, 11, 12, 14]",
    }


@pytest.mark.parametrize(("password", "length"), [("CAN", "short"), ("MRZ", "extended")])
@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_all_that_was_issued_is_read(
    cards: dict[str, IssuedCard], inspect: Inspect, name: str, password: str, length: str
) -> None:
    session = inspect(cards[name], password=password, length=length)
    assert session.refused is None
    assert session.found == expected(cards[name])


def test_a_wrong_can_opens_nothing(cards: dict[str, IssuedCard], inspect: Inspect) -> None:
    session = inspect(cards[SAMPLE_NAMES[0]], can="999999")
    assert session.refused is not None
    assert (session.refused[0], session.found) == ("PACE", {})


@pytest.mark.parametrize("name", ["DG1", "DG2", "DG11", "DG12"])
def test_a_changed_data_group_is_refused(cards: dict[str, IssuedCard], inspect: Inspect, name: str) -> None:
    card = cards[SAMPLE_NAMES[0]]
    raw = card.file(name)
    session = inspect(card.with_file(name, raw[:-1] + bytes([raw[-1] ^ 1])))
    assert session.refused is not None
    assert session.refused[0] == "digests"
    assert session.refused[1].endswith(name)


def test_a_changed_signature_is_refused(cards: dict[str, IssuedCard], inspect: Inspect) -> None:
    card = cards[SAMPLE_NAMES[0]]
    raw = card.file("EF.SOD")
    session = inspect(card.with_file("EF.SOD", raw[:-1] + bytes([raw[-1] ^ 1])))
    assert session.refused is not None
    assert session.refused[0] == "signature"


def test_a_copy_on_another_chip_is_refused(cards: dict[str, IssuedCard], inspect: Inspect) -> None:
    """The copy carries DG14 of the original, so the terminal derives keys that the other chip does not have."""
    original, other = cards[SAMPLE_NAMES[0]], cards[SAMPLE_NAMES[1]]
    session = inspect(original.copied_onto(other))
    assert session.refused is not None
    assert session.refused[0] == "SELECT under the new keys"
    assert "read twice" not in session.found
