"""What somebody had typed when their session was over: the page of the sign-in carries it, sealed, and the same person
gets it back on the form, for another look and another click.

Nothing of it is stored, and none of it stands in an address. The key is made from what only the database knows of the
operator, the hash of their password: nobody else's sign-in opens it, every process of the service can, and a new
password ends it. What opens cards and doors is never kept.
"""

from __future__ import annotations

import base64
import json
import secrets
import zlib
from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import select
from starlette.datastructures import FormData
from starlette.requests import Request

from ..service.access import token_of
from ..service.sessions import digest
from ..service.state import Service
from ..store.models.people import Operator, Session

FIELD = "_kept"
NEVER = frozenset({"password", "can", "slip"})
"""Fields that are not kept: what signs in, what opens a card, what a card is handed over against."""
LASTS = timedelta(hours=1)
LONGEST = 48_000
"""Characters of what is sealed; a form with more is not kept. What a page may send is 64 KiB."""
_NONCE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A form as it was sent: its fields, and the version that it was filled in for."""

    fields: tuple[tuple[str, str], ...]
    version: int | None


def seal(request: Request, service: Service, form: FormData, version: int | None) -> str:
    """What was typed into a form whose session is over, for the person of that session; empty where there is nothing to
    keep, or nobody to keep it for: a form counts only with the CSRF token of the session that its cookie names."""
    fields = [
        (name, value)
        for name, value in form.multi_items()
        if isinstance(value, str) and not name.startswith("_") and name not in NEVER
    ]
    whose = _whose(request, service, form)
    if whose is None or not any(value.strip() for _, value in fields):
        return ""
    told = {"at": service.store.now().timestamp(), "version": version, "fields": fields}
    nonce = secrets.token_bytes(_NONCE)
    packed = zlib.compress(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    sealed = nonce + AESGCM(_key(whose)).encrypt(nonce, packed, _bound(whose, request.url.path))
    text = base64.urlsafe_b64encode(sealed).decode()
    return text if len(text) <= LONGEST else ""


def opened(service: Service, operator: int, path: str, sealed: str) -> Kept | None:
    """What `operator` had typed on `path`; None for anybody else's, another page's, an old or a changed one."""
    with service.store.read() as transaction:
        whose = transaction.get(Operator, operator)
    if whose is None or not sealed or len(sealed) > LONGEST:
        return None
    try:
        raw = base64.urlsafe_b64decode(sealed.encode("ascii"))
        packed = AESGCM(_key(whose)).decrypt(raw[:_NONCE], raw[_NONCE:], _bound(whose, path))
    except (ValueError, InvalidTag):
        return None
    told = json.loads(zlib.decompress(packed).decode("utf-8", "surrogatepass"))
    if not 0 <= service.store.now().timestamp() - told["at"] <= LASTS.total_seconds():
        return None
    return Kept(fields=tuple((name, value) for name, value in told["fields"]), version=told["version"])


def _whose(request: Request, service: Service, form: FormData) -> Operator | None:
    token, by_cookie = token_of(request, service)
    given = form.get("_csrf")
    if not token or not by_cookie or not isinstance(given, str):
        return None
    with service.store.read() as transaction:
        return transaction.scalars(
            select(Operator)
            .join(Session, Session.operator_id == Operator.id)
            .where(
                Session.token_hash == digest(token), Session.csrf_hash == digest(given), Operator.disabled.is_(False)
            )
        ).one_or_none()


def _key(whose: Operator) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"residence permit: a form kept over the sign-in")
    return derived.derive(whose.password_hash.encode())


def _bound(whose: Operator, path: str) -> bytes:
    return f"{whose.id} {path}".encode()
