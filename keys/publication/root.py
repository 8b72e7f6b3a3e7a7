"""Root metadata: which keys speak for the repository. Drafted here, signed offline key by key, then put in place.

    draft ──► carried to each root key ──► add_signature ──► … ──► require_complete ──► published

A new root needs the threshold of the *old* root's keys, so that nobody who only holds new keys can bring in others, and
the threshold of its own, so that nobody is locked out by keys that do not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import cast

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, Root
from tuf.api.metadata import Role as TufRole
from tuf.api.serialization import DeserializationError

from .errors import PublicationError, PublicationReason
from .layout import MAX_ROOT, SIGNED_AT, TIME_FORMAT


class Role(StrEnum):
    """The TUF roles, by their names in metadata."""

    ROOT = "root"
    TARGETS = "targets"
    SNAPSHOT = "snapshot"
    TIMESTAMP = "timestamp"


PERIODS: Mapping[Role, timedelta] = {
    Role.ROOT: timedelta(days=365),
    Role.TARGETS: timedelta(days=90),
    Role.SNAPSHOT: timedelta(days=14),
    Role.TIMESTAMP: timedelta(days=3),
}
"""How long metadata of a role is good. A timestamp for sites that sync by stick may take 7 days."""
MAX_TIMESTAMP_PERIOD = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleKeys:
    """The public keys of a role, and how many of them must sign."""

    threshold: int
    keys: tuple[ec.EllipticCurvePublicKey, ...]

    def __post_init__(self) -> None:
        # A threshold of zero, or one reached by the same key twice, were real holes (CVE-2020-6174, GHSA-fphv).
        distinct = {key_identifier(key) for key in self.keys}
        if not 1 <= self.threshold <= len(distinct) or len(distinct) != len(self.keys):
            raise ValueError("a threshold is at least 1 and at most the number of different keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Signatures that a root still lacks: by the root before it, and by itself."""

    old: int
    new: int

    @property
    def complete(self) -> bool:
        return self.old == self.new == 0


def key_identifier(key: ec.EllipticCurvePublicKey) -> str:
    """The TUF key id: hex SHA-256 over the key's canonical JSON."""
    return SSlibKey.from_crypto(key).keyid


def draft(
    roles: Mapping[Role, RoleKeys], *, previous: bytes | None, now: datetime, period: timedelta = PERIODS[Role.ROOT]
) -> bytes:
    """Unsigned root metadata with these `roles` (all four), to follow `previous` (a root; None before the first)."""
    if set(roles) != set(Role):
        raise ValueError("a root names the keys of all four roles")
    root = Root(
        version=1 if previous is None else parse(previous).signed.version + 1,
        expires=now.astimezone(UTC) + period,
        roles={str(role): TufRole([], keys.threshold) for role, keys in roles.items()},
        consistent_snapshot=True,
        unrecognized_fields={SIGNED_AT: now.astimezone(UTC).strftime(TIME_FORMAT)},
    )
    for role, keys in roles.items():
        for key in keys.keys:
            root.add_key(SSlibKey.from_crypto(key), str(role))
    return Metadata(root).to_bytes()


def add_signature(root: bytes, private_key: ec.EllipticCurvePrivateKey, *, previous: bytes | None) -> bytes:
    """`root` with one more signature. `PublicationError` (KEY_MISSING) for a key that neither root knows."""
    metadata = parse(root)
    signer = CryptoSigner(private_key)
    known = set(metadata.signed.roles[Root.type].keyids)
    if previous is not None:
        known |= set(parse(previous).signed.roles[Root.type].keyids)
    if signer.public_key.keyid not in known:
        raise PublicationError(
            "not a root key", reason=PublicationReason.KEY_MISSING, detail=signer.public_key.keyid[:16]
        )
    metadata.sign(signer, append=True)
    return metadata.to_bytes()


def missing(root: bytes, *, previous: bytes | None) -> Missing:
    """How many signatures `root` still lacks."""
    metadata = parse(root)
    before = None if previous is None else parse(previous).signed
    try:
        result = metadata.signed.get_root_verification_result(before, metadata.signed_bytes, metadata.signatures)
    except ValueError as error:
        raise PublicationError(str(error), reason=PublicationReason.DAMAGED, detail="root") from error
    return Missing(old=result.first.missing, new=result.second.missing)


def require_complete(root: bytes, *, previous: bytes | None) -> None:
    """`PublicationError` (ROOT_THRESHOLD) unless enough old and enough new keys signed `root`."""
    lacks = missing(root, previous=previous)
    if not lacks.complete:
        raise PublicationError(
            f"the root lacks {lacks.old} signatures by the old root and {lacks.new} by itself",
            reason=PublicationReason.ROOT_THRESHOLD,
            detail=f"{lacks.old}, {lacks.new}",
        )


def require_chain(roots: Iterable[bytes]) -> None:
    """Check a whole history of roots, oldest first: versions 1, 2, 3 …, each complete after the one before."""
    previous: bytes | None = None
    for number, root in enumerate(roots, start=1):
        if parse(root).signed.version != number:
            raise PublicationError("a root is missing", reason=PublicationReason.DAMAGED, detail=f"{number}.root.json")
        require_complete(root, previous=previous)
        previous = root


def parse(raw: bytes) -> Metadata[Root]:
    """Read root metadata; `PublicationError` (DAMAGED) for anything else. Checks no signature."""
    try:
        if len(raw) > MAX_ROOT:
            raise DeserializationError("too large")
        metadata = cast("Metadata[Root]", Metadata.from_bytes(raw))
    except DeserializationError as error:
        raise PublicationError("not root metadata", reason=PublicationReason.DAMAGED, detail="root") from error
    if not isinstance(metadata.signed, Root):
        raise PublicationError("not root metadata", reason=PublicationReason.DAMAGED, detail="root")
    return metadata
