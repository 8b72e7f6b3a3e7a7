"""A publisher for tests: the keys of all roles in memory, roots, releases, and doctored repositories.

Nothing here waits and nothing looks at a clock: times hang on `tests.factory.NOW`.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from keys.publication import layout
from keys.publication import root as roots
from keys.publication.metadata import KeySource, sign_snapshot, sign_targets, sign_timestamp
from keys.publication.repository import Release, publish
from keys.publication.root import PERIODS, Role, RoleKeys, key_identifier, parse

from .factory import NOW, authority, key, write_files

CITY = authority()
Key = ec.EllipticCurvePrivateKey


def role_keys(name: str, count: int) -> tuple[Key, ...]:
    """Keys of a role, the same for the same name each time."""
    return tuple(key(f"tuf/{name}/{number}") for number in range(count))


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who may sign what. `seed` tells generations of keys apart."""

    root: tuple[Key, ...]
    targets: tuple[Key, ...]
    snapshot: tuple[Key, ...]
    timestamp: tuple[Key, ...]

    @classmethod
    def made(cls, seed: str = "first") -> Publisher:
        return cls(
            root=role_keys(f"{seed}/root", 5),
            targets=role_keys(f"{seed}/targets", 2),
            snapshot=role_keys(f"{seed}/snapshot", 1),
            timestamp=role_keys(f"{seed}/timestamp", 1),
        )

    @property
    def roles(self) -> dict[Role, RoleKeys]:
        def public(keys: tuple[Key, ...], threshold: int) -> RoleKeys:
            return RoleKeys(threshold=threshold, keys=tuple(one.public_key() for one in keys))

        return {
            Role.ROOT: public(self.root, 3),
            Role.TARGETS: public(self.targets, 2),
            Role.SNAPSHOT: public(self.snapshot, 1),
            Role.TIMESTAMP: public(self.timestamp, 1),
        }

    def keys(self, key_id: str) -> Key | None:
        everything = (*self.root, *self.targets, *self.snapshot, *self.timestamp)
        return {key_identifier(one.public_key()): one for one in everything}.get(key_id)

    def first_root(self, now: datetime = NOW) -> bytes:
        return signed_root(roots.draft(self.roles, previous=None, now=now), self.root[:3])

    def next_root(self, previous: bytes, signers: tuple[Key, ...], now: datetime = NOW) -> bytes:
        """A root with our keys that follows `previous`, signed by `signers`."""
        draft = roots.draft(self.roles, previous=previous, now=now)
        return signed_root(draft, signers, previous)


def signed_root(draft: bytes, signers: tuple[Key, ...], previous: bytes | None = None) -> bytes:
    for one in signers:
        draft = roots.add_signature(draft, one, previous=previous)
    return draft


FIRST = Publisher.made()
SECOND = Publisher.made("second")


@functools.cache
def anchor() -> bytes:
    """The first root of `FIRST`."""
    return FIRST.first_root()


def trust_targets(**changes: Any) -> dict[str, bytes]:
    """The targets of the sample authority, `changes` as `Authority.trust_files` takes them."""
    return CITY.trust_files(**changes)


def release(directory: Path, targets: Mapping[str, bytes] | None = None, **changes: Any) -> Release:
    """Publish in `directory`, by default the sample authority's targets, by the first publisher, now."""
    options: dict[str, Any] = {"roots": [anchor()], "keys": FIRST.keys, "now": NOW}
    return publish(str(directory), targets=trust_targets() if targets is None else targets, **{**options, **changes})


def tree(directory: Path) -> dict[str, bytes | str]:
    """Everything below a directory: contents of files, targets of links, None of it followed."""
    found: dict[str, bytes | str] = {}
    for folder, folders, names in os.walk(directory):
        for name in (*folders, *names):
            path = Path(folder, name)
            relative = str(path.relative_to(directory))
            if path.is_symlink():
                found[relative] = os.readlink(path)
            elif path.is_file():
                found[relative] = path.read_bytes()
            else:
                found[relative] = "directory"
    return found


def lay_out(
    directory: Path,
    targets: Mapping[str, bytes],
    *,
    version: int = 1,
    now: datetime = NOW,
    roots: Sequence[bytes] | None = None,
    keys: KeySource = FIRST.keys,
    versions: Mapping[Role, int] | None = None,
    listing: bytes | None = None,
    snapshot: bytes | None = None,
    timestamp: bytes | None = None,
) -> Path:
    """A flat repository, as on a stick, signed by `keys` without any of the publisher's care.

    All metadata has `version` unless `versions` says otherwise; `listing`, `snapshot` and `timestamp` replace what
    would be made.
    """
    history = list(roots or [anchor()])
    root = parse(history[-1]).signed
    numbers = dict.fromkeys((Role.TARGETS, Role.SNAPSHOT, Role.TIMESTAMP), version) | dict(versions or {})
    common: dict[str, Any] = {"root": root, "now": now, "keys": keys, "periods": PERIODS}
    listing = listing or sign_targets(targets, version=numbers[Role.TARGETS], **common)
    snapshot = snapshot or sign_snapshot(listing, numbers[Role.TARGETS], version=numbers[Role.SNAPSHOT], **common)
    timestamp = timestamp or sign_timestamp(snapshot, numbers[Role.SNAPSHOT], version=numbers[Role.TIMESTAMP], **common)
    files = {f"metadata/{number}.root.json": raw for number, raw in enumerate(history, start=1)}
    files[f"metadata/{numbers[Role.TARGETS]}.targets.json"] = listing
    files[f"metadata/{numbers[Role.SNAPSHOT]}.snapshot.json"] = snapshot
    files["metadata/timestamp.json"] = timestamp
    files |= {layout.published_path(name, sha256(data).hexdigest()): data for name, data in targets.items()}
    return write_files(directory, files)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(directory: Path, handler: type[SimpleHTTPRequestHandler] = Quiet) -> Iterator[str]:
    """A web server on the loopback interface; yields its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
