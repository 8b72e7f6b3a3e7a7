"""A TUF repository as plain files, released whole: dry run → lint → sign → second look → one rename.

    DIR/current            a link to the release that stands: what a web server serves, what is copied to a stick
    DIR/releases/<n>/      metadata/ and targets/ (`layout`), n being the version of the timestamp
    DIR/releases/.partial  a release being made; a killed run leaves it, and the next one starts over

A release is complete before `current` points to it, and `current` changes by one rename. It also carries the files that
the release before it named, so that a counter which began a minute ago can finish. A version number, once signed, is
never used for anything else.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from ..files import sync_directory
from . import layout, second_path
from .errors import PublicationError, PublicationReason
from .lint import lint
from .metadata import KeySource, Signed, read_release, sign_snapshot, sign_targets, sign_timestamp
from .root import PERIODS, Role, parse, require_chain

KEEP = 2
"""Releases kept: the one that stands and the one before it."""
_PARTIAL = ".partial"
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Version numbers of the metadata of one release; 0 for none."""

    root: int = 0
    targets: int = 0
    snapshot: int = 0
    timestamp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What a run published, or would."""

    directory: str
    """Empty after a dry run."""
    versions: Versions
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    """Target names, against the release before."""
    names: tuple[str, ...]
    """Of all its targets."""
    valid_until: datetime
    """Expiry of the timestamp: the next release must come before it."""


def publish(
    directory: str,
    *,
    roots: Sequence[bytes],
    targets: Mapping[str, bytes],
    keys: KeySource,
    now: datetime,
    periods: Mapping[Role, timedelta] = PERIODS,
    floor: Versions | None = None,
    reserve: Callable[[Versions], None] | None = None,
    dry_run: bool = False,
) -> Release:
    """Release `targets` (content by name) in `directory` under `roots` (all, oldest first).

    Nothing changed but the time: only the timestamp is signed anew, and what has less than half its period left.
    `floor` are the highest versions ever signed, as the authority's own records know them: a repository that was
    restored from a backup is not continued below it. `reserve` is told the new versions before they are released.
    Raises `PublicationError`; the release that stood still stands then.
    """
    os.makedirs(os.path.join(directory, layout.RELEASES), exist_ok=True)
    with _locked(directory):
        _clean(directory)
        standing = current(directory)
        previous = None if standing is None else read_release(standing)
        _require_roots(roots, previous.roots if previous else (), now)
        if previous is not None and now < previous.signed_at:
            moment = previous.signed_at.isoformat()
            raise PublicationError("the clock is behind", reason=PublicationReason.CLOCK, detail=moment)
        if findings := lint(targets, previous=previous.targets if previous else None, now=now):
            text = "; ".join(map(str, findings))
            raise PublicationError(text, reason=PublicationReason.LINT, detail=text, findings=findings)
        known = floor or Versions()
        plan = _Plan(roots=roots, keys=keys, now=now.astimezone(UTC), periods=periods, floor=known, previous=previous)
        release = plan.describe(targets)
        if dry_run:
            return release
        partial = os.path.join(directory, layout.RELEASES, _PARTIAL)
        files, versions = plan.sign(targets)
        _write(partial, files, standing, previous.files if previous else ())
        second_path.check(partial, anchor=roots[0], previous=standing, now=now)
        if reserve is not None:
            reserve(versions)
        final = os.path.join(directory, layout.RELEASES, str(versions.timestamp))
        os.rename(partial, final)
        sync_directory(os.path.dirname(final))
        _point(directory, str(versions.timestamp))
        _prune(directory)
        return replace(release, directory=final, versions=versions)


def current(directory: str) -> str | None:
    """The directory of the release that stands; None before the first. `PublicationError` (DAMAGED) otherwise."""
    link = os.path.join(directory, layout.CURRENT)
    if not os.path.lexists(link):
        return None
    release = os.path.realpath(link)
    if not os.path.islink(link) or not os.path.isdir(os.path.join(release, layout.METADATA)):
        raise PublicationError(f"{link} is no release", reason=PublicationReason.DAMAGED, detail=link)
    return release


def export(directory: str, stick: str, *, anchor: bytes, now: datetime) -> str:
    """Copy the release that stands to `stick`, any file system, and look at the copy as a counter would.

    The timestamp goes last: without it, or with the old one, what else is there does nothing. Returns the release.
    """
    release = current(directory)
    if release is None:
        raise PublicationError("nothing has been published", reason=PublicationReason.NOT_SET_UP, detail=directory)
    content = read_release(release)
    last = f"{layout.METADATA}/timestamp.json"
    for name in (*(name for name in content.files if name != last), last):
        source, target = os.path.join(release, *name.split("/")), os.path.join(stick, *name.split("/"))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        temporary = f"{target}.tmp"
        shutil.copyfile(source, temporary)
        _flush(temporary)
        os.replace(temporary, target)
    for folder, _, names in os.walk(stick):
        for name in names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, stick).replace(os.sep, "/")
            if relative.split("/")[0] in {layout.METADATA, layout.TARGETS} and relative not in content.files:
                os.unlink(path)
        sync_directory(folder)
    second_path.check(stick, anchor=anchor, previous=None, now=now)
    return release


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Which metadata is made anew, and with what version."""

    roots: Sequence[bytes]
    keys: KeySource
    now: datetime
    periods: Mapping[Role, timedelta]
    floor: Versions
    previous: Signed | None

    def describe(self, targets: Mapping[str, bytes]) -> Release:
        before = self.previous.targets if self.previous else {}
        return Release(
            directory="",
            versions=self._versions(targets),
            added=tuple(sorted(targets.keys() - before.keys())),
            changed=tuple(sorted(name for name in targets.keys() & before.keys() if targets[name] != before[name])),
            removed=tuple(sorted(before.keys() - targets.keys())),
            names=tuple(sorted(targets)),
            valid_until=(self.now + self.periods[Role.TIMESTAMP]).replace(microsecond=0),
        )

    def sign(self, targets: Mapping[str, bytes]) -> tuple[dict[str, bytes], Versions]:
        """All files of the release by path, and its versions."""
        versions, root, previous = self._versions(targets), parse(self.roots[-1]).signed, self.previous
        if previous is not None and versions.targets == previous.versions[Role.TARGETS]:
            listing = previous.raw[Role.TARGETS]
        else:
            listing = sign_targets(
                targets, root=root, version=versions.targets, now=self.now, keys=self.keys, periods=self.periods
            )
        if previous is not None and versions.snapshot == previous.versions[Role.SNAPSHOT]:
            snapshot = previous.raw[Role.SNAPSHOT]
        else:
            snapshot = sign_snapshot(
                listing,
                versions.targets,
                root=root,
                version=versions.snapshot,
                now=self.now,
                keys=self.keys,
                periods=self.periods,
            )
        timestamp = sign_timestamp(
            snapshot,
            versions.snapshot,
            root=root,
            version=versions.timestamp,
            now=self.now,
            keys=self.keys,
            periods=self.periods,
        )
        files = {f"{layout.METADATA}/{number}.root.json": raw for number, raw in enumerate(self.roots, start=1)}
        files[f"{layout.METADATA}/{versions.targets}.targets.json"] = listing
        files[f"{layout.METADATA}/{versions.snapshot}.snapshot.json"] = snapshot
        files[f"{layout.METADATA}/timestamp.json"] = timestamp
        for name, data in targets.items():
            files[layout.published_path(name, sha256(data).hexdigest())] = data
        return files, versions

    def _versions(self, targets: Mapping[str, bytes]) -> Versions:
        previous, floor = self.previous, self.floor
        if previous is None:
            return Versions(
                root=len(self.roots),
                targets=floor.targets + 1,
                snapshot=floor.snapshot + 1,
                timestamp=floor.timestamp + 1,
            )
        old = previous.versions
        same_targets = previous.targets == targets and self._lasting(Role.TARGETS)
        listing = old[Role.TARGETS] if same_targets else max(old[Role.TARGETS], floor.targets) + 1
        same_snapshot = listing == old[Role.TARGETS] and self._lasting(Role.SNAPSHOT)
        return Versions(
            root=len(self.roots),
            targets=listing,
            snapshot=old[Role.SNAPSHOT] if same_snapshot else max(old[Role.SNAPSHOT], floor.snapshot) + 1,
            timestamp=max(old[Role.TIMESTAMP], floor.timestamp) + 1,
        )

    def _lasting(self, role: Role) -> bool:
        """Whether the metadata that stands holds under the newest root and has half its period left."""
        assert self.previous is not None
        return (
            self.previous.expires[role] - self.now > self.periods[role] / 2
            and self.previous.versions[role] >= getattr(self.floor, role)
            and self.previous.holds(role, parse(self.roots[-1]).signed)
        )


def _require_roots(roots: Sequence[bytes], published: Sequence[bytes], now: datetime) -> None:
    if not roots:
        raise PublicationError("there is no root", reason=PublicationReason.NOT_SET_UP)
    require_chain(roots)
    if tuple(roots[: len(published)]) != tuple(published):
        raise PublicationError("published roots were changed", reason=PublicationReason.DAMAGED, detail="root")
    if (expires := parse(roots[-1]).signed.expires) <= now:
        raise PublicationError("the root expired", reason=PublicationReason.ROOT_EXPIRED, detail=expires.isoformat())


def _write(partial: str, files: Mapping[str, bytes], standing: str | None, carried: Sequence[str]) -> None:
    """The release in `partial`. What the standing one has is linked: a revocation writes one shard, not all."""
    os.makedirs(partial)
    for name in dict.fromkeys((*files, *carried)):
        path = os.path.join(partial, *name.split("/"))
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        if standing is not None and name in carried and name != f"{layout.METADATA}/timestamp.json":
            source = os.path.join(standing, *name.split("/"))
            try:
                os.link(source, path)
            except OSError:  # a file system without links
                shutil.copyfile(source, path)
                _flush(path)
            continue
        with open(path, "wb") as stream:
            stream.write(files[name])
            os.fchmod(stream.fileno(), 0o644)
            stream.flush()
            os.fsync(stream.fileno())
    for folder, _, _ in os.walk(partial):
        os.chmod(folder, 0o755)  # noqa: S103 - published: a web server must read it
        sync_directory(folder)


def _point(directory: str, number: str) -> None:
    temporary = os.path.join(directory, f".{layout.CURRENT}")
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(os.path.join(layout.RELEASES, number), temporary)
    os.rename(temporary, os.path.join(directory, layout.CURRENT))
    sync_directory(directory)


def _clean(directory: str) -> None:
    """Away with what a killed run left: nothing of it was ever pointed to."""
    standing = current(directory)
    number = int(os.path.basename(standing)) if standing else 0
    releases = os.path.join(directory, layout.RELEASES)
    for name in os.listdir(releases):
        if name == _PARTIAL or (_NUMBER.fullmatch(name) and int(name) > number):
            shutil.rmtree(os.path.join(releases, name))


def _prune(directory: str) -> None:
    releases = os.path.join(directory, layout.RELEASES)
    numbers = sorted((name for name in os.listdir(releases) if _NUMBER.fullmatch(name)), key=int)
    for name in numbers[:-KEEP]:
        shutil.rmtree(os.path.join(releases, name))


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    """One publisher at a time; the system drops the lock with the process."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PublicationError("in use", reason=PublicationReason.BUSY, detail=directory) from None
        yield
    finally:
        os.close(descriptor)
