"""Targets, snapshot and timestamp metadata: signed by the keys that the root names, and read back from a release."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.metadata import Signed as TufSigned

from ..errors import DecodeError
from ..files import read_regular
from . import layout
from .errors import PublicationError, PublicationReason
from .root import Role, parse

KeySource = Callable[[str], ec.EllipticCurvePrivateKey | None]
"""The private key of a TUF key id, None when it is not at hand. Whoever gives it counts the signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A release as it stands, every signature and hash in it checked."""

    roots: tuple[bytes, ...]
    targets: Mapping[str, bytes] = field(repr=False)
    """Content by target name."""
    raw: Mapping[Role, bytes] = field(repr=False)
    """Targets, snapshot and timestamp metadata as it lies there."""
    versions: Mapping[Role, int]
    expires: Mapping[Role, datetime]
    signed_at: datetime
    """When the timestamp was signed."""
    files: tuple[str, ...] = field(repr=False)
    """Paths that this release names; it may hold files of the release before, too."""

    def holds(self, role: Role, root: Root) -> bool:
        """Whether the metadata of `role` has enough signatures by `root`."""
        metadata: Metadata[Any] = Metadata.from_bytes(self.raw[role])
        return bool(root.get_verification_result(role, metadata.signed_bytes, metadata.signatures))


def sign_targets(
    targets: Mapping[str, bytes],
    *,
    root: Root,
    version: int,
    now: datetime,
    keys: KeySource,
    periods: Mapping[Role, timedelta],
) -> bytes:
    """Signed metadata that lists `targets` with length and SHA-256."""
    listed = {name: TargetFile.from_data(name, data, ["sha256"]) for name, data in sorted(targets.items())}
    made = Targets(
        version=version, expires=now + periods[Role.TARGETS], targets=listed, unrecognized_fields=_signed_at(now)
    )
    return _sign(Role.TARGETS, Metadata(made), root, keys)


def sign_snapshot(
    targets: bytes,
    targets_version: int,
    *,
    root: Root,
    version: int,
    now: datetime,
    keys: KeySource,
    periods: Mapping[Role, timedelta],
) -> bytes:
    """Signed metadata that names the `targets` metadata."""
    meta = {"targets.json": MetaFile.from_data(targets_version, targets, ["sha256"])}
    made = Snapshot(
        version=version, expires=now + periods[Role.SNAPSHOT], meta=meta, unrecognized_fields=_signed_at(now)
    )
    return _sign(Role.SNAPSHOT, Metadata(made), root, keys)


def sign_timestamp(
    snapshot: bytes,
    snapshot_version: int,
    *,
    root: Root,
    version: int,
    now: datetime,
    keys: KeySource,
    periods: Mapping[Role, timedelta],
) -> bytes:
    """Signed metadata that names the `snapshot` metadata, and says when: how old a counter's data is counts from it."""
    meta = MetaFile.from_data(snapshot_version, snapshot, ["sha256"])
    made = Timestamp(
        version=version, expires=now + periods[Role.TIMESTAMP], snapshot_meta=meta, unrecognized_fields=_signed_at(now)
    )
    return _sign(Role.TIMESTAMP, Metadata(made), root, keys)


def signed_at(signed: TufSigned) -> datetime:
    """When metadata of ours was signed; `DecodeError` when it does not say."""
    text = str(signed.unrecognized_fields.get(layout.SIGNED_AT))
    try:
        return datetime.strptime(text, layout.TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise DecodeError("no time of signing", path=f"{signed.type}/{layout.SIGNED_AT}") from error


def read_release(directory: str) -> Signed:
    """Read and check the release in `directory`, whatever its age; `PublicationError` (DAMAGED) unless it is whole."""
    try:
        return _read_release(directory)
    except (RepositoryError, DecodeError, OSError, KeyError) as error:
        raise PublicationError(f"{directory}: {error}", reason=PublicationReason.DAMAGED, detail=directory) from error


def _read_release(directory: str) -> Signed:
    def read(name: str, limit: int) -> bytes:
        return read_regular(os.path.join(directory, *name.split("/")), limit=limit)[0]

    roots: list[bytes] = []
    while os.path.lexists(os.path.join(directory, layout.METADATA, f"{len(roots) + 1}.root.json")):
        roots.append(read(f"{layout.METADATA}/{len(roots) + 1}.root.json", layout.MAX_ROOT))
    if not roots:
        raise DecodeError("no root", path=directory)
    root = parse(roots[-1]).signed
    names = {Role.TIMESTAMP: f"{layout.METADATA}/timestamp.json"}
    raw = {Role.TIMESTAMP: read(names[Role.TIMESTAMP], layout.MAX_TIMESTAMP)}
    timestamp = cast(Timestamp, _verified(Role.TIMESTAMP, raw[Role.TIMESTAMP], root))
    names[Role.SNAPSHOT] = f"{layout.METADATA}/{timestamp.snapshot_meta.version}.snapshot.json"
    raw[Role.SNAPSHOT] = read(names[Role.SNAPSHOT], layout.MAX_SNAPSHOT)
    timestamp.snapshot_meta.verify_length_and_hashes(raw[Role.SNAPSHOT])
    snapshot = cast(Snapshot, _verified(Role.SNAPSHOT, raw[Role.SNAPSHOT], root))
    listed = snapshot.meta["targets.json"]
    names[Role.TARGETS] = f"{layout.METADATA}/{listed.version}.targets.json"
    raw[Role.TARGETS] = read(names[Role.TARGETS], layout.MAX_TARGETS)
    listed.verify_length_and_hashes(raw[Role.TARGETS])
    targets = cast(Targets, _verified(Role.TARGETS, raw[Role.TARGETS], root))
    contents, paths = {}, []
    for name, info in targets.targets.items():
        kind = layout.kind_of(name)
        if kind is None:
            raise DecodeError("not a name of a target", path=name)
        paths.append(layout.published_path(name, info.hashes["sha256"]))
        contents[name] = read(paths[-1], layout.max_size(kind))
        if sha256(contents[name]).hexdigest() != info.hashes["sha256"]:
            raise DecodeError("not the content that was signed", path=name)
    root_names = [f"{layout.METADATA}/{number + 1}.root.json" for number in range(len(roots))]
    signed: dict[Role, TufSigned] = {Role.TIMESTAMP: timestamp, Role.SNAPSHOT: snapshot, Role.TARGETS: targets}
    return Signed(
        roots=tuple(roots),
        targets=contents,
        raw=raw,
        versions={role: part.version for role, part in signed.items()},
        expires={role: part.expires for role, part in signed.items()},
        signed_at=signed_at(timestamp),
        files=(*root_names, *names.values(), *paths),
    )


def _verified(role: Role, raw: bytes, root: Root) -> TufSigned:
    metadata: Metadata[Any] = Metadata.from_bytes(raw)
    if metadata.signed.type != role:
        raise DecodeError("metadata of another role", path=role)
    root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    return cast(TufSigned, metadata.signed)


def _sign(role: Role, metadata: Metadata[Any], root: Root, keys: KeySource) -> bytes:
    """As many signatures as the threshold asks for, by keys at hand."""
    threshold = root.roles[role].threshold
    for key_id in root.roles[role].keyids:
        if len(metadata.signatures) == threshold:
            break
        if (private_key := keys(key_id)) is not None:
            metadata.sign(CryptoSigner(private_key), append=True)
    if len(metadata.signatures) < threshold:
        raise PublicationError(
            f"{len(metadata.signatures)} of {threshold} keys of {role} are at hand",
            reason=PublicationReason.KEY_MISSING,
            detail=role,
        )
    return metadata.to_bytes()


def _signed_at(now: datetime) -> dict[str, Any]:
    return {layout.SIGNED_AT: now.strftime(layout.TIME_FORMAT)}
