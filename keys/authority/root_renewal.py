"""The renewal of the publication's root: a new version each year, fresh keys where they are due, signed by holder after
holder.

The draft lies in `publication/next.root.json` until enough keys have signed it, and is carried from holder to holder:
each run adds the signatures of the keys at hand, and the one that completes it puts the new root in place.
"""

from __future__ import annotations

import base64
import copy
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..custody import Custody, CustodyError, CustodyReason
from ..errors import DecodeError
from ..files import PUBLIC, read_regular, replace
from ..registry.lifecycle import ROLE_RULES
from ..registry.records import Actor
from ..spki import key_id
from .errors import AuthorityError, AuthorityReason

if TYPE_CHECKING:
    from .authority import Authority

FOLDER, ROOTS, DRAFT = "publication", "roots", "next.root.json"
_MAX = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """How far the renewal got."""

    version: int
    lacking: int
    """Signatures that are still to be made; 0 when the root is in place."""
    expires: datetime


def renew(authority: Authority, *, now: datetime, actor: Actor, replace_keys: Collection[str] = ()) -> Renewed:
    """Draft the next root, or go on with the draft, sign it with the keys at hand, and install it once complete.

    `replace_keys` names keys of the publication (ROOT-3) for which the draft has fresh ones; whoever lacks the old
    root key may still make the new one, in this authority's custody. Raises `PublicationError` as
    `publication.home`; `AuthorityError` (NO_KEY, KEY_STATE) for a name that the root does not have.
    """
    from ..publication import home as publication
    from ..publication import role_keys
    from ..publication import root as roots

    home, custody = authority.home, authority.custody
    with publication.publishing(home):
        role_keys.take_up(authority, actor)
        history = publication.roots(home)
        if not history:
            publication.load_settings(home)  # says that nothing is set up
        path = os.path.join(home, FOLDER, DRAFT)
        draft = _standing(path, len(history) + 1) or _draft(history[-1], now)
        for name in replace_keys:
            draft = _without(authority, draft, history[-1], name)
        replace(path, draft, mode=PUBLIC)
        settings, root = publication.load_settings(home), roots.parse(draft).signed
        signers = dict.fromkeys((*root.roles["root"].keyids, *roots.parse(history[-1]).signed.roles["root"].keyids))
        for key_id in signers:
            if roots.missing(draft, previous=history[-1]).complete:
                break
            uri = settings.keys.get(key_id)
            if uri is not None and key_id not in roots.parse(draft).signatures:
                draft = _sign(authority, draft, history[-1], custody, uri)
        lacks = roots.missing(draft, previous=history[-1])
        if lacks.complete:
            publication.install_root(home, draft)
            role_keys.take_up(authority, actor)
            if os.path.lexists(path):
                os.unlink(path)
        else:
            replace(path, draft, mode=PUBLIC)
        return Renewed(version=root.version, lacking=max(lacks.old, lacks.new), expires=root.expires)


def is_set_up(home: str) -> bool:
    """Whether the authority publishes by TUF. Needs no TUF."""
    return os.path.lexists(os.path.join(home, FOLDER, ROOTS, "1.root.json"))


def named(home: str) -> frozenset[bytes]:
    """The kids of all keys that the newest root names. Needs no TUF, and believes what lies there."""
    members = _newest(home)
    try:
        pems = [key["keyval"]["public"] for key in members["keys"].values()] if members else []
        lines = [[line for line in pem.splitlines() if not line.startswith("-----")] for pem in pems]
        return frozenset(key_id(base64.b64decode("".join(each))) for each in lines)
    except (ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def expiry(home: str) -> datetime | None:
    """When the newest root expires; None without one. Needs no TUF, and believes what lies there."""
    members = _newest(home)
    try:
        return datetime.fromisoformat(members["expires"].replace("Z", "+00:00")).astimezone(UTC) if members else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _newest(home: str) -> Any:
    """What the newest root says; None without one, or when it is damaged."""
    folder = os.path.join(home, FOLDER, ROOTS)
    number = 0
    while os.path.lexists(os.path.join(folder, f"{number + 1}.root.json")):
        number += 1
    if not number:
        return None
    try:
        raw, _ = read_regular(os.path.join(folder, f"{number}.root.json"), limit=_MAX)
        return json.loads(raw)["signed"]
    except (DecodeError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _standing(path: str, version: int) -> bytes | None:
    """The draft that was begun, unless it is of an earlier year."""
    from ..publication import root as roots

    try:
        raw, _ = read_regular(path, limit=_MAX)
    except FileNotFoundError:
        return None
    return raw if roots.parse(raw).signed.version == version else None


def _draft(previous: bytes, now: datetime) -> bytes:
    from tuf.api.metadata import Metadata

    from ..publication import layout
    from ..publication import root as roots

    signed = copy.deepcopy(roots.parse(previous).signed)
    signed.version += 1
    signed.expires = now.astimezone(UTC) + roots.PERIODS[roots.Role.ROOT]
    signed.unrecognized_fields[layout.SIGNED_AT] = now.astimezone(UTC).strftime(layout.TIME_FORMAT)
    return Metadata(signed).to_bytes()


def _without(authority: Authority, draft: bytes, previous: bytes, name: str) -> bytes:
    """The draft with a fresh key in the place of the key `name`; as it is when that was done before."""
    from securesystemslib.signer import SSlibKey
    from tuf.api.metadata import Metadata

    from ..publication import home as publication
    from ..publication import role_keys
    from ..publication import root as roots

    key = authority.registry.by_name(name)
    if key.purpose not in ROLE_RULES:
        raise AuthorityError(f"{name} is in no root", reason=AuthorityReason.NO_KEY, detail=name)
    role = next(role for role, purpose in role_keys.PURPOSES.items() if purpose is key.purpose)
    before, signed = roots.parse(previous).signed, copy.deepcopy(roots.parse(draft).signed)
    old = [one for one in before.roles[role].keyids if role_keys.kid_of(before, one) == key.kid]
    if not old:
        raise AuthorityError(f"{name} is in no root", reason=AuthorityReason.KEY_STATE, detail=f"{name}: {key.state}")
    if old[0] not in signed.roles[role].keyids:
        return draft
    generation = role_keys.next_generation(authority, key.purpose)
    generation += len(set(signed.roles[role].keyids) - set(before.roles[role].keyids))
    uri = authority.settings.key_uri(f"tuf-{role}-{generation}", ".p8")
    public = SSlibKey.from_crypto(publication.made(authority.custody, uri, role).public_key())
    signed.revoke_key(old[0], role)
    signed.add_key(public, role)
    publication.add_key_uris(authority.home, {public.keyid: uri})
    return Metadata(signed).to_bytes()


def _sign(authority: Authority, draft: bytes, previous: bytes, custody: Custody, uri: str) -> bytes:
    from ..publication import role_keys
    from ..publication import root as roots

    try:
        key = custody.private_key(uri)
    except CustodyError as error:
        if error.reason is CustodyReason.NOT_FOUND:
            return draft  # with another holder
        raise
    kid = role_keys.kid(key.public_key())
    # A key that this root brings in is entered, and its signature counted, when the root is in place.
    if any(one.kid == kid for one in authority.registry.keys) and not role_keys.may_sign(authority, kid):
        return draft
    return roots.add_signature(draft, key, previous=previous)
