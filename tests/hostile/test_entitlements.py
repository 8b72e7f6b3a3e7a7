"""Entitlement files that a forger, a broken issuer or a tolerant library might put on a card.

Each attack is the valid file with one thing changed. The decoders must refuse it; what decodes must be told apart by
the digests and the signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from cbor2 import CBORTag
from cryptography.hazmat.primitives.asymmetric import ec

from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from card_profiles.entitlements.issuer_signed import issuer_signed
from card_profiles.entitlements.mso import NAMESPACE, decode_mso, encode_mso
from card_profiles.entitlements.sector_files import decode_item, digest, encode_item
from keys.envelopes import cose
from keys.envelopes.errors import SignatureError
from keys.errors import DecodeError
from tests.permit_material import CHIP, SIGNER, entitlements, material, point, randomness, sign

MATERIAL = material()
Tree = dict[Any, Any]


def _plain(raw: bytes, *tags: int) -> Any:
    """Decode without the hardened decoder, tags kept."""
    keep = {tag: _keeper(tag) for tag in (*tags, 24)}
    return cbor2.loads(raw, semantic_decoders=keep)


def _keeper(tag: int) -> Callable[[Any, bool], CBORTag]:
    return lambda value, immutable: CBORTag(tag, value)


def _mso(change: Callable[[Tree], Any]) -> bytes:
    """The payload of EF.MSO after `change` had its way with the map (or returned another value for it)."""
    tree = _plain(_plain(encode_mso(MATERIAL.mso)).value, 0)
    changed = change(tree)
    return cbor2.dumps(CBORTag(24, cbor2.dumps(tree if changed is None else changed)))


def _set(*path: Any, to: Any) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        for step in path[:-1]:
            tree = tree[step]
        tree[path[-1]] = to

    return change


def _remove(*path: Any) -> Callable[[Tree], None]:
    def change(tree: Tree) -> None:
        for step in path[:-1]:
            tree = tree[step]
        del tree[path[-1]]

    return change


DIGESTS = ("valueDigests", NAMESPACE)
KEY = ("deviceKeyInfo", "deviceKey")
STATUS = ("status", "status_list")
TIMES = "validityInfo"

MSO_ATTACKS: dict[str, Callable[[Tree], Any]] = {
    # the MSO
    "is a list": lambda tree: list(tree.values()),
    "is undefined": lambda tree: cbor2.undefined,
    "no version": _remove("version"),
    "version 1.1": _set("version", to="1.1"),
    "version as a number": _set("version", to=1),
    "extra member": _set("keyInfo", to={}),
    "integer member": _set(1, to=1),
    "SHA-512": _set("digestAlgorithm", to="SHA-512"),
    "SHA-1": _set("digestAlgorithm", to="SHA-1"),
    "sha-256 in small letters": _set("digestAlgorithm", to="sha-256"),
    "docType of a driving licence": _set("docType", to="org.iso.18013.5.1.mDL"),
    "docType of a later profile": _set("docType", to="org.residencepermit.2"),
    "docType as bytes": _set("docType", to=b"org.residencepermit.1"),
    # digests
    "no namespace": _set("valueDigests", to={}),
    "another namespace": _set("valueDigests", to={"org.iso.18013.5.1": dict(MATERIAL.mso.value_digests)}),
    "a namespace more": _set("valueDigests", "org.iso.18013.5.1", to={1: bytes(32)}),
    "a digest missing": _remove(*DIGESTS, 12),
    "a digest more": _set(*DIGESTS, 13, to=bytes(32)),
    "digestID 0": _set(*DIGESTS, 0, to=bytes(32)),
    "digestID as a text": lambda tree: tree["valueDigests"][NAMESPACE].update(
        {"3": tree["valueDigests"][NAMESPACE].pop(3)}
    ),
    "a digest of 31 bytes": _set(*DIGESTS, 4, to=bytes(31)),
    "a digest of 64 bytes": _set(*DIGESTS, 4, to=bytes(64)),
    "a digest as text": _set(*DIGESTS, 4, to="0" * 32),
    "digests as a list": _set(*DIGESTS, to=[bytes(32)] * 10),
    # the device key
    "no device key": _set("deviceKeyInfo", to={}),
    "key authorizations": _set("deviceKeyInfo", "keyAuthorizations", to={}),
    "x of 31 bytes": _set(*KEY, -2, to=point(CHIP)[2:33]),
    "x of 33 bytes": _set(*KEY, -2, to=b"\x00" + point(CHIP)[1:33]),
    "y of 31 bytes": _set(*KEY, -3, to=point(CHIP)[34:]),
    "y as a sign": _set(*KEY, -3, to=True),
    "no y": _remove(*KEY, -3),
    "a private part": _set(*KEY, -4, to=bytes(32)),
    "kty OKP": _set(*KEY, 1, to=1),
    "kty true": _set(*KEY, 1, to=True),
    "P-384": _set(*KEY, -1, to=2),
    "crv true": _set(*KEY, -1, to=True),
    "off the curve": _set(*KEY, -3, to=bytes(31) + b"\x05"),
    "at infinity": lambda tree: tree["deviceKeyInfo"]["deviceKey"].update({-2: bytes(32), -3: bytes(32)}),
    # times
    "no validUntil": _remove(TIMES, "validUntil"),
    "expectedUpdate": _set(TIMES, "expectedUpdate", to=CBORTag(0, "2027-01-01T00:00:00Z")),
    "a time without a tag": _set(TIMES, "signed", to="2026-07-01T08:30:00Z"),
    "a time in seconds": _set(TIMES, "signed", to=CBORTag(1, 1782894600)),
    "a full-date": _set(TIMES, "signed", to=CBORTag(1004, "2026-07-01")),
    "fractions": _set(TIMES, "signed", to=CBORTag(0, "2026-07-01T08:30:00.0Z")),
    "an offset": _set(TIMES, "signed", to=CBORTag(0, "2026-07-01T16:30:00+08:00")),
    "an offset of zero": _set(TIMES, "signed", to=CBORTag(0, "2026-07-01T08:30:00+00:00")),
    "a small z": _set(TIMES, "signed", to=CBORTag(0, "2026-07-01T08:30:00z")),
    "a space for T": _set(TIMES, "signed", to=CBORTag(0, "2026-07-01 08:30:00Z")),
    "a line break after": _set(TIMES, "signed", to=CBORTag(0, "2026-07-01T08:30:00Z\n")),
    "wide digits": _set(TIMES, "signed", to=CBORTag(0, "２026-07-01T08:30:00Z")),
    "30 February": _set(TIMES, "signed", to=CBORTag(0, "2026-02-30T00:00:00Z")),
    "24 o'clock": _set(TIMES, "signed", to=CBORTag(0, "2026-06-30T24:00:00Z")),
    "a leap second": _set(TIMES, "signed", to=CBORTag(0, "2016-12-31T23:59:60Z")),
    "year 0": _set(TIMES, "signed", to=CBORTag(0, "0000-01-01T00:00:00Z")),
    "a time that is a number": _set(TIMES, "signed", to=CBORTag(0, 5)),
    "valid before it was signed": _set(TIMES, "validFrom", to=CBORTag(0, "2026-06-30T00:00:00Z")),
    "ends as it starts": _set(TIMES, "validUntil", to=CBORTag(0, "2026-07-01T08:30:00Z")),
    "ends before it starts": _set(TIMES, "validUntil", to=CBORTag(0, "2026-01-01T00:00:00Z")),
    # status
    "no status": _remove("status"),
    "status of another kind": _set("status", to={"identifier_list": {"id": b"1", "uri": "https://a"}}),
    "two kinds of status": _set("status", "identifier_list", to={}),
    "index below zero": _set(*STATUS, "idx", to=-1),
    "index of 33 bits": _set(*STATUS, "idx", to=2**32),
    "index true": _set(*STATUS, "idx", to=True),
    "index as a float": _set(*STATUS, "idx", to=1.0),
    "no URI": _remove(*STATUS, "uri"),
    "empty URI": _set(*STATUS, "uri", to=""),
    "long URI": _set(*STATUS, "uri", to="h" * 129),
    "URI with control characters": _set(*STATUS, "uri", to="https://a\r\nHost: b"),
    "a member beside": _set(*STATUS, "certificate", to=b""),
}


@pytest.mark.parametrize("attack", MSO_ATTACKS.values(), ids=MSO_ATTACKS.keys())
def test_mso_refused(attack: Callable[[Tree], Any]) -> None:
    with pytest.raises(DecodeError):
        decode_mso(_mso(attack))


def test_the_unchanged_mso_passes() -> None:
    assert decode_mso(_mso(lambda tree: None)) == MATERIAL.mso


INNER = _plain(encode_mso(MATERIAL.mso)).value
MSO_FORMS = {
    "not embedded": INNER,
    "embedded in tag 25": cbor2.dumps(CBORTag(25, INNER)),
    "embedded twice": cbor2.dumps(CBORTag(24, cbor2.dumps(CBORTag(24, INNER)))),
    "embedded as text": cbor2.dumps(CBORTag(24, "text")),
    "not a byte string": cbor2.dumps(CBORTag(24, _plain(INNER, 0))),
    "a byte after": encode_mso(MATERIAL.mso) + b"\x00",
    "a byte after, inside": cbor2.dumps(CBORTag(24, INNER + b"\x00")),
    "a member twice": cbor2.dumps(CBORTag(24, b"\xa8" + INNER[1:] + b"\x67version\x631.0")),
    "indefinite": cbor2.dumps(CBORTag(24, b"\xbf" + INNER[1:] + b"\xff")),
    "1,025 bytes": cbor2.dumps(CBORTag(24, INNER.ljust(1020, b"\x00"))),
    "empty": b"",
}


@pytest.mark.parametrize("raw", MSO_FORMS.values(), ids=MSO_FORMS.keys())
def test_mso_form_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_mso(raw)


@pytest.mark.parametrize("size", range(0, len(INNER), 7))
def test_a_torn_mso_is_refused(size: int) -> None:
    with pytest.raises(DecodeError):
        decode_mso(encode_mso(MATERIAL.mso)[:size])


# --- items --------------------------------------------------------------------------------------------------


def _item(sector: Sector, change: Callable[[Tree], Any]) -> bytes:
    tree = _plain(_plain(MATERIAL.items[sector]).value, 100)
    changed = change(tree)
    return cbor2.dumps(CBORTag(24, cbor2.dumps(tree if changed is None else changed)))


VALUE = "elementValue"
HEALTH_ATTACKS: dict[str, Callable[[Tree], Any]] = {
    "is a list": lambda tree: list(tree.values()),
    "no salt": _remove("random"),
    "salt of 15 bytes": _set("random", to=bytes(15)),
    "salt of 256 bytes": _set("random", to=bytes(256)),
    "salt as text": _set("random", to="0" * 16),
    "extra member": _set("comment", to=""),
    "digestID of another sector": _set("digestID", to=5),
    "digestID true": _set("digestID", to=True),
    "identifier of another sector": _set("elementIdentifier", to="family"),
    "identifier in capitals": _set("elementIdentifier", to="Health"),
    "services as a list": _set(VALUE, to=["H01"]),
    "a service of another sector": _set(VALUE, "F01", to=CBORTag(100, 20_000)),
    "a code of two": _set(VALUE, "H1", to=CBORTag(100, 20_000)),
    "a code of four": _set(VALUE, "H010", to=CBORTag(100, 20_000)),
    "a code in wide digits": _set(VALUE, "H０１", to=CBORTag(100, 20_000)),
    "a code in small letters": _set(VALUE, "h01", to=CBORTag(100, 20_000)),
    "a code as a number": _set(VALUE, 1, to=CBORTag(100, 20_000)),
    "an empty code": _set(VALUE, "", to=CBORTag(100, 20_000)),
    "33 services": _set(VALUE, to={f"H{number:02}": CBORTag(100, 1) for number in range(33)}),
    "a date without a tag": _set(VALUE, "H01", to=20_000),
    "a date as text": _set(VALUE, "H01", to=CBORTag(1004, "2027-06-30")),
    "a day as text": _set(VALUE, "H01", to=CBORTag(100, "2027-06-30")),
    "a day true": _set(VALUE, "H01", to=CBORTag(100, True)),
    "a day of year 10000": _set(VALUE, "H01", to=CBORTag(100, 2_932_897)),
    "a day of year 0": _set(VALUE, "H01", to=CBORTag(100, -719_163)),
    "the last day of 64 bits": _set(VALUE, "H01", to=CBORTag(100, 2**64 - 1)),
    "a service forever": _set(VALUE, "H01", to=None),
}


@pytest.mark.parametrize("attack", HEALTH_ATTACKS.values(), ids=HEALTH_ATTACKS.keys())
def test_sector_file_refused(attack: Callable[[Tree], Any]) -> None:
    with pytest.raises(DecodeError):
        decode_item(_item(Sector.HEALTH, attack), Sector.HEALTH)


def test_a_member_of_another_type_is_refused() -> None:
    """`True == 1` in Python: a class of true must not pass for class 1."""
    for field, value in {
        "class": True,
        "sex": "",
        "birth_date": 0,
        "number": b"1",
        "portrait": [1],
        "authority": None,
    }.items():
        with pytest.raises(DecodeError):
            decode_item(_item(Sector.PERMIT, _set(VALUE, field, to=value)), Sector.PERMIT)


PERMIT_ATTACKS: dict[str, Callable[[Tree], Any]] = {
    "no birth date": _remove(VALUE, "birth_date"),
    "criminal record": _set(VALUE, "criminal_record", to=False),
    "class 4": _set(VALUE, "class", to=4),
    "portrait of length 0": _set(VALUE, "portrait", to=[0, bytes(32)]),
    "portrait of length true": _set(VALUE, "portrait", to=[True, bytes(32)]),
    "portrait with a short digest": _set(VALUE, "portrait", to=[1, bytes(20)]),
    "portrait the other way round": _set(VALUE, "portrait", to=[bytes(32), 1]),
    "a name that turns the line": _set(VALUE, "name_latin", to="ZHANG\u202e NAS"),
    "a name with a terminal's escape": _set(VALUE, "name_latin", to="ZHANG\x1b[2J"),
    "a name of one kilobyte": _set(VALUE, "name_latin", to="A" * 700),
}


@pytest.mark.parametrize("attack", PERMIT_ATTACKS.values(), ids=PERMIT_ATTACKS.keys())
def test_permit_file_refused(attack: Callable[[Tree], Any]) -> None:
    with pytest.raises(DecodeError):
        decode_item(_item(Sector.PERMIT, attack), Sector.PERMIT)


@pytest.mark.parametrize("sector", Sector)
def test_the_unchanged_files_pass(sector: Sector) -> None:
    assert decode_item(_item(sector, lambda tree: None), sector).sector is sector


@pytest.mark.parametrize("sector", Sector)
def test_a_genuine_file_in_the_place_of_another_sector_is_refused(sector: Sector) -> None:
    """Files swapped on the card: the family's answers shown to the school."""
    for other in Sector:
        if other is not sector:
            with pytest.raises(DecodeError):
                decode_item(MATERIAL.items[other], sector)


def test_an_altered_date_decodes_and_its_digest_gives_it_away() -> None:
    longer = _item(Sector.HOUSING, _set(VALUE, "R01", to=CBORTag(100, 40_000)))
    decode_item(longer, Sector.HOUSING)
    assert digest(longer) != MATERIAL.mso.value_digests[Sector.HOUSING.digest_id]


def test_another_encoding_of_the_same_values_has_another_digest() -> None:
    """Only bytes as read are hashed: an equal value encoded again is not what was signed."""
    tree = _plain(_plain(MATERIAL.items[Sector.HOUSING]).value, 100)
    backwards = cbor2.dumps(CBORTag(24, cbor2.dumps(dict(reversed(tree.items())))))
    assert decode_item(backwards, Sector.HOUSING) == decode_item(MATERIAL.items[Sector.HOUSING], Sector.HOUSING)
    assert digest(backwards) != MATERIAL.mso.value_digests[Sector.HOUSING.digest_id]


@pytest.mark.parametrize("sector", SERVICE_SECTORS)
def test_files_of_another_permit_have_other_digests(sector: Sector) -> None:
    """Everyone's empty or full sector holds the same values; the salt ties the file to one permit."""
    other = encode_item(entitlements(sector), random=randomness("another permit"))
    assert decode_item(other, sector).value == decode_item(MATERIAL.items[sector], sector).value
    assert digest(other) != MATERIAL.mso.value_digests[sector.digest_id]


# --- the envelope and what is handed on ---------------------------------------------------------------------


def test_an_mso_by_another_signer_does_not_verify() -> None:
    forged = sign(encode_mso(MATERIAL.mso), ec.derive_private_key(0xBAD, ec.SECP256R1()))
    with pytest.raises(SignatureError):
        cose.parse(forged, tagged=False).verify(SIGNER.public_key())


def test_a_longer_validity_does_not_verify() -> None:
    protected, unprotected, payload, signature = cbor2.loads(MATERIAL.issuer_auth)
    longer = payload.replace(b"2027-07-01", b"2037-07-01")
    assert decode_mso(longer).valid_until.year == 2037
    forged = cose.parse(cbor2.dumps([protected, unprotected, longer, signature]), tagged=False)
    with pytest.raises(SignatureError):
        forged.verify(SIGNER.public_key())


ASSEMBLY = {
    "item without its tag": ([_plain(MATERIAL.items[Sector.HEALTH]).value], MATERIAL.issuer_auth),
    "item of text": ([cbor2.dumps(CBORTag(24, "text"))], MATERIAL.issuer_auth),
    "item with a byte after": ([MATERIAL.items[Sector.HEALTH] + b"\x00"], MATERIAL.issuer_auth),
    "item of two kilobytes": ([cbor2.dumps(CBORTag(24, bytes(2048)))], MATERIAL.issuer_auth),
    "tagged COSE_Sign1": ([], b"\xd2" + MATERIAL.issuer_auth),
    "detached payload": ([], cbor2.dumps([b"", {}, None, bytes(64)])),
    "three parts": ([], cbor2.dumps([b"", {}, b""])),
    "x5chain already": ([], cbor2.dumps([b"", {33: b"0"}, b"", bytes(64)])),
}


@pytest.mark.parametrize(("items", "issuer_auth"), ASSEMBLY.values(), ids=ASSEMBLY.keys())
def test_assembly_refuses_parts_without_their_form(items: list[bytes], issuer_auth: bytes) -> None:
    with pytest.raises(DecodeError):
        issuer_signed(items, issuer_auth, x5chain=[b"certificate"])
