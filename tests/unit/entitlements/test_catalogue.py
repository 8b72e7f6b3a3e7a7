"""The bundled catalogue: complete, in two languages, and helpful about a mistyped code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector, ServiceStatus, UnknownServiceCode
from card_profiles.residence_permit_v1 import PERMIT, SECTORS
from keys.errors import DecodeError

COUNTS = {"H": 9, "F": 8, "E": 6, "J": 8, "I": 4, "P": 4, "R": 4, "L": 4, "C": 4}


def test_every_service_of_the_sources_is_there() -> None:
    services = catalogue.load().services
    expected = [f"{letter}{number:02}" for letter, many in COUNTS.items() for number in range(1, many + 1)]
    assert list(services) == expected


def test_every_service_has_both_languages_and_belongs_to_the_sector_of_its_letter() -> None:
    for service in catalogue.load().services.values():
        assert service.zh
        assert not service.zh.isascii()
        assert service.en.isascii()
        assert service.sector.letter == service.code[0]
    assert catalogue.load().service("F01").sector is Sector.FAMILY  # a sector of its own: a school must not see it


def test_a_service_in_force_in_places_says_where() -> None:
    service = catalogue.load().service("F03")
    assert service.status is ServiceStatus.IN_FORCE
    assert service.note
    assert catalogue.load().service("H08").status is ServiceStatus.PROPOSED


def test_rights_of_the_decree_are_reference_data_and_no_services() -> None:
    rights = catalogue.load().rights
    assert len([code for code in rights if code.startswith("D12-")]) == 9
    assert len([code for code in rights if code.startswith("D13-")]) == 7
    assert not rights.keys() & catalogue.load().services.keys()


def test_sectors_have_names_in_both_languages() -> None:
    for sector in Sector:
        assert not sector.zh.isascii()
        assert sector.en.isascii()
    assert len({sector.zh for sector in Sector}) == len({sector.en for sector in Sector}) == len(Sector)


def test_digest_ids_are_the_files_of_the_card_profile() -> None:
    files = {file.element: file.sfi for file in PERMIT.files if file.element and file.sfi < 0x10}
    assert files == {sector.value: sector.digest_id for sector in Sector}
    assert tuple(SERVICE_SECTORS) == SECTORS
    assert [Sector.of_digest_id(number) for number in range(3, 13)] == list(Sector)
    with pytest.raises(ValueError):
        Sector.of_digest_id(2)


@pytest.mark.parametrize(
    ("typed", "first"), [("H1", "H01"), ("E2", "E02"), ("HO1", "H01"), (" j03", "J03"), ("J003", "J03")]
)
def test_an_unknown_code_names_the_nearest(typed: str, first: str) -> None:
    with pytest.raises(UnknownServiceCode) as caught:
        catalogue.load().service(typed)
    assert caught.value.code == typed
    assert caught.value.nearest[0] == first
    assert len(caught.value.nearest) <= 3


def test_a_code_like_none_names_none() -> None:
    with pytest.raises(UnknownServiceCode) as caught:
        catalogue.load().service("ZZZ")
    assert caught.value.nearest == ()


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        catalogue.load().services["X01"] = catalogue.load().service("H01")  # type: ignore[index]
    assert catalogue.load() is catalogue.load()


SERVICE = {"code": "H01", "zh": "健康", "en": "Health", "status": "in force", "note": ""}


def _tree() -> dict[str, object]:
    return {"format": "residence-permit-catalogue-1", "version": 2, "services": [SERVICE], "rights": []}


def test_a_newer_catalogue_is_read() -> None:
    newer = catalogue.parse(json.dumps(_tree()).encode())
    assert newer.version == 2
    assert newer.service("H01").zh == "健康"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe", id="not text"),
        pytest.param(b"[]", id="no map"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b" " * 300_000, id="large"),
        pytest.param(b'{"format": "residence-permit-catalogue-1", "version": 1, "version": 1}', id="duplicate"),
        pytest.param(json.dumps({**_tree(), "extra": 1}).encode(), id="extra member"),
        pytest.param(json.dumps({**_tree(), "format": "2"}).encode(), id="format"),
        pytest.param(json.dumps({**_tree(), "version": True}).encode(), id="version true"),
        pytest.param(json.dumps({**_tree(), "version": 0}).encode(), id="version 0"),
        pytest.param(json.dumps({**_tree(), "services": [{"code": "H01"}]}).encode(), id="members missing"),
        pytest.param(json.dumps(_tree()).replace("H01", "X01").encode(), id="no sector of that letter"),
        pytest.param(json.dumps(_tree()).replace("H01", "H1").encode(), id="not a code"),
        pytest.param(json.dumps(_tree()).replace("in force", "in forced").encode(), id="status"),
        pytest.param(json.dumps({**_tree(), "services": [SERVICE, SERVICE]}).encode(), id="twice"),
    ],
)
def test_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        catalogue.parse(raw)


def test_importing_reads_nothing() -> None:
    """A counter that only checks a signature does not pay for the catalogue."""
    code = (
        "import sys, builtins; import card_profiles.entitlements.catalogue as c;"
        "opened = []; real = builtins.open;"
        "builtins.open = lambda *a, **k: (opened.append(a), real(*a, **k))[1];"
        "assert not opened; c.load(); assert len(opened) == 1;"
        "heavy = {'email', 'http', 'logging', 'asyncio', 'unittest', 'xml', 'cbor2', 'cryptography'};"
        "heavy &= set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
