"""Checkpoints: the audit signer's word that up to record `seq` the chain's last hash is `hash`.

A COSE_Sign1 (tag 18) whose payload is canonical JSON ``{"at", "hash", "seq", "v"}`` and whose protected header says
``typ = application/residence-permit-audit+json``. Who keeps a copy elsewhere is a witness: a chain cut short or written
anew from there on contradicts it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from keys.envelopes import cose
from keys.errors import DecodeError

from .record import FORMAT_VERSION, canonical_json, moment

TYPE = "application/residence-permit-audit+json"
MAX_SIZE = 1024

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSigner:
    """Who signs. `kid` is 8 bytes, `sign` gives r ‖ s, 64 bytes; `public_key` must agree before anything leaves."""

    kid: bytes
    sign: Callable[[bytes], bytes]
    public_key: ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a checkpoint says."""

    seq: int
    hash: str
    at: datetime


def sign(statement: Statement, signer: AuditSigner) -> bytes:
    """The signed checkpoint, verified before it is given out."""
    payload = canonical_json(
        {"v": FORMAT_VERSION, "seq": statement.seq, "hash": statement.hash, "at": moment(statement.at)}
    )
    raw = cose.sign1(
        payload.encode(),
        sign=signer.sign,
        kid=signer.kid,
        protected_extra={cose.TYP: TYPE},
        kid_protected=True,
        tagged=True,
    )
    verify(raw, {signer.kid: signer.public_key})
    return raw


def verify(raw: bytes, keys: Mapping[bytes, ec.EllipticCurvePublicKey]) -> Statement:
    """What it says, if one of `keys` (by kid) signed it. Raises DecodeError, SignatureError, KeyError (unknown kid)."""
    envelope = cose.parse(raw, max_size=MAX_SIZE, tagged=True)
    if envelope.headers.get(cose.TYP) != TYPE:
        raise DecodeError("not a checkpoint", path="checkpoint.typ")
    envelope.verify(keys[envelope.kid or b""])
    return _statement(envelope.payload)


def _statement(payload: bytes) -> Statement:
    try:
        tree = json.loads(payload)
        found = Statement(seq=tree["seq"], hash=tree["hash"], at=datetime.fromisoformat(tree["at"]))
        again = {"v": FORMAT_VERSION, "seq": found.seq, "hash": found.hash, "at": moment(found.at)}
        sound = type(found.seq) is int and found.seq > 0 and _HASH.fullmatch(found.hash) is not None
        if not sound or canonical_json(again).encode() != payload:
            raise ValueError("not in canonical form")
    except (ValueError, KeyError, TypeError) as error:
        raise DecodeError(str(error), path="checkpoint") from error
    return found
