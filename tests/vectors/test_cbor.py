"""RFC 8949 Appendix A: our subset decodes to the values given and encodes to the same bytes; the rest is refused."""

from __future__ import annotations

from typing import Any

import pytest
from cbor2 import CBORTag

from keys import cbor
from keys.errors import DecodeError

TAGS = frozenset({0, 1, 23, 24, 32})

ADMITTED: dict[str, Any] = {
    "00": 0,
    "01": 1,
    "0a": 10,
    "17": 23,
    "1818": 24,
    "1819": 25,
    "1864": 100,
    "1903e8": 1000,
    "1a000f4240": 1_000_000,
    "1b000000e8d4a51000": 1_000_000_000_000,
    "1bffffffffffffffff": 18446744073709551615,
    "3bffffffffffffffff": -18446744073709551616,
    "20": -1,
    "29": -10,
    "3863": -100,
    "3903e7": -1000,
    "f4": False,
    "f5": True,
    "f6": None,
    "c074323031332d30332d32315432303a30343a30305a": CBORTag(0, "2013-03-21T20:04:00Z"),
    "c11a514b67b0": CBORTag(1, 1363896240),
    "d74401020304": CBORTag(23, bytes.fromhex("01020304")),
    "d818456449455446": CBORTag(24, b"dIETF"),
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d": CBORTag(32, "http://www.example.com"),
    "40": b"",
    "4401020304": bytes.fromhex("01020304"),
    "60": "",
    "6161": "a",
    "6449455446": "IETF",
    "62225c": '"\\',
    "62c3bc": "ü",
    "63e6b0b4": "水",
    "64f0908591": "\U00010151",
    "80": [],
    "83010203": [1, 2, 3],
    "8301820203820405": [1, [2, 3], [4, 5]],
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819": list(range(1, 26)),
    "a0": {},
    "a201020304": {1: 2, 3: 4},
    "a26161016162820203": {"a": 1, "b": [2, 3]},
    "826161a161626163": ["a", {"b": "c"}],
    "a56161614161626142616361436164614461656145": {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"},
}

REFUSED = {
    "bignum": "c249010000000000000000",
    "negative bignum": "c349010000000000000000",
    "0.0": "f90000",
    "-0.0": "f98000",
    "1.1": "fb3ff199999999999a",
    "65504.0": "f97bff",
    "100000.0": "fa47c35000",
    "Infinity": "f97c00",
    "NaN": "f97e00",
    "Infinity, single": "fa7f800000",
    "NaN, double": "fb7ff8000000000000",
    "undefined": "f7",
    "simple(16)": "f0",
    "simple(24)": "f818",
    "simple(255)": "f8ff",
    "1(1363896240.5)": "c1fb41d452d9ec200000",
    "(_ h'0102', h'030405')": "5f42010243030405ff",
    '(_ "strea", "ming")': "7f657374726561646d696e67ff",
    "[_ ]": "9fff",
    "[_ 1, [2, 3], [_ 4, 5]]": "9f018202039f0405ffff",
    "[1, [2, 3], [_ 4, 5]]": "83018202039f0405ff",
    "[1, [_ 2, 3], [4, 5]]": "83019f0203ff820405",
    '{_ "a": 1, "b": [_ 2, 3]}': "bf61610161629f0203ffff",
    '["a", {_ "b": "c"}]': "826161bf61626163ff",
    '{_ "Fun": true, "Amt": -2}': "bf6346756ef563416d7421ff",
}


@pytest.mark.parametrize(("raw", "value"), ADMITTED.items(), ids=ADMITTED.keys())
def test_admitted(raw: str, value: Any) -> None:
    decoded = cbor.decode(bytes.fromhex(raw), max_size=100, tags=TAGS)
    assert decoded == value
    assert type(decoded) is type(value)
    assert cbor.encode(value).hex() == raw


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_outside_the_subset(raw: str) -> None:
    with pytest.raises(DecodeError):
        cbor.decode(bytes.fromhex(raw), max_size=100, tags=TAGS)
