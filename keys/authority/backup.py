"""Backup of an authority's home: one encrypted file with a passphrase of its own, looked at again once it is written.

    magic RPBK1 · log2 N, r, p (a byte each) · salt 16 · nonce 12 · AES-256-GCM over a tar file

A backup is old the moment it is made. What must not be forgotten with it, revocations above all, is therefore taken
from what was published: `restore` wants to see that, and never ends below it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ..custody.software import ScryptCost
from ..errors import DecodeError
from ..files import PRIVATE, read_regular, sync_directory, write_new
from ..registry import registry
from ..registry.registry import FILE_NAME, RESTORED, Actor
from . import published_copy
from .authority import LOCK_WAIT, Authority
from .founding import FOLDERS, move_into_place, require_free
from .published_copy import CaughtUp, PublishedCopy

_MAGIC = b"RPBK1"
_HEADER = len(_MAGIC) + 3 + 16
_NONCE = 12
_MANIFEST = "backup.json"
MAX_BACKUP = 1 << 29

DATABASES = (FILE_NAME, "status.db")
TREES = ("keys", "trust", "publication", "minutes")
"""What of the home goes in. The issuing desk's journal has a backup of its own: it changes with every card."""


class BackupReason(StrEnum):
    """Why there is no backup, or nothing was restored."""

    EXISTS = "exists"
    UNREADABLE = "unreadable"
    NO_ARCHIVE = "no_archive"
    """The file is no backup of ours."""
    WRONG_PASSPHRASE = "wrong_passphrase"  # noqa: S105
    DAMAGED = "damaged"
    TOO_LARGE = "too_large"
    PUBLISHED_MISSING = "published_missing"
    """Nothing published was named to catch up with."""


class BackupError(Exception):
    """No backup was made or restored, for `reason`; `detail` is the path."""

    def __init__(self, message: str, *, reason: BackupReason, detail: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a backup holds."""

    made_at: datetime
    files: int
    size: int
    """Bytes of the file."""
    events: int
    """Number of the last event in it."""
    fingerprint: str
    """SHA-256 of the file, in hex: for the minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What came back, and what was caught up with."""

    summary: Summary
    caught_up: CaughtUp | None


def backup(
    authority: Authority,
    path: str,
    passphrase: bytes,
    *,
    now: datetime,
    actor: Actor,
    cost: ScryptCost | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> Summary:
    """Write a backup to the new file `path` and look at it again. `BackupError`."""
    if os.path.lexists(path):
        raise BackupError(f"{path} exists", reason=BackupReason.EXISTS, detail=path)
    with registry.locked(authority.home, wait=LOCK_WAIT):
        authority.registry.note("backup", at=now, actor=actor, path=os.path.basename(path))
        files = _collect(authority)
    files[_MANIFEST] = json.dumps({"made_at": now.isoformat()}).encode()
    payload = _pack(files, now)
    if len(payload) > MAX_BACKUP:
        raise BackupError("too large", reason=BackupReason.TOO_LARGE, detail=path)
    cost = cost or ScryptCost()
    salt, nonce = random(16), random(_NONCE)
    header = _MAGIC + bytes((cost.log2_n, cost.r, cost.p)) + salt
    sealed = AESGCM(_stretch(passphrase, salt, cost)).encrypt(nonce, payload, header)
    write_new(path, header + nonce + sealed, mode=PRIVATE)
    return check(path, passphrase)


def check(path: str, passphrase: bytes) -> Summary:
    """Open a backup and look at every file in it, the registry's chain of events included; `BackupError`."""
    raw, files = _open(path, passphrase)
    return _summary(path, raw, files)


def restore(
    path: str,
    home: str,
    passphrase: bytes,
    *,
    published: Sequence[str],
    now: datetime,
    actor: Actor,
    override: str = "",
) -> Restored:
    """Put the backup at `path` into the new directory `home`, complete or not at all.

    `published` names directories of what was published since: trust directories, releases, sticks. Without any, a
    reason must be given in `override`, and is recorded. `BackupError`, `AuthorityError`.
    """
    if not published and not override:
        raise BackupError("nothing published was named", reason=BackupReason.PUBLISHED_MISSING, detail=path)
    copies = [published_copy.read(directory) for directory in published]
    home = os.path.abspath(home)
    require_free(home)
    raw, files = _open(path, passphrase)
    summary = _summary(path, raw, files)
    partial = f"{home}.partial"
    os.makedirs(partial, mode=0o700, exist_ok=True)
    with registry.locked(partial):
        for name in os.listdir(partial):
            _remove(os.path.join(partial, name))
        try:
            _lay_out(partial, files)
            told = {"made_at": summary.made_at.isoformat(), **({"override": override} if override else {})}
            caught_up = _complete(partial, copies, now, actor, told)
            require_free(home)
        except BaseException:
            # Private keys that no registry is in charge of are not left lying about.
            shutil.rmtree(partial)
            raise
        move_into_place(partial, home)
    return Restored(summary=summary, caught_up=caught_up)


def _collect(authority: Authority) -> dict[str, bytes]:
    files = {}
    for name in DATABASES:
        source = os.path.join(authority.home, name)
        if os.path.lexists(source):
            files[name] = _snapshot(source)
    for tree in TREES:
        root = os.path.join(authority.home, tree)
        for folder, _, names in os.walk(root):
            for name in names:
                if not name.endswith(".tmp"):
                    full = os.path.join(folder, name)
                    files[os.path.relpath(full, authority.home)] = read_regular(full, limit=MAX_BACKUP)[0]
    return files


def _snapshot(path: str) -> bytes:
    """A database as one consistent file, whoever writes to it meanwhile."""
    source, target = sqlite3.connect(path, timeout=10), sqlite3.connect(":memory:")
    try:
        source.backup(target)
        image = bytearray(target.serialize())
        # File format versions 2 (WAL) back to 1: a single file has no WAL beside it, and none in memory can have.
        image[18:20] = b"\x01\x01"
        return bytes(image)
    finally:
        source.close()
        target.close()


def _pack(files: Mapping[str, bytes], now: datetime) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(data), PRIVATE, int(now.timestamp())
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _open(path: str, passphrase: bytes) -> tuple[bytes, dict[str, bytes]]:
    try:
        raw, _ = read_regular(path, limit=MAX_BACKUP + (1 << 16))
    except (OSError, DecodeError) as error:
        raise BackupError(f"{path}: {error}", reason=BackupReason.UNREADABLE, detail=path) from error
    header, nonce, sealed = raw[:_HEADER], raw[_HEADER : _HEADER + _NONCE], raw[_HEADER + _NONCE :]
    try:
        if not header.startswith(_MAGIC) or len(sealed) <= 16:
            raise ValueError("no backup")
        log2_n, r, p = header[len(_MAGIC) : len(_MAGIC) + 3]
        cost = ScryptCost(log2_n=log2_n, r=r, p=p)
    except ValueError as error:
        raise BackupError(f"{path} is no backup", reason=BackupReason.NO_ARCHIVE, detail=path) from error
    try:
        payload = AESGCM(_stretch(passphrase, header[-16:], cost)).decrypt(nonce, sealed, header)
    except InvalidTag:
        # GCM cannot tell a wrong passphrase from flipped bits; the first is what people can mend.
        raise BackupError(f"{path} does not open", reason=BackupReason.WRONG_PASSPHRASE, detail=path) from None
    return raw, _unpack(path, payload)


def _unpack(path: str, payload: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(payload), mode="r:") as archive:
            for member in archive:
                parts = member.name.split("/")
                known = parts[0] in TREES or member.name in {*DATABASES, _MANIFEST}
                content = archive.extractfile(member) if member.isreg() else None
                if not known or content is None or any(part in {"", ".", ".."} for part in parts):
                    raise tarfile.TarError(f"{member.name!r:.80} does not belong there")
                files[member.name] = content.read()
    except (tarfile.TarError, ValueError, OSError) as error:
        raise BackupError(f"{path}: {error}", reason=BackupReason.DAMAGED, detail=path) from error
    if _MANIFEST not in files or FILE_NAME not in files:
        raise BackupError(f"{path} is not whole", reason=BackupReason.DAMAGED, detail=path)
    return files


def _summary(path: str, raw: bytes, files: Mapping[str, bytes]) -> Summary:
    try:
        for name in DATABASES:
            if name in files:
                _require_sound(files[name])
        made_at = datetime.fromisoformat(json.loads(files[_MANIFEST])["made_at"])
        database = _in_memory(files[FILE_NAME])
        try:
            (events,) = database.execute("SELECT coalesce(max(number), 0) FROM events").fetchone()
        finally:
            database.close()
    except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path}: {error}", reason=BackupReason.DAMAGED, detail=path) from error
    return Summary(
        made_at=made_at, files=len(files) - 1, size=len(raw), events=events, fingerprint=sha256(raw).hexdigest()
    )


def _require_sound(data: bytes) -> None:
    database = _in_memory(data)
    try:
        (answer,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    finally:
        database.close()
    if answer != "ok":
        raise ValueError(answer)


def _in_memory(data: bytes) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    database.deserialize(data)
    return database


def _lay_out(home: str, files: Mapping[str, bytes]) -> None:
    for folder in FOLDERS:
        os.makedirs(os.path.join(home, "trust", folder), mode=0o755)
    os.mkdir(os.path.join(home, "keys"), 0o700)
    for name, data in files.items():
        if name == _MANIFEST:
            continue
        path = os.path.join(home, name)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        write_new(path, data, mode=PRIVATE if name.startswith("keys/") else 0o644)
    sync_directory(home)


def _complete(
    home: str, copies: Sequence[PublishedCopy], now: datetime, actor: Actor, told: Mapping[str, str]
) -> CaughtUp | None:
    """Note in the registry that it comes from a backup, and take up what was published since."""
    authority = Authority.look(home, clock=lambda: now)
    try:
        authority.registry.note("restored", at=now, actor=actor, **told)
        authority.registry.raise_high_water(RESTORED, int(now.timestamp()))
        caught_up = published_copy.catch_up(authority, copies, now=now, actor=actor) if copies else None
        _absorb(authority)
        return caught_up
    finally:
        authority.registry.close()


def _absorb(authority: Authority) -> None:
    """The store of statuses, where there is one, takes up what the lists say, and gives out no index of old shards."""
    path = os.path.join(authority.home, "status.db")
    if not os.path.lexists(path):
        return
    from ..publication import shards
    from .status_shards import ShardStore

    folder = os.path.join(authority.trust_dir, "status")
    lists = [read_regular(os.path.join(folder, name), limit=1 << 20)[0] for name in sorted(os.listdir(folder))]
    folder = os.path.join(authority.trust_dir, "signers")
    certificates = [read_regular(os.path.join(folder, name), limit=1 << 16)[0] for name in sorted(os.listdir(folder))]
    with ShardStore(path, uri=authority.status_uri) as store:
        shards.absorb(store, lists, certificates=certificates)
        store.close_shards()


def _stretch(passphrase: bytes, salt: bytes, cost: ScryptCost) -> bytes:
    return Scrypt(salt=salt, length=32, n=1 << cost.log2_n, r=cost.r, p=cost.p).derive(passphrase)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
