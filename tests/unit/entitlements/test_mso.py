"""The MobileSecurityObject: its one form, and the sizes that a counter pays for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from card_profiles.entitlements.mso import DIGEST_IDS, MobileSecurityObject, decode_mso, encode_mso
from card_profiles.residence_permit_v1 import PERMIT, RESIDENCE_PERMIT_V1
from keys import cbor
from keys.envelopes import cose
from tests.permit_material import CHIP, KID, SIGNER, material, point

SHORT_READ = 223
"""Bytes of one READ BINARY in a short APDU under AES secure messaging."""


def test_round_trip() -> None:
    mso = material().mso
    assert decode_mso(encode_mso(mso)) == mso


def test_structure_is_that_of_iso_18013_5() -> None:
    mso = material().mso
    outer = cbor.decode(encode_mso(mso), max_size=1024, tags=frozenset({24}))
    inner = cbor.decode(outer.value, max_size=1024, tags=frozenset({0}))
    assert inner["version"] == "1.0"
    assert inner["digestAlgorithm"] == "SHA-256"
    assert inner["docType"] == RESIDENCE_PERMIT_V1.doc_type
    assert inner["valueDigests"] == {RESIDENCE_PERMIT_V1.namespace: mso.value_digests}
    x, y = point(CHIP)[1:33], point(CHIP)[33:]
    assert inner["deviceKeyInfo"] == {"deviceKey": {1: 2, -1: 1, -2: x, -3: y}}
    assert inner["validityInfo"]["validUntil"].value == "2027-07-01T00:00:00Z"
    assert inner["status"] == {"status_list": {"idx": 204_711, "uri": mso.status_uri}}


def test_digest_ids_are_the_sector_files_of_the_profile() -> None:
    assert frozenset(file.sfi for file in PERMIT.files if file.element and file.sfi < 0x10) == DIGEST_IDS


def test_sizes_on_the_wire() -> None:
    """Ten SHA-256 digests alone are 351 bytes: four short reads, one extended."""
    made = material()
    assert len(encode_mso(made.mso)) == 734
    assert len(made.issuer_auth) == 819
    assert len(made.issuer_auth) <= 4 * SHORT_READ
    longest = replace(made.mso, status_uri="u" * 128, status_index=2**32 - 1)
    file = next(file for file in PERMIT.files if file.name == "EF.MSO/A")
    assert len(encode_mso(longest)) + 85 <= file.size


def test_issuer_auth_verifies_and_carries_the_kid_only() -> None:
    envelope = cose.parse(material().issuer_auth, tagged=False)
    envelope.verify(SIGNER.public_key())
    assert envelope.unprotected == {cose.KID: KID}


WRONG = {
    "version": {"version": "1.1"},
    "algorithm": {"digest_algorithm": "SHA-512"},
    "document type": {"doc_type": "org.iso.18013.5.1.mDL"},
    "a digest missing": {"value_digests": {number: bytes(32) for number in range(3, 12)}},
    "a digest too many": {"value_digests": {number: bytes(32) for number in range(3, 14)}},
    "a short digest": {"value_digests": {**{number: bytes(32) for number in DIGEST_IDS}, 4: bytes(31)}},
    "a compressed point": {"device_key": b"\x02" + point(CHIP)[1:33]},
    "a point off the curve": {"device_key": point(CHIP)[:-1] + bytes([point(CHIP)[-1] ^ 1])},
    "the point at infinity": {"device_key": b"\x00"},
    "x = y = 0": {"device_key": b"\x04" + bytes(64)},
    "x of the field's size or more": {"device_key": b"\x04" + b"\xff" * 32 + point(CHIP)[33:]},
    "no time zone": {"signed": datetime(2026, 7, 1)},
    "another zone": {"signed": datetime(2026, 7, 1, tzinfo=timezone(timedelta(hours=8)))},
    "fractions": {"valid_until": datetime(2027, 7, 1, 0, 0, 0, 5, tzinfo=UTC)},
    "valid before signed": {"valid_from": datetime(2026, 6, 30, tzinfo=UTC)},
    "never valid": {"valid_until": datetime(2026, 7, 1, 8, 30, tzinfo=UTC)},
    "index": {"status_index": -1},
    "large index": {"status_index": 2**32},
    "no URI": {"status_uri": ""},
    "long URI": {"status_uri": "h" * 129},
    "URI with a line break": {"status_uri": "https://a\nb"},
    "URI in Chinese": {"status_uri": "https://状态"},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_what_the_profile_does_not_have_cannot_be_made(change: dict[str, object]) -> None:
    mso = material().mso
    with pytest.raises(ValueError):
        replace(mso, **change)  # type: ignore[arg-type]


def test_a_point_with_a_leading_zero_keeps_its_32_bytes() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    scalar = 1
    while point(key := ec.derive_private_key(scalar, ec.SECP256R1()))[1]:
        scalar += 1
    mso: MobileSecurityObject = material(device_key=point(key)).mso
    raw = encode_mso(mso)
    assert point(key)[1:33] in raw
    assert decode_mso(raw).device_key == point(key)
