"""Names and sizes of a published repository: what the authority may write, and all that a counter takes.

    metadata/timestamp.json  metadata/N.root.json  metadata/N.snapshot.json  metadata/N.targets.json
    targets/csca/<sha256>.<name>.der …  the targets, their names prefixed by their hash (consistent snapshots)

Target names are those of the trust directory (`keys.trust`), so that a counter lays the files out as they come.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ..spki import MAX_CERTIFICATE
from ..status_list import MAX_SIZE as MAX_STATUS_LIST
from ..support_key import MAX_FILES as MAX_SUPPORT_KEYS
from ..trust import MAX_CATALOGUE, MAX_CRL, MAX_FILES

METADATA, TARGETS = "metadata", "targets"
CURRENT, RELEASES = "current", "releases"
"""In the directory of a publisher: a link to the release that stands, and the releases."""

SIGNED_AT = "x-signed-at"
"""A field of ours in signed metadata, RFC 3339 in UTC: when it was signed. TUF itself knows expiry only."""
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

MAX_ROOT = 1 << 16
MAX_TIMESTAMP = 1 << 14
MAX_SNAPSHOT = 1 << 16
MAX_TARGETS = 5_000_000
MAX_MASTER_LIST = 1 << 20
MAX_ROOT_ROTATIONS = 256


class Kind(StrEnum):
    """What a target is; the value is its folder, or its whole name."""

    CSCA = "csca"
    LINK = "link"
    REMOVED = "removed"
    """CSCA certificates whose key is compromised, for good."""
    SIGNER = "signers"
    CRL = "crl"
    STATUS = "status"
    SUPPORT = "support"
    """Whom counters encrypt evidence of refused cards to (`keys.support_key`)."""
    CATALOGUE = "catalogue.json"
    MASTER_LIST = "masterlist.cms"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    suffix: str
    max_size: int
    max_count: int


_FOLDERS = {
    Kind.CSCA: _Place(suffix=".der", max_size=MAX_CERTIFICATE, max_count=MAX_FILES),
    Kind.LINK: _Place(suffix=".der", max_size=MAX_CERTIFICATE, max_count=MAX_FILES),
    Kind.REMOVED: _Place(suffix=".der", max_size=MAX_CERTIFICATE, max_count=MAX_FILES),
    Kind.SIGNER: _Place(suffix=".der", max_size=MAX_CERTIFICATE, max_count=MAX_FILES),
    Kind.CRL: _Place(suffix=".crl", max_size=MAX_CRL, max_count=MAX_FILES),
    Kind.STATUS: _Place(suffix=".cwt", max_size=MAX_STATUS_LIST, max_count=MAX_FILES),
    Kind.SUPPORT: _Place(suffix=".der", max_size=MAX_CERTIFICATE, max_count=MAX_SUPPORT_KEYS),
}
_SINGLE = {Kind.CATALOGUE: MAX_CATALOGUE, Kind.MASTER_LIST: MAX_MASTER_LIST}
FOLDERS = tuple(_FOLDERS)
# No dot at the start, no separator, nothing that a server, a shell or FAT would see otherwise than we do.
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def kind_of(name: str) -> Kind | None:
    """What the target `name` is; None when no target may be called so."""
    if name in _SINGLE:
        return Kind(name)
    folder, separator, file = name.partition("/")
    for kind, place in _FOLDERS.items():
        if separator and folder == kind and file.endswith(place.suffix):
            return kind if _STEM.fullmatch(file.removesuffix(place.suffix)) else None
    return None


def max_size(kind: Kind) -> int:
    """The most bytes that a target of this kind may have."""
    place = _FOLDERS.get(kind)
    return _SINGLE[kind] if place is None else place.max_size


def max_count(kind: Kind) -> int:
    """The most targets of this kind."""
    place = _FOLDERS.get(kind)
    return 1 if place is None else place.max_count


def published_path(name: str, digest: str) -> str:
    """Path of a target within a release: the file name prefixed by `digest` (hex SHA-256)."""
    folder, separator, file = name.rpartition("/")
    return f"{TARGETS}/{folder}{separator}{digest}.{file}"
