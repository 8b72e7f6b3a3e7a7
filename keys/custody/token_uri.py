"""URIs of keys on tokens: the part of RFC 7512 that names one object on one token.

    pkcs11:token=permit;object=document-signer-3
    pkcs11:token=permit;serial=198df380433d9c98;object=csca-1

A URI names a key and nothing else. Which module is loaded and where the PIN comes from is a matter of the machine's
settings: whoever can write a registry must not choose the code that is loaded next to the keys, and a PIN in a URI
would end up in listings and logs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

from . import CustodyError, CustodyReason

SCHEME = "pkcs11"
MAX_URI = 512

_ATTRIBUTES = frozenset({"token", "serial", "object"})
# RFC 7512 §2.3: pk11-pchar and percent-encoded octets.
_PAIR = re.compile(r"([a-z-]+)=((?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&]|%[0-9A-Fa-f]{2})*)")
_OBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UNESCAPED = "-._~"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUri:
    """One object on one token. `token` is the token's label, `serial` its serial number or empty for any."""

    token: str
    object: str
    serial: str = ""

    @classmethod
    def parse(cls, uri: str) -> TokenUri:
        """Read a URI of token, serial and object; else `CustodyError` (UNSUPPORTED_URI) that repeats none of it."""
        scheme, _, path = uri.partition(":")
        if scheme != SCHEME or len(uri) > MAX_URI:
            raise _unsupported("not a pkcs11: URI")
        found: dict[str, str] = {}
        for pair in path.split(";"):
            match = _PAIR.fullmatch(pair)
            if match is None or match[1] not in _ATTRIBUTES or match[1] in found:
                raise _unsupported("a key's URI has token, object and perhaps serial; module and PIN are settings")
            try:
                found[match[1]] = unquote_to_bytes(match[2]).decode()
            except UnicodeDecodeError:
                raise _unsupported("not UTF-8") from None
        if not found.get("token") or not _OBJECT.fullmatch(found.get("object", "")):
            raise _unsupported("token and object are needed; object takes letters, digits, '.', '_' and '-'")
        return cls(token=found["token"], object=found["object"], serial=found.get("serial", ""))

    def __str__(self) -> str:
        pairs = [("token", self.token), ("serial", self.serial), ("object", self.object)]
        return f"{SCHEME}:" + ";".join(
            f"{name}={quote_from_bytes(value.encode(), safe=_UNESCAPED)}" for name, value in pairs if value
        )


def _unsupported(why: str) -> CustodyError:
    return CustodyError(why, reason=CustodyReason.UNSUPPORTED_URI, uri=f"{SCHEME}:…")
