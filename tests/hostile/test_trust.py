"""A trust directory, or a card, that lies: each lie is refused with its reason, and none costs time or memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keys import status_list, trust
from keys.algorithms import Purpose
from keys.certificates import Revocation
from keys.chain import ChainError, ChainReason
from keys.envelopes import cose
from keys.envelopes.errors import SignatureError, SignatureReason
from keys.errors import DecodeError
from keys.spki import certificate_spki
from keys.status_list import Status, StatusListError, StatusListReason
from keys.trust import TrustError, TrustReason, TrustStore, status_file_name
from tests import pki
from tests.pki import DAY, NOW

CSCA, IMPOSTOR = pki.issuer(), pki.issuer(key_name="impostor")
ES, SS = Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER
KEY, STATUS_KEY, CARD_KEY = pki.key("es"), pki.key("ss"), pki.key("card")
KID, STATUS_KID = pki.kid(KEY.public_key()), pki.kid(STATUS_KEY.public_key())
ROOT, CRL = pki.root(CSCA), pki.crl(CSCA)
ES_CERTIFICATE = pki.signer(ES, CSCA, public_key=KEY.public_key())
SS_CERTIFICATE = pki.signer(SS, CSCA, public_key=STATUS_KEY.public_key())
URI = "https://permits.utopia.example/status/1"


def shard(**options: Any) -> bytes:
    values: dict[str, Any] = {
        "uri": URI,
        "iat": NOW - DAY,
        "exp": NOW + DAY,
        "ttl": 60,
        "aggregation_uri": "https://permits.utopia.example/status",
        "kid": STATUS_KID,
        "sign": cose.raw_signer(STATUS_KEY),
        "size": 16,
    }
    return status_list.build({3: Status.INVALID}, **{**values, **options})


def store(**parts: Any) -> TrustStore:
    values: dict[str, Any] = {
        "csca": [ROOT],
        "signers": [ES_CERTIFICATE, SS_CERTIFICATE],
        "crls": [CRL],
        "status": {URI: shard()},
    }
    return TrustStore(**{**values, **parts})


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name, data in (
        ("csca/1.der", ROOT),
        ("signers/es.der", ES_CERTIFICATE),
        ("signers/ss.der", SS_CERTIFICATE),
        ("crl/UTO.crl", CRL),
        (f"status/{status_file_name(URI)}", shard()),
        ("catalogue.json", b"{}"),
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
    return tmp_path


def signer(trusted: TrustStore, kid: bytes = KID, *, offered: bytes | None = None, at: datetime = NOW) -> None:
    trusted.signer(kid, purpose=ES, at=at, now=NOW, offered=offered)


def reason_of(call: Callable[[], object]) -> object:
    try:
        call()
    except (TrustError, ChainError, SignatureError, StatusListError) as error:
        return error.reason
    except DecodeError:
        return DecodeError
    return None


def test_an_honest_directory_serves(directory: Path) -> None:
    trusted = TrustStore.load(directory)
    found = trusted.signer(KID, purpose=ES, at=NOW - DAY, now=NOW)
    assert (found.kid, found.certificate) == (KID, ES_CERTIFICATE)
    assert found.public_key.public_numbers() == KEY.public_key().public_numbers()
    assert trusted.status_list(URI, now=NOW).lookup(3) is Status.INVALID
    assert trusted.catalogue == b"{}"
    assert (trusted.crl_time(), trusted.status_time(URI, now=NOW)) == (NOW - DAY, NOW - DAY)
    assert trusted.knows(KID)
    assert not trusted.knows(bytes(8))
    assert set(trusted.certificates()) == {ES_CERTIFICATE, SS_CERTIFICATE}


def _huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(1 << 40)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


LIES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "a terabyte": _huge,
    "a pipe": _pipe,
    "a link to /dev/zero": _link,
    "a folder": _folder,
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["csca/1.der", "signers/es.der"])
def test_files_that_are_none(directory: Path, lie: str, name: str) -> None:
    LIES[lie](directory / name)
    with pytest.raises(TrustError) as caught:
        TrustStore.load(directory)
    assert caught.value.reason is TrustReason.MALFORMED
    assert caught.value.path == name


@pytest.mark.parametrize("lie", ["a terabyte", "a pipe", "a link to /dev/zero", "a folder"])
@pytest.mark.parametrize("name", ["crl/UTO.crl", "catalogue.json"])
def test_other_files_that_are_none(directory: Path, lie: str, name: str) -> None:
    LIES[lie](directory / name)
    assert reason_of(lambda: TrustStore.load(directory)) is TrustReason.MALFORMED


@pytest.mark.parametrize("lie", ["a terabyte", "a pipe", "a link to /dev/zero", "a folder"])
def test_a_status_list_that_is_none(directory: Path, lie: str) -> None:
    LIES[lie](directory / "status" / status_file_name(URI))
    assert reason_of(lambda: TrustStore.load(directory).status_list(URI, now=NOW)) is TrustReason.MALFORMED


def test_an_empty_crl_file_is_found_when_a_chain_is_needed(directory: Path) -> None:
    (directory / "crl/UTO.crl").write_bytes(b"")
    assert reason_of(lambda: signer(TrustStore.load(directory))) is ChainReason.MALFORMED


def test_too_many_files(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "MAX_FILES", 1)
    assert reason_of(lambda: TrustStore.load(directory)) is TrustReason.TOO_MANY


def test_other_files_are_passed_over(directory: Path) -> None:
    (directory / "signers/es.der.0011.tmp").write_bytes(b"torn")
    (directory / "signers/README").write_bytes(b"text")
    signer(TrustStore.load(directory))


def test_no_directory(tmp_path: Path) -> None:
    assert reason_of(lambda: TrustStore.load(tmp_path / "none")) is TrustReason.NOT_FOUND
    assert reason_of(lambda: TrustStore.load(tmp_path)) is TrustReason.NO_ROOT


SELF_SIGNED = pki.signer(
    ES, pki.Issuer(subject=pki.name("signer 1"), private_key=CARD_KEY), public_key=CARD_KEY.public_key()
)
CARD_KID = pki.kid(CARD_KEY.public_key())

CARDS: dict[str, tuple[bytes, bytes | None, object]] = {
    "unknown, nothing offered": (CARD_KID, None, TrustReason.UNKNOWN_SIGNER),
    "empty kid": (b"", None, TrustReason.UNKNOWN_SIGNER),
    "offered, chains": (CARD_KID, pki.signer(ES, CSCA, public_key=CARD_KEY.public_key()), None),
    "offered, self-signed": (CARD_KID, SELF_SIGNED, ChainReason.UNKNOWN_ISSUER),
    "offered, by an impostor": (
        CARD_KID,
        pki.signer(ES, IMPOSTOR, public_key=CARD_KEY.public_key(), aki=None),
        ChainReason.SIGNATURE,
    ),
    "offered, a status signer": (
        CARD_KID,
        pki.signer(SS, CSCA, public_key=CARD_KEY.public_key()),
        ChainReason.EXTENDED_KEY_USAGE,
    ),
    "offered, of another key": (CARD_KID, ES_CERTIFICATE, TrustReason.WRONG_SIGNER),
    "offered, no certificate": (CARD_KID, b"\x30\x00", TrustReason.MALFORMED),
    "offered, too long": (CARD_KID, bytes(5000), TrustReason.MALFORMED),
    "known kid, lie offered": (KID, SELF_SIGNED, None),
}


@pytest.mark.parametrize("name", CARDS)
def test_what_a_card_offers(name: str) -> None:
    kid, offered, reason = CARDS[name]
    assert reason_of(lambda: signer(store(), kid, offered=offered)) is reason


def test_what_was_offered_is_not_kept() -> None:
    trusted = store()
    signer(trusted, CARD_KID, offered=pki.signer(ES, CSCA, public_key=CARD_KEY.public_key()))
    assert reason_of(lambda: signer(trusted, CARD_KID)) is TrustReason.UNKNOWN_SIGNER


def test_a_signer_certified_twice_serves_both_periods() -> None:
    first = pki.signer(ES, CSCA, public_key=KEY.public_key(), period=(pki.key_use(NOW - 9 * DAY, NOW - 5 * DAY), False))
    second = pki.signer(ES, CSCA, public_key=KEY.public_key(), period=(pki.key_use(NOW - 2 * DAY, NOW), False))
    trusted = store(signers=[first, second])
    signer(trusted, at=NOW - 6 * DAY)
    signer(trusted, at=NOW - DAY)
    assert reason_of(lambda: signer(trusted, at=NOW - 3 * DAY)) is ChainReason.KEY_USAGE_PERIOD


def test_a_revoked_signer_in_the_store() -> None:
    serial = 0x4711471147114711
    crl = pki.crl(CSCA, Revocation(serial=serial, revoked_at=NOW - DAY))
    assert reason_of(lambda: signer(store(crls=[crl]))) is ChainReason.REVOKED


def forged(key: Any = CARD_KEY, **options: Any) -> bytes:
    return shard(sign=cose.raw_signer(key), **options)


LISTS: dict[str, tuple[dict[str, Any], object]] = {
    "none": ({"status": {}}, TrustReason.NO_STATUS_LIST),
    "of another shard under this URI": (
        {"status": {URI: shard(uri=f"{URI}0")}},
        StatusListReason.WRONG_URI,
    ),
    "signed by another key": ({"status": {URI: forged()}}, SignatureReason.SIGNATURE),
    "signed by the entitlement signer": (
        {"status": {URI: forged(KEY, kid=KID)}},
        ChainReason.EXTENDED_KEY_USAGE,
    ),
    "signer unknown": ({"signers": [ES_CERTIFICATE]}, TrustReason.UNKNOWN_SIGNER),
    "signer revoked": (
        {"crls": [pki.crl(CSCA, Revocation(serial=0x4711471147114711, revoked_at=NOW))]},
        ChainReason.REVOKED,
    ),
    "signed after key use": (
        {"status": {URI: shard(iat=NOW + 61 * DAY, exp=NOW + 62 * DAY)}},
        ChainReason.KEY_USAGE_PERIOD,
    ),
    "untagged": ({"status": {URI: shard()[1:]}}, DecodeError),
    "cut short": ({"status": {URI: shard()[:-1]}}, DecodeError),
    "empty": ({"status": {URI: b""}}, DecodeError),
}


@pytest.mark.parametrize("name", LISTS)
def test_status_lists_that_lie(name: str) -> None:
    parts, reason = LISTS[name]
    trusted = store(**parts)
    for _ in range(2):  # a refusal is not remembered as a success
        assert reason_of(lambda: trusted.status_list(URI, now=NOW)) is reason


def test_a_remembered_list_is_not_believed_for_ever() -> None:
    trusted = store()
    trusted.status_list(URI, now=NOW)
    late = NOW + timedelta(days=31)
    assert reason_of(lambda: trusted.status_list(URI, now=late)) is ChainReason.CRL_STALE
    assert trusted.status_list(URI, now=late, crl_grace=2 * DAY).lookup(3) is Status.INVALID


def test_a_forged_crl_gives_no_age() -> None:
    assert store(crls=[pki.crl(CSCA, this_update=NOW, signed_by=IMPOSTOR)]).crl_time() is None


@pytest.mark.parametrize("mask", [0x01, 0x04, 0x80, 0xFF])
def test_every_byte_of_an_offered_certificate_counts(mask: int) -> None:
    """Change any byte: it does not chain, or is of another key, or cannot be read; it never serves."""
    trusted = store()
    honest = pki.signer(ES, CSCA, public_key=CARD_KEY.public_key())
    signer(trusted, CARD_KID, offered=honest)
    for at in range(len(honest)):
        changed = honest[:at] + bytes((honest[at] ^ mask,)) + honest[at + 1 :]
        assert reason_of(lambda changed=changed: signer(trusted, CARD_KID, offered=changed)) is not None, at


def test_a_certificate_walk_does_not_wander() -> None:
    for size in range(len(ES_CERTIFICATE)):
        with pytest.raises(DecodeError):
            certificate_spki(ES_CERTIFICATE[:size])


LIGHT = """
import sys
from keys.trust import TrustStore
store = TrustStore.load(sys.argv[1])
assert store.knows(bytes.fromhex(sys.argv[2]))
heavy = {"cryptography.x509", "asn1crypto", "keys.chain", "asyncio", "http", "logging", "email", "xml", "unittest"}
print(len(sys.modules), *sorted(heavy & set(sys.modules)))
"""


def test_reading_is_light(directory: Path) -> None:
    """The verifier starts in a blink: no x509 before a chain is needed. -S keeps this machine's site packages out."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    arguments = [sys.executable, "-S", "-c", LIGHT, str(directory), KID.hex()]
    root = str(Path(trust.__file__).parents[1])
    done = subprocess.run(
        arguments, env={"PYTHONPATH": os.pathsep.join((root, path))}, capture_output=True, text=True, check=True
    )
    count, *heavy = done.stdout.split()
    assert heavy == []
    assert int(count) < 160
