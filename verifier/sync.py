"""Synchronisation: take over what the authority published, from a web server or from a directory such as a stick.

The TUF client decides whether the files are the authority's and the newest; then the lists in them are verified once
and for all; then the store switches to the new generation by one rename. Whatever is refused, the store is as it was.

`tuf` is imported here and nowhere else at a counter; a check needs neither it nor a network.
"""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from keys.errors import DecodeError
from keys.files import PUBLIC, read_regular, write_new

from . import generations, sync_record
from .sync_content import verify_content
from .sync_reason import SyncReason, SyncRefused
from .sync_record import SyncRecord

if TYPE_CHECKING:
    from tuf.ngclient import Updater

    from keys.publication.client import TrackingFetcher

CLOCK_TOLERANCE = timedelta(minutes=5)
_ANCHOR = "anchor.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a synchronisation did."""

    directory: str
    """The new generation: a trust directory."""
    record: SyncRecord
    previous: SyncRecord | None
    targets: int
    changed: tuple[str, ...]
    """Names of the targets that are new or different."""
    bytes_received: int


def sync(
    source: str,
    store: str,
    *,
    now: datetime,
    anchor: bytes | None = None,
    watermark: datetime | None = None,
) -> Synced:
    """Bring `store` up to the release at `source`: an http(s) URL, or a directory.

    `anchor` is root metadata that was handed over in person; needed the first time, remembered from then on.
    `watermark` is the latest time that this machine has known for sure, beside what the store itself remembers.
    Raises SyncRefused.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    try:
        with generations.building(store) as (partial, commit):
            standing = generations.current(store)
            previous = _record(standing)
            # From here on the time is not before what is known for sure, however little the clock is behind.
            run = _Run(source, partial, standing, previous, _certain(now, previous, watermark))
            synced = run.take_over(_anchor(anchor, standing))
            final = commit()
    except generations.StoreBusy as error:
        raise SyncRefused(SyncReason.STORE_BUSY, store) from error
    except OSError as error:
        raise SyncRefused(SyncReason.STORE_UNWRITABLE, str(error)) from error
    return Synced(
        directory=final,
        record=synced.record,
        previous=previous,
        targets=synced.targets,
        changed=synced.changed,
        bytes_received=synced.bytes_received,
    )


class _Run:
    """One synchronisation into the directory `partial`."""

    def __init__(
        self, source: str, partial: str, standing: str | None, previous: SyncRecord | None, now: datetime
    ) -> None:
        self._source, self._partial, self._standing = source, partial, standing
        self._previous, self._now = previous, now

    def take_over(self, anchor: bytes) -> Synced:
        try:
            from . import sync_client
        except ImportError as error:
            raise SyncRefused(SyncReason.NOT_INSTALLED, str(error)) from error
        cache = self._cache(anchor)
        client, fetcher = sync_client.connect(self._source, cache, anchor, self._now)
        with closing(fetcher):
            known = os.path.join(self._standing, generations.METADATA) if self._standing else None
            names = sync_client.refresh(client, fetcher, self._now, self._previous, known)
            changed = self._targets(client, fetcher, names)
        record = self._record(client)
        _require_past(record.published, self._now)
        now = max(self._now, record.published)
        _require_past(verify_content(self._partial, standing=self._standing, now=now), now)
        write_new(os.path.join(self._partial, generations.RECORD), sync_record.encode(record), mode=PUBLIC)
        return Synced(
            directory=self._partial,
            record=record,
            previous=self._previous,
            targets=len(names),
            changed=changed,
            bytes_received=fetcher.total,
        )

    def _cache(self, anchor: bytes) -> str:
        """The metadata directory of the new generation, begun with what the standing one knows."""
        cache = os.path.join(self._partial, generations.METADATA)
        if self._standing is not None:
            shutil.copytree(os.path.join(self._standing, generations.METADATA), cache, symlinks=True)
        else:
            os.mkdir(cache)
        path = os.path.join(cache, _ANCHOR)
        if os.path.lexists(path):
            os.unlink(path)
        write_new(path, anchor, mode=PUBLIC)
        return cache

    def _targets(self, client: Updater, fetcher: TrackingFetcher, names: tuple[str, ...]) -> tuple[str, ...]:
        from . import sync_client

        changed = []
        for name in names:
            path = os.path.join(self._partial, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            old = os.path.join(self._standing, *name.split("/")) if self._standing else None
            if old is not None and sync_client.has(client, name, old):
                _link(old, path)
            else:
                sync_client.download(client, fetcher, name, path)
                changed.append(name)
        return tuple(changed)

    def _record(self, client: Updater) -> SyncRecord:
        from . import sync_client

        offered = sync_client.offered(client)
        known = [self._now, offered.published]
        if self._previous is not None:
            known.append(self._previous.watermark)
        return SyncRecord(
            root=offered.root,
            timestamp=offered.timestamp,
            snapshot=offered.snapshot,
            targets=offered.targets,
            published=offered.published,
            valid_until=offered.valid_until,
            synced=self._now,
            watermark=max(known),
        )


def _record(standing: str | None) -> SyncRecord | None:
    if standing is None:
        return None
    try:
        record = sync_record.read(standing)
    except (DecodeError, OSError) as error:
        raise SyncRefused(SyncReason.STORE_DAMAGED, str(error)) from error
    if record is None:
        raise SyncRefused(SyncReason.STORE_DAMAGED, generations.RECORD)
    return record


def _certain(now: datetime, previous: SyncRecord | None, watermark: datetime | None) -> datetime:
    """The time, not before what is known for sure.

    An expired release looks fresh to a clock that was set back: so the clock is judged first, and without mercy.
    """
    known = [time for time in (watermark, previous.watermark if previous else None) if time is not None]
    if known and now < max(known) - CLOCK_TOLERANCE:
        raise SyncRefused(SyncReason.CLOCK_SET_BACK, f"{now.isoformat()} is before {max(known).isoformat()}")
    return max((now, *known))


def _require_past(signed: datetime, now: datetime) -> None:
    """What is signed has been: a signature from the future means that our clock is behind."""
    if signed > now + CLOCK_TOLERANCE:
        raise SyncRefused(SyncReason.CLOCK_SET_BACK, f"{now.isoformat()} is before {signed.isoformat()}")


def _anchor(given: bytes | None, standing: str | None) -> bytes:
    if given is not None:
        return given
    if standing is None:
        raise SyncRefused(SyncReason.NO_ANCHOR)
    try:
        raw, _ = read_regular(os.path.join(standing, generations.METADATA, _ANCHOR), limit=1 << 16)
    except (DecodeError, OSError) as error:
        raise SyncRefused(SyncReason.STORE_DAMAGED, str(error)) from error
    return raw


def _link(old: str, new: str) -> None:
    try:
        os.link(old, new)
    except OSError:  # a file system without links
        shutil.copyfile(old, new)
