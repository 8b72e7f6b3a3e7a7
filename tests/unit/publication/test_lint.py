"""What a release may not do: each rule broken once, nothing else found; and what is allowed, found to be allowed."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from keys import certificates
from keys.algorithms import Purpose
from keys.publication.errors import Rule
from keys.publication.layout import Kind, kind_of, max_count
from keys.publication.lint import lint
from keys.status_list import Status
from keys.trust import status_file_name
from tests.distribution import CITY
from tests.factory import DAY, NOW, STATUS_URI, Authority, Signer, authority

SHARD = f"status/{status_file_name(STATUS_URI)}"
OTHER = "https://permits.example/status/1"
EXPIRED = CITY.signer(Purpose.DOCUMENT_SIGNER, "expired", begin=NOW - 30 * DAY, use=5 * DAY, life=29 * DAY)


def crl(
    *revoked: Signer,
    number: int = 5,
    at: datetime = NOW,
    life: timedelta = 60 * DAY,
    moved: timedelta = timedelta(0),
    by: Authority = CITY,
) -> bytes:
    serials = [x509.load_der_x509_certificate(signer.certificate).serial_number for signer in revoked]
    made = certificates.crl(
        issuer=by.csca,
        number=number,
        this_update=at,
        next_update=at + life,
        revocations=[certificates.Revocation(serial=one, revoked_at=NOW - 9 * DAY + moved) for one in serials],
    )
    return made.public_bytes(Encoding.DER)


@functools.cache
def standing() -> dict[str, bytes]:
    """The release before: one card and one signer revoked, an expired signer, a catalogue."""
    shard = CITY.status_list({1: Status.INVALID, 2: Status.SUSPENDED}, iat=NOW - DAY)
    files = CITY.trust_files(crl=crl(CITY.document_signer, at=NOW - DAY), status={STATUS_URI: shard})
    return files | {"catalogue.json": b'{"version": 4}', "signers/expired.der": EXPIRED.certificate}


def rules(changes: Mapping[str, bytes | None], previous: Mapping[str, bytes] | None = None) -> list[Rule]:
    """What is found when the standing release is followed by itself with `changes`."""
    new = {name: data for name, data in {**standing(), **changes}.items() if data is not None}
    return [finding.rule for finding in lint(new, previous=standing() if previous is None else previous, now=NOW)]


def shard(entries: Mapping[int, Status], **changes):  # type: ignore[no-untyped-def]
    return CITY.status_list(entries, **{"iat": NOW, **changes})


BOTH = {1: Status.INVALID, 2: Status.SUSPENDED}

ALLOWED: dict[str, Mapping[str, bytes | None]] = {
    "nothing changed": {},
    "another card revoked": {SHARD: shard({**BOTH, 3: Status.INVALID})},
    "a suspension lifted": {SHARD: shard({1: Status.INVALID})},
    "a suspended card revoked": {SHARD: shard({1: Status.INVALID, 2: Status.INVALID})},
    "a new shard": {f"status/{status_file_name(OTHER)}": shard({}, uri=OTHER)},
    "the next revocation list": {"crl/csca.crl": crl(CITY.document_signer, number=6)},
    "another signer revoked": {"crl/csca.crl": crl(CITY.document_signer, EXPIRED, number=6)},
    "a revocation list under another name": {"crl/csca.crl": None, "crl/UTO.crl": crl(CITY.document_signer, number=6)},
    "a revocation moved to an earlier date": {"crl/csca.crl": crl(CITY.document_signer, number=6, moved=-DAY)},
    "an expired signer tidied away": {"signers/expired.der": None},
    "a certificate under another name": {"csca/csca.der": None, "csca/CSCA-1.der": standing()["csca/csca.der"]},
    "a newer catalogue": {"catalogue.json": b'{"version": 5}'},
}
REFUSED: dict[str, tuple[Mapping[str, bytes | None], list[Rule]]] = {
    "a revoked card comes back": ({SHARD: shard({2: Status.SUSPENDED})}, [Rule.STATUS_REVIVED]),
    "a revoked card only suspended": ({SHARD: shard({1: Status.SUSPENDED})}, [Rule.STATUS_REVIVED]),
    "a shorter list": ({SHARD: shard(BOTH, size=512)}, [Rule.STATUS_SHRUNK]),
    "an older list": ({SHARD: shard(BOTH, iat=NOW - 2 * DAY)}, [Rule.STATUS_OLDER]),
    "an expired list": (
        {SHARD: shard({**BOTH, 3: Status.INVALID}, iat=NOW - timedelta(hours=2), life=timedelta(hours=1))},
        [Rule.STATUS_EXPIRED],
    ),
    "a list of another shard": ({SHARD: shard({}, uri=OTHER)}, [Rule.STATUS_FILE_NAME, Rule.STATUS_FILE_NAME]),
    "a list gone": ({SHARD: None}, [Rule.VANISHED]),
    "a list that is none": ({SHARD: b"\xd2\x84"}, [Rule.MALFORMED]),
    "a revoked signer comes back": ({"crl/csca.crl": crl(number=6)}, [Rule.CRL_ENTRY_GONE]),
    "a revocation postponed": (
        {"crl/csca.crl": crl(CITY.document_signer, number=6, moved=DAY)},
        [Rule.CRL_DATE_CHANGED],
    ),
    "the same number twice": ({"crl/csca.crl": crl(CITY.document_signer)}, [Rule.CRL_NUMBER]),
    "a number that falls": ({"crl/csca.crl": crl(CITY.document_signer, number=4)}, [Rule.CRL_NUMBER]),
    "an older revocation list": (
        {"crl/csca.crl": crl(CITY.document_signer, number=6, at=NOW - 2 * DAY)},
        [Rule.CRL_OLDER],
    ),
    "an expired revocation list": (
        {"crl/csca.crl": crl(CITY.document_signer, number=6, at=NOW - timedelta(hours=2), life=timedelta(hours=1))},
        [Rule.CRL_EXPIRED],
    ),
    "a revocation list of somebody else": (
        {"crl/other.crl": crl(number=6, by=authority("elsewhere"))},
        [Rule.CRL_SIGNATURE],
    ),
    "no revocation list": ({"crl/csca.crl": None}, [Rule.VANISHED, Rule.MISSING]),
    "a signer gone that cards need": (
        {f"signers/{CITY.entitlement_signer.kid.hex()}.der": None},
        [Rule.VANISHED],
    ),
    "rubbish for a certificate": ({"signers/rubbish.der": b"0"}, [Rule.MALFORMED]),
    "an empty file": ({"signers/empty.der": b""}, [Rule.TOO_LARGE]),
    "a huge file": ({"signers/huge.der": bytes(4097)}, [Rule.TOO_LARGE]),
    "a name of no kind": ({"signers/run.sh": b"x"}, [Rule.NAME]),
    "a name that climbs": ({"signers/../x.der": b"x"}, [Rule.NAME]),
    "an older catalogue": ({"catalogue.json": b'{"version": 3}'}, [Rule.CATALOGUE_OLDER]),
    "a catalogue that is none": ({"catalogue.json": b"[]"}, [Rule.MALFORMED]),
    "a catalogue gone": ({"catalogue.json": None}, [Rule.VANISHED]),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_a_release_may_do(name: str) -> None:
    assert rules(ALLOWED[name]) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_release_may_not_do(name: str) -> None:
    changes, expected = REFUSED[name]
    assert sorted(set(rules(changes))) == sorted(set(expected))


def test_a_list_by_a_signer_that_is_not_published() -> None:
    stranger = authority("elsewhere").status_signer
    assert rules({SHARD: shard(BOTH, signer=stranger)}) == [Rule.STATUS_SIGNATURE]


def test_no_root_certificate() -> None:
    assert set(rules({"csca/csca.der": None})) == {Rule.MISSING, Rule.VANISHED, Rule.CRL_SIGNATURE}


def test_the_first_release_has_nothing_to_follow() -> None:
    assert lint(standing(), previous=None, now=NOW) == ()
    assert [finding.rule for finding in lint({}, previous=None, now=NOW)] == [Rule.MISSING, Rule.MISSING]


def test_too_many() -> None:
    crowd = {f"signers/{number}.der": b"x" for number in range(max_count(Kind.SIGNER) + 1)}
    assert Rule.TOO_MANY in rules(crowd)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "csca",
        "csca/",
        "csca/.der",
        "csca/.hidden.der",
        "csca/a.b.der",
        "csca/a/b.der",
        "csca//a.der",
        "/csca/a.der",
        "csca\\a.der",
        "csca/a.der\n",
        "csca/ä.der",
        "csca/a.crl",
        "CSCA/a.der",
        "catalogue.json/",
        "csca/" + "a" * 65 + ".der",
        "csca/-a.der",
        "mapped/a.map",
        "tuf/root.json",
    ],
)
def test_names_that_no_target_may_have(name: str) -> None:
    assert kind_of(name) is None
