"""Test vectors of draft-ietf-oauth-status-list: packing of statuses, and the signed example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from keys import cbor
from keys.envelopes import cose
from keys.errors import DecodeError
from keys.status_list import TYPE, entry, inflate, pack, verify

VECTORS = json.loads(Path(__file__).with_name("token_status_list.json").read_bytes())
LONG = 2**20


@pytest.mark.parametrize("vector", VECTORS["lists"], ids=lambda vector: f"{vector['bits']} bits")
def test_long_lists(vector: dict[str, Any]) -> None:
    bits, statuses = vector["bits"], {int(index): status for index, status in vector["statuses"].items()}
    decoded = cbor.decode(bytes.fromhex(vector["cbor"]), max_size=4096)
    assert decoded.keys() == {"bits", "lst"}
    assert decoded["bits"] == bits
    packed = inflate(decoded["lst"], LONG * bits // 8)
    assert len(packed) == LONG * bits // 8
    assert {index: entry(packed, index, bits) for index in statuses} == statuses
    assert packed == pack(statuses, size=LONG, bits=bits)


@pytest.mark.parametrize("vector", VECTORS["short"], ids=lambda vector: f"{vector['bits']} bits")
def test_short_lists(vector: dict[str, Any]) -> None:
    decoded = cbor.decode(bytes.fromhex(vector["cbor"]), max_size=100)
    packed = inflate(decoded["lst"], 3)
    assert packed.hex() == vector["bytes"]
    size = len(packed) * 8 // vector["bits"]
    statuses = {index: entry(packed, index, vector["bits"]) for index in range(size)}
    assert pack(statuses, size=size, bits=vector["bits"]) == packed


def test_the_two_bit_example_of_the_draft() -> None:
    """Section 4: the first statuses are 1, 2, 0, 3 and then 0, 1, 0, 1 and 1, 2, 3, 3."""
    packed = bytes.fromhex("c944f9")
    assert [entry(packed, index, 2) for index in range(12)] == [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]


def test_the_signed_example_verifies() -> None:
    key = ec.EllipticCurvePublicNumbers(
        int(VECTORS["key"]["x"], 16), int(VECTORS["key"]["y"], 16), ec.SECP256R1()
    ).public_key()
    raw = bytes.fromhex(VECTORS["cwt"])
    envelope = cose.parse(raw, tagged=True)
    envelope.verify(key)
    assert envelope.headers[cose.TYP] == TYPE
    assert envelope.kid == b"12"
    claims = cbor.decode(envelope.payload, max_size=200)
    assert (claims[2], claims[6], claims[4], claims[65534]) == (
        "https://example.com/statuslists/1",
        1686920170,
        2291720170,
        43200,
    )
    # One bit a status and no aggregation_uri: well-formed for the draft, not for a residence permit.
    with pytest.raises(DecodeError):
        verify(raw, key, claims[2])
