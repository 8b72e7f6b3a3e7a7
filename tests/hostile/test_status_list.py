"""Status lists from a hostile server or a broken publisher: bombs, forgeries, torn lists, lists of another shard."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import cbor2
import pytest
from cbor2 import CBORTag
from cryptography.hazmat.primitives.asymmetric import ec

from keys.envelopes import cose
from keys.envelopes.errors import SignatureError
from keys.errors import DecodeError
from keys.status_list import MAX_INFLATED, MAX_SIZE, TYPE, Status, StatusListError, StatusListReason, verify
from tests.permit_material import AGGREGATION_URI, KID, SIGNER, STATUS_URI

IAT, EXP = 1_782_864_000, 1_783_468_800
LIST = 65533


def claims(**changes: Any) -> dict[Any, Any]:
    inner = {"bits": 2, "lst": zlib.compress(bytes(64), 9), "aggregation_uri": AGGREGATION_URI, **changes}
    return {2: STATUS_URI, 4: EXP, 6: IAT, LIST: inner, 65534: 43_200}


def signed(content: object, *, typ: object = TYPE, tagged: bool = True, **header: object) -> bytes:
    """Signed by the right key whatever it is: the attacks below are an insider's, or a publisher's mistakes."""
    protected = cbor2.dumps({1: -7, 16: typ} if typ is not None else {1: -7})
    payload = content if isinstance(content, bytes) else cbor2.dumps(content)
    signature = cose.raw_signer(SIGNER)(cbor2.dumps(["Signature1", protected, b"", payload]))
    message = [protected, {4: KID, **{int(k[1:]): v for k, v in header.items()}}, payload, signature]
    return cbor2.dumps(CBORTag(18, message) if tagged else message)


def check(raw: bytes) -> None:
    verify(raw, SIGNER.public_key(), STATUS_URI)


def test_the_unchanged_list_passes() -> None:
    assert verify(signed(claims()), SIGNER.public_key(), STATUS_URI).lookup(255) is Status.VALID


def _edit(**changes: Any) -> dict[Any, Any]:
    tree = claims()
    for label, value in changes.items():
        if value is Ellipsis:
            del tree[int(label[1:])]
        else:
            tree[int(label[1:])] = value
    return tree


PAYLOADS: dict[str, Any] = {
    "a list": [1],
    "not CBOR": b"\xff",
    "a byte after": cbor2.dumps(claims()) + b"\x00",
    "no sub": _edit(_2=...),
    "no exp": _edit(_4=...),
    "no iat": _edit(_6=...),
    "no ttl": _edit(_65534=...),
    "no list": _edit(_65533=...),
    "another claim": _edit(_1="issuer"),
    "sub as bytes": _edit(_2=STATUS_URI.encode()),
    "iat as a float": _edit(_6=1.5),
    "iat true": _edit(_6=True),
    "iat below zero": _edit(_6=-1),
    "iat with tag 1": _edit(_6=CBORTag(1, IAT)),
    "exp before iat": _edit(_4=IAT - 1),
    "exp equal to iat": _edit(_4=IAT),
    "exp of year 10000": _edit(_4=253_402_300_800),
    "exp of 64 bits": _edit(_4=2**64 - 1),
    "ttl 0": _edit(_65534=0),
    "ttl below zero": _edit(_65534=-1),
    "one bit": claims(bits=1),
    "eight bits": claims(bits=8),
    "bits true": claims(bits=True),
    "lst as text": claims(lst="eNo"),
    "no aggregation URI": _edit(_65533={"bits": 2, "lst": zlib.compress(b"\x00")}),
    "aggregation URI of spaces and breaks": claims(aggregation_uri="a\nb"),
    "a member beside": claims(extra=1),
    "status 3": claims(lst=zlib.compress(b"\x00\xc0")),
    "no status": claims(lst=zlib.compress(b"")),
    "nothing to inflate": claims(lst=b""),
    "raw deflate": claims(lst=zlib.compress(bytes(64))[2:-4]),
    "gzip": claims(lst=zlib.compress(bytes(64), wbits=31)),
    "stream cut": claims(lst=zlib.compress(bytes(64))[:-1]),
    "checksum wrong": claims(lst=zlib.compress(bytes(64))[:-1] + b"\xff"),
    "a byte after the stream": claims(lst=zlib.compress(bytes(64)) + b"\x00"),
    "two streams": claims(lst=zlib.compress(bytes(64)) * 2),
    "one byte too large": claims(lst=zlib.compress(bytes(MAX_INFLATED + 1))),
}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_payload_refused(payload: Any) -> None:
    with pytest.raises(DecodeError):
        check(signed(payload))


def test_the_largest_shard_passes_even_if_it_does_not_compress() -> None:
    # Every entry VALID or SUSPENDED by a pseudo-random bit.
    import hashlib

    noise = bytes(byte & 0xAA for byte in hashlib.shake_256(b"noise").digest(MAX_INFLATED))
    stored = zlib.compress(noise, 0)
    raw = signed(claims(lst=stored))
    assert len(raw) < MAX_SIZE
    assert len(verify(raw, SIGNER.public_key(), STATUS_URI)) == MAX_INFLATED * 4


def test_a_bomb_is_not_blown_up() -> None:
    """60 kB that inflate to 61 MB; the reader must stop one byte after 65,536."""
    bomb = zlib.compress(bytes(61_000_000), 9)
    raw = signed(claims(lst=bomb))
    assert 50_000 < len(raw) < MAX_SIZE
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError):
            check(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_a_list_over_the_size_is_not_even_parsed() -> None:
    with pytest.raises(DecodeError):
        check(signed(claims(lst=bytes(MAX_SIZE))))


ENVELOPES: dict[str, Callable[[], bytes]] = {
    "no tag": lambda: signed(claims(), tagged=False),
    "CWT tag": lambda: cbor2.dumps(CBORTag(61, cbor2.loads(signed(claims())))),
    "tag twice": lambda: b"\xd2" + signed(claims()),
    "COSE_Mac0": lambda: b"\xd1" + signed(claims())[1:],
    "no typ": lambda: signed(claims(), typ=None),
    "typ of a JWT": lambda: signed(claims(), typ="statuslist+jwt"),
    "typ without application/": lambda: signed(claims(), typ="statuslist+cwt"),
    "typ in capitals": lambda: signed(claims(), typ=TYPE.upper()),
    "typ as a number": lambda: signed(claims(), typ=279),
    "typ unprotected": lambda: signed(claims(), typ=None, _16=TYPE),
    "another header": lambda: signed(claims(), _33=b"certificate"),
    "a byte after": lambda: signed(claims()) + b"\x00",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("make", ENVELOPES.values(), ids=ENVELOPES.keys())
def test_envelope_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(DecodeError):
        check(make())


def test_a_list_of_another_shard_is_refused() -> None:
    """Genuine, fresh, and of other cards: every index has a status there, too."""
    with pytest.raises(StatusListError) as caught:
        check(signed(_edit(_2="https://status.permit.example/8")))
    assert caught.value.reason is StatusListReason.WRONG_URI


def test_another_signer_is_refused() -> None:
    other = ec.derive_private_key(0xBAD, ec.SECP256R1())
    with pytest.raises(SignatureError):
        verify(signed(claims()), other.public_key(), STATUS_URI)


def test_nothing_is_inflated_before_the_signature_holds() -> None:
    """The bomb of somebody who has no key must not even reach zlib: the signature is the first to fail."""
    other = ec.derive_private_key(0xBAD, ec.SECP256R1())
    with pytest.raises(SignatureError):
        verify(signed(claims(lst=zlib.compress(bytes(61_000_000), 9))), other.public_key(), STATUS_URI)


@pytest.mark.parametrize("size", range(0, 250, 5))
def test_a_torn_list_is_refused(size: int) -> None:
    with pytest.raises(DecodeError):
        check(signed(claims())[:size])
