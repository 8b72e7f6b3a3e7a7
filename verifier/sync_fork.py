"""A fork: metadata with a version that this counter has already, signed by enough keys, with other content.

TUF lays such a file aside, or takes it when only a part below is another: nothing in the protocol says that two files
may not share a version. Our publisher notes each version before anybody can see it and never uses it again, so
whoever made the second file has the keys. What came last is compared with what stands, role by role.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root

from keys.errors import DecodeError
from keys.files import read_regular
from keys.publication import layout
from keys.publication.client import TrackingFetcher

_HISTORY = "root_history"
"""Where the client keeps every root that it went over."""


def find(root: Root, fetcher: TrackingFetcher, standing: str, *, ask_for_root: bool) -> str | None:
    """The role and version that were signed twice; None when nothing that came contradicts the `standing` metadata.

    `root` is the one trusted now. The root that the source has in its place is looked at when that costs nothing (a
    stick), or when `ask_for_root`: something was wrong already.
    """
    offered = _offered(root, fetcher.seen.get(f"{layout.METADATA}/timestamp.json"), "timestamp")
    if offered is not None:
        ours, raw = _standing(standing, "timestamp")
        if ours is not None and _same_version(ours, offered) and ours.signed_bytes != offered.signed_bytes:
            return _name(offered)
        named: MetaFile = offered.signed.snapshot_meta
        ours, raw = _standing(standing, "snapshot")
        if ours is not None and ours.signed.version == named.version and not _is(named, raw):
            return _name(ours)
        snapshot = _offered(root, fetcher.seen.get(f"{layout.METADATA}/{named.version}.snapshot.json"), "snapshot")
        ours, raw = _standing(standing, "targets")
        listed = snapshot.signed.meta.get("targets.json") if snapshot is not None else None
        if ours is not None and listed is not None and ours.signed.version == listed.version and not _is(listed, raw):
            return _name(ours)
    if ask_for_root or fetcher.local:
        return _root(root, fetcher, standing)
    return None


def _root(root: Root, fetcher: TrackingFetcher, standing: str) -> str | None:
    """Whether the source has another root with the version of ours, by keys of that root or of the one before it."""
    ours = _parsed(_read(os.path.join(standing, _HISTORY, f"{root.version}.root.json")), "root")
    before = _parsed(_read(os.path.join(standing, _HISTORY, f"{root.version - 1}.root.json")), "root")
    try:
        raw = fetcher.metadata_at(f"{root.version}.root.json", layout.MAX_ROOT)
    except DownloadError:
        return None
    offered = _parsed(raw, "root")
    if ours is None or offered is None or not _same_version(ours, offered):
        return None
    if offered.signed_bytes == ours.signed_bytes:
        return None
    signers = [ours.signed, *([before.signed] if before is not None else [])]
    return _name(offered) if any(_holds(signer, offered, "root") for signer in signers) else None


def _offered(root: Root, raw: bytes | None, role: str) -> Metadata[Any] | None:
    """What came, if enough keys of `root` signed it: rubbish is no sign of a thief."""
    metadata = _parsed(raw, role)
    return metadata if metadata is not None and _holds(root, metadata, role) else None


def _holds(root: Root, metadata: Metadata[Any], role: str) -> bool:
    try:
        root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError):
        return False
    return True


def _standing(directory: str, role: str) -> tuple[Metadata[Any] | None, bytes]:
    raw = _read(os.path.join(directory, f"{role}.json"))
    return _parsed(raw, role), raw or b""


def _parsed(raw: bytes | None, role: str) -> Metadata[Any] | None:
    if raw is None:
        return None
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(raw)
    except (RepositoryError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return metadata if metadata.signed.type == role else None


def _read(path: str) -> bytes | None:
    try:
        return read_regular(path, limit=layout.MAX_TARGETS)[0]
    except (DecodeError, OSError):
        return None


def _same_version(one: Metadata[Any], other: Metadata[Any]) -> bool:
    return bool(one.signed.version == other.signed.version)


def _is(named: MetaFile, raw: bytes) -> bool:
    """Whether `raw` is the file that is named, as far as the name says."""
    return not named.hashes or "sha256" not in named.hashes or named.hashes["sha256"] == sha256(raw).hexdigest()


def _name(metadata: Metadata[Any]) -> str:
    return f"{metadata.signed.type} {metadata.signed.version}"
