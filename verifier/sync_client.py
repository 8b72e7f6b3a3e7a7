"""The TUF client of a counter, and what its refusals mean."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.ngclient import FetcherInterface, Updater

from keys.errors import DecodeError
from keys.publication import layout
from keys.publication.client import DirectoryFetcher, TrackingFetcher, WebFetcher, updater
from keys.publication.metadata import signed_at

from . import sync_fork
from .sync_reason import SyncReason, SyncRefused
from .sync_record import SyncRecord

_NOT_THERE = {403, 404}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The release that the client accepted."""

    root: int
    timestamp: int
    snapshot: int
    targets: int
    published: datetime
    valid_until: datetime


def connect(source: str, cache: str, anchor: bytes, now: datetime) -> tuple[Updater, TrackingFetcher]:
    """A client of the repository at `source`."""
    inner: FetcherInterface
    if urlsplit(source).scheme in {"http", "https"}:
        base = source if source.endswith("/") else f"{source}/"
        inner = WebFetcher()
    else:
        base = ""
        inner = DirectoryFetcher(_repository(source))
    fetcher = TrackingFetcher(inner, base)
    try:
        return updater(cache=cache, anchor=anchor, fetcher=fetcher, now=now, base=base), fetcher
    except (RepositoryError, DecodeError) as error:
        raise SyncRefused(SyncReason.ANCHOR_INVALID, str(error)) from error


def refresh(
    client: Updater, fetcher: TrackingFetcher, now: datetime, previous: SyncRecord | None, standing: str | None
) -> tuple[str, ...]:
    """Bring the metadata up to date; the names of the targets, each of which a counter may take.

    `standing` is the metadata directory of the generation that stands.
    """
    try:
        with _explained(client, fetcher, now, previous):
            client.refresh()
    except SyncRefused as refused:
        # Whatever else is wrong with it: that keys signed twice is what people must hear of.
        _require_no_fork(client, fetcher, standing, refused)
        raise
    _require_no_fork(client, fetcher, standing, None)
    accepted = offered(client)
    if previous is not None and not (
        previous.root <= accepted.root
        and previous.timestamp <= accepted.timestamp
        and previous.snapshot <= accepted.snapshot
        and previous.targets <= accepted.targets
    ):
        # TUF lets versions go back with a change of keys, to recover from a thief who ran ahead. We never do.
        raise SyncRefused(SyncReason.ROLLED_BACK, str(accepted))
    counts: dict[layout.Kind, int] = {}
    for name, info in client._trusted_set.targets.targets.items():
        kind = layout.kind_of(name)
        if kind is None:
            raise SyncRefused(SyncReason.MALFORMED, f"target {name!r:.80}")
        counts[kind] = counts.get(kind, 0) + 1
        if info.length > layout.max_size(kind) or counts[kind] > layout.max_count(kind):
            raise SyncRefused(SyncReason.TOO_LARGE, name)
    # The master list is for readers of other makers: a counter has the same certificates one by one.
    return tuple(sorted(client._trusted_set.targets.targets.keys() - {str(layout.Kind.MASTER_LIST)}))


def _require_no_fork(
    client: Updater, fetcher: TrackingFetcher, standing: str | None, refused: SyncRefused | None
) -> None:
    if standing is None:
        return
    forked = sync_fork.find(client._trusted_set.root, fetcher, standing, ask_for_root=refused is not None)
    if forked is not None:
        raise SyncRefused(SyncReason.FORKED, forked) from refused


def has(client: Updater, name: str, path: str) -> bool:
    """Whether the file at `path` is the target `name` already."""
    info = client.get_targetinfo(name)
    return info is not None and client.find_cached_target(info, path) is not None


def download(client: Updater, fetcher: TrackingFetcher, name: str, path: str) -> None:
    """Fetch the target `name` into `path`."""
    info = client.get_targetinfo(name)
    assert info is not None
    try:
        client.download_target(info, path)
    except LengthOrHashMismatchError as error:
        reason = SyncReason.TRUNCATED if fetcher.received < info.length else SyncReason.ALTERED
        raise SyncRefused(reason, name) from error
    except DownloadLengthMismatchError as error:
        raise SyncRefused(SyncReason.ALTERED, name) from error
    except DownloadHTTPError as error:
        reason = SyncReason.INCOMPLETE if error.status_code in _NOT_THERE else SyncReason.UNREACHABLE
        raise SyncRefused(reason, name) from error
    except DownloadError as error:
        reason = SyncReason.TRUNCATED if fetcher.broke_off else SyncReason.UNREACHABLE
        raise SyncRefused(reason, str(error)) from error


def offered(client: Updater) -> Offered:
    """What the refreshed client accepted."""
    trusted = client._trusted_set
    try:
        published = signed_at(trusted.timestamp)
    except DecodeError as error:
        raise SyncRefused(SyncReason.MALFORMED, str(error)) from error
    return Offered(
        root=trusted.root.version,
        timestamp=trusted.timestamp.version,
        snapshot=trusted.snapshot.version,
        targets=trusted.targets.version,
        published=published,
        valid_until=min(trusted.timestamp.expires, trusted.snapshot.expires, trusted.targets.expires),
    )


@contextmanager
def _explained(client: Updater, fetcher: TrackingFetcher, now: datetime, previous: SyncRecord | None) -> Iterator[None]:
    """Turns what the client refuses into a reason, by the kind of refusal and the file that it was about."""
    try:
        yield
    except UnsignedMetadataError as error:
        untrusted = fetcher.last.endswith(".root.json")
        reason = SyncReason.ROOT_UNTRUSTED if untrusted else SyncReason.TOO_FEW_SIGNATURES
        raise SyncRefused(reason, str(error)) from error
    except ExpiredMetadataError as error:
        expired = client._trusted_set.root.expires <= now
        raise SyncRefused(SyncReason.ROOT_EXPIRED if expired else SyncReason.FROZEN, str(error)) from error
    except BadVersionNumberError as error:
        raise SyncRefused(_backwards(fetcher, previous), str(error)) from error
    except LengthOrHashMismatchError as error:
        raise SyncRefused(SyncReason.TRUNCATED if _cut(fetcher) else SyncReason.MIXED, str(error)) from error
    except DownloadLengthMismatchError as error:
        # The length of these two is signed by what names them.
        named = fetcher.last.endswith((".snapshot.json", ".targets.json"))
        raise SyncRefused(SyncReason.MIXED if named else SyncReason.TOO_LARGE, fetcher.last) from error
    except DownloadHTTPError as error:
        raise SyncRefused(_absent(fetcher, error.status_code), fetcher.last) from error
    except DownloadError as error:
        raise SyncRefused(SyncReason.TRUNCATED if fetcher.broke_off else SyncReason.UNREACHABLE, str(error)) from error
    except RepositoryError as error:
        raise SyncRefused(SyncReason.TRUNCATED if _cut(fetcher) else SyncReason.MALFORMED, str(error)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        # Signed nonsense may get further than the parser thinks: a listed key that does not exist, for one.
        raise SyncRefused(SyncReason.MALFORMED, f"{type(error).__name__}: {error}") from error


def _backwards(fetcher: TrackingFetcher, previous: SyncRecord | None) -> SyncReason:
    if fetcher.last.endswith("/timestamp.json"):
        version = _version(fetcher.metadata)
        if previous is not None and version is not None and version < previous.timestamp:
            return SyncReason.OLDER
        return SyncReason.ROLLED_BACK
    if fetcher.last.endswith(".snapshot.json") and _version(fetcher.metadata) == _named(fetcher.last):
        return SyncReason.ROLLED_BACK
    return SyncReason.MIXED


def _absent(fetcher: TrackingFetcher, status: int) -> SyncReason:
    if status not in _NOT_THERE:
        return SyncReason.UNREACHABLE
    first = fetcher.last == f"{layout.METADATA}/timestamp.json"
    return SyncReason.NOT_A_REPOSITORY if first else SyncReason.INCOMPLETE


def _cut(fetcher: TrackingFetcher) -> bool:
    """Whether metadata ends before its end."""
    return not fetcher.metadata or fetcher.metadata.count(b"{") > fetcher.metadata.count(b"}")


def _version(raw: bytes) -> int | None:
    try:
        members: Any = json.loads(raw)
        version = members["signed"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return version if type(version) is int else None


def _named(path: str) -> int | None:
    number = path.rpartition("/")[2].partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() else None


def _repository(directory: str) -> str:
    """The directory itself, or the release that stands in a publisher's."""
    inner = os.path.join(directory, layout.CURRENT)
    found = inner if os.path.isdir(os.path.join(inner, layout.METADATA)) else directory
    if not os.path.isdir(os.path.join(found, layout.METADATA)):
        raise SyncRefused(SyncReason.NOT_A_REPOSITORY, directory)
    return os.path.realpath(found)
