"""The yearly renewal of the publication's root: the same keys, a new version, signed by holder after holder.

The draft lies in `publication/next.root.json` until enough keys have signed it, and is carried from holder to holder:
each run adds the signatures of the keys at hand, and the one that completes it puts the new root in place.
"""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..custody import Custody, CustodyError, CustodyReason
from ..errors import DecodeError
from ..files import PUBLIC, read_regular, replace

FOLDER, ROOTS, DRAFT = "publication", "roots", "next.root.json"
_MAX = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """How far the renewal got."""

    version: int
    lacking: int
    """Signatures that are still to be made; 0 when the root is in place."""
    expires: datetime


def renew(home: str, custody: Custody, *, now: datetime) -> Renewed:
    """Draft the next root, or go on with the draft, sign it with the keys at hand, and install it once complete.

    Raises `PublicationError` as `publication.home`.
    """
    from ..publication import home as publication
    from ..publication import root as roots

    with publication.publishing(home):
        history, settings = publication.roots(home), publication.load_settings(home)
        path = os.path.join(home, FOLDER, DRAFT)
        draft = _standing(path, len(history) + 1) or _draft(history[-1], now)
        root = roots.parse(draft).signed
        for key_id in root.roles["root"].keyids:
            if roots.missing(draft, previous=history[-1]).complete:
                break
            uri = settings.keys.get(key_id)
            if uri is not None and key_id not in roots.parse(draft).signatures:
                draft = _sign(draft, history[-1], custody, uri)
        lacks = roots.missing(draft, previous=history[-1])
        if lacks.complete:
            publication.install_root(home, draft)
            if os.path.lexists(path):
                os.unlink(path)
        else:
            replace(path, draft, mode=PUBLIC)
        return Renewed(version=root.version, lacking=max(lacks.old, lacks.new), expires=root.expires)


def expiry(home: str) -> datetime | None:
    """When the newest root expires; None without one. Needs no TUF, and believes what lies there."""
    folder = os.path.join(home, FOLDER, ROOTS)
    number = 0
    while os.path.lexists(os.path.join(folder, f"{number + 1}.root.json")):
        number += 1
    if not number:
        return None
    try:
        raw, _ = read_regular(os.path.join(folder, f"{number}.root.json"), limit=_MAX)
        members: Any = json.loads(raw)
        return datetime.fromisoformat(members["signed"]["expires"].replace("Z", "+00:00")).astimezone(UTC)
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


def _sign(draft: bytes, previous: bytes, custody: Custody, uri: str) -> bytes:
    from ..publication import root as roots

    try:
        key = custody.private_key(uri)
    except CustodyError as error:
        if error.reason is CustodyReason.NOT_FOUND:
            return draft  # with another holder
        raise
    return roots.add_signature(draft, key, previous=previous)
