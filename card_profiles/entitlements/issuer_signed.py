"""A standard IssuerSigned (ISO/IEC 18013-5 §8.3.2.1.2.2) from a card's files, for software that knows the standard
only.

The card keeps the parts in separate files, and the certificate off the MSO (`x5chain` is an unprotected header, RFC
9360). Any subset of the items verifies: a counter passes on what it read and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cbor2 import CBORTag

from keys import cbor
from keys.errors import DecodeError

from .mso import NAMESPACE

MAX_ISSUER_AUTH = 4096
MAX_ITEM = 1024
_EMBEDDED, _X5CHAIN = 24, 33


def issuer_signed(items: Iterable[bytes], issuer_auth: bytes, *, x5chain: Sequence[bytes] = ()) -> bytes:
    """IssuerSigned of `items` (EF.NS.* files as read) and `issuer_auth` (EF.MSO as read, an untagged COSE_Sign1).

    `x5chain` are DER certificates, the signer's first; they go into the unprotected header. What is signed is carried
    over byte for byte, and nothing is verified here. Raises `DecodeError` for a part that does not have its outer form.
    """
    signed_items = []
    for raw in items:
        item = cbor.decode(raw, max_size=MAX_ITEM, tags=frozenset({_EMBEDDED}), path="IssuerSignedItemBytes")
        if not isinstance(item, CBORTag) or type(item.value) is not bytes:
            raise DecodeError("not an embedded CBOR item (tag 24)", path="IssuerSignedItemBytes")
        signed_items.append(item)
    return cbor.encode({"nameSpaces": {NAMESPACE: signed_items}, "issuerAuth": _with_chain(issuer_auth, x5chain)})


def _with_chain(issuer_auth: bytes, x5chain: Sequence[bytes]) -> list[object]:
    path = "issuerAuth"
    parts = cbor.decode(issuer_auth, max_size=MAX_ISSUER_AUTH, path=path)
    if type(parts) is not list or [type(part) for part in parts] != [bytes, dict, bytes, bytes]:
        raise DecodeError("not an untagged COSE_Sign1 with its payload", path=path)
    protected, unprotected, payload, signature = parts
    if x5chain:
        if _X5CHAIN in unprotected:
            raise DecodeError("x5chain is there already", path=path)
        chain: bytes | list[bytes] = x5chain[0] if len(x5chain) == 1 else list(x5chain)  # RFC 9360 §2
        unprotected = {**unprotected, _X5CHAIN: chain}
    return [protected, unprotected, payload, signature]
