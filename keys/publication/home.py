"""Publication as an authority keeps it in its home: who may sign what, every root, and the versions ever signed.

    publication/settings.json            custody URIs by TUF key id, period of the timestamp
    publication/roots/<n>.root.json      every root, complete; the first is what counters begin with
    publication/versions.json            the highest versions ever signed, noted before they can be seen
    publication/masterlist.cms           the list of roots for readers of other makers, as signed last

Root keys may be anywhere: `install_root` takes a root that was signed elsewhere, key by key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..authority.errors import AuthorityError
from ..authority.home_lock import locked
from ..custody import Custody, CustodyError, CustodyReason
from ..envelopes.errors import SignatureError
from ..errors import DecodeError
from ..files import PUBLIC, read_regular, write_new
from ..files import replace as replace_file
from ..parsed_certificate import is_signed_by, read_certificate
from ..spki import key_id as kid_of
from ..status_list import Status
from . import layout, master_list, repository, root
from .errors import PublicationError, PublicationReason
from .layout import Kind, kind_of
from .metadata import read_release
from .recover import recover
from .repository import Release, Versions
from .root import MAX_TIMESTAMP_PERIOD, PERIODS, Role, RoleKeys, key_identifier
from .targets import collect

FOLDER = "publication"
_FORMAT = 1
_SETTINGS, _ROOTS, _VERSIONS = "settings.json", "roots", "versions.json"
_LIST = layout.Kind.MASTER_LIST.value
_MAX = 1 << 20
LOCK_WAIT = 10.0
"""Seconds to wait for a rotation, or for a list that is being signed, before collecting what counters need."""

KEY_COUNTS: Mapping[Role, tuple[int, int]] = {
    Role.ROOT: (3, 5),
    Role.TARGETS: (2, 2),
    Role.SNAPSHOT: (1, 1),
    Role.TIMESTAMP: (1, 1),
}
"""Threshold and number of keys of each role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `settings.json` holds."""

    keys: Mapping[str, str]
    """Custody URI by TUF key id."""
    timestamp_days: int

    def __post_init__(self) -> None:
        if not 1 <= self.timestamp_days <= MAX_TIMESTAMP_PERIOD.days:
            raise DecodeError(f"must be 1 to {MAX_TIMESTAMP_PERIOD.days} days", path="timestamp_days")

    @property
    def periods(self) -> Mapping[Role, timedelta]:
        """The period of each role's metadata."""
        return {**PERIODS, Role.TIMESTAMP: timedelta(days=self.timestamp_days)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSigner:
    """Who signs the master list."""

    certificate: bytes
    """DER."""
    private_key: Callable[[], ec.EllipticCurvePrivateKey] = field(repr=False)
    """Counts its own signatures; called only when the list is signed anew."""


def default_uris(uri: Callable[[str, str], str] = "file:{}{}".format) -> dict[Role, tuple[str, ...]]:
    """Where the keys lie when nobody says otherwise: where `uri` puts a name and its suffix; else in files."""
    return {
        role: tuple(uri(f"tuf-{role}-{number}", ".p8") for number in range(1, count + 1))
        for role, (_, count) in KEY_COUNTS.items()
    }


def set_up(
    home: str,
    custody: Custody,
    *,
    now: datetime,
    uris: Mapping[Role, Sequence[str]] | None = None,
    timestamp_days: int = PERIODS[Role.TIMESTAMP].days,
) -> bytes:
    """Make the keys of all roles that are not there yet and the first root, signed; returns it, the counters' anchor.

    Killed at any moment, the next call takes the keys that there are and finishes. EXISTS once there is a root.
    """
    directory = os.path.join(home, FOLDER)
    if roots(home):
        raise PublicationError("there is a root already", reason=PublicationReason.EXISTS, detail=directory)
    os.makedirs(os.path.join(directory, _ROOTS), exist_ok=True)
    chosen = uris or default_uris()
    keys = {role: tuple(made(custody, uri, role) for uri in chosen[role]) for role in Role}
    found = {
        key_identifier(key.public_key()): uri
        for role in Role
        for key, uri in zip(keys[role], chosen[role], strict=True)
    }
    settings = Settings(keys=found, timestamp_days=timestamp_days)
    _write_settings(directory, settings)
    role_keys = {
        role: RoleKeys(threshold=KEY_COUNTS[role][0], keys=tuple(key.public_key() for key in keys[role]))
        for role in Role
    }
    first = root.draft(role_keys, previous=None, now=now)
    for key in keys[Role.ROOT][: KEY_COUNTS[Role.ROOT][0]]:
        first = root.add_signature(first, key, previous=None)
    install_root(home, first)
    return first


def publish_home(
    home: str,
    directory: str,
    custody: Custody,
    *,
    trust_directory: str,
    now: datetime,
    count: Callable[[bytes], None] | None = None,
    revoke: Callable[[str, Mapping[int, Status]], object] | None = None,
    list_signer: ListSigner | None = None,
    dry_run: bool = False,
) -> Release:
    """Release what lies in the trust directory. `count` hears the kid of a role's key before each signature by it.

    Without `list_signer` no master list is signed; one that still fits is released again.

    First the home takes up what the release that stands knows and the home does not (`recover`): it may have come back
    from a backup. `revoke` signs a status list anew, with these statuses, and puts it into the trust directory.

    One release of a home at a time, whatever the directory: two would sign different content with one version number.
    The home itself is locked only while it is read, so that a rotation is in the release whole or not at all, and a
    desk need not wait for signing and checking. `AuthorityError` (BUSY) when it is not to be had.
    """
    settings, history = load_settings(home), roots(home)
    if not history:
        raise PublicationError("there is no root", reason=PublicationReason.NOT_SET_UP, detail=home)
    folder = os.path.join(home, FOLDER)

    def keys(key_id: str) -> ec.EllipticCurvePrivateKey | None:
        uri = settings.keys.get(key_id)
        if uri is None:
            return None
        try:
            key = custody.private_key(uri)
        except CustodyError as error:
            if error.reason is CustodyReason.NOT_FOUND:
                return None
            raise
        if count is not None:
            spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            count(kid_of(spki))
        return key

    with publishing(home):
        if not dry_run:
            _recover(home, directory, history, trust_directory, revoke)
        with locked(home, wait=LOCK_WAIT):
            targets = collect(trust_directory)
        listed = _master_list(folder, None if dry_run else list_signer, targets, now)
        if listed is not None:
            targets[_LIST] = listed
        return repository.publish(
            directory,
            roots=history,
            targets=targets,
            keys=keys,
            now=now,
            periods=settings.periods,
            floor=_versions(folder),
            reserve=lambda versions: _note(folder, versions),
            dry_run=dry_run,
        )


@contextmanager
def publishing(home: str) -> Iterator[None]:
    """Hold what a home publishes: its roots, its versions, its master list. `PublicationError` (BUSY) at once."""
    try:
        with locked(os.path.join(home, FOLDER)):
            yield
    except AuthorityError as error:
        if error.detail != os.path.join(home, FOLDER):
            raise
        raise PublicationError("another run publishes", reason=PublicationReason.BUSY, detail=error.detail) from error


def roots(home: str) -> tuple[bytes, ...]:
    """Every root, oldest first; none before the first was made."""
    folder = os.path.join(home, FOLDER, _ROOTS)
    found: list[bytes] = []
    while os.path.lexists(os.path.join(folder, f"{len(found) + 1}.root.json")):
        found.append(_read(folder, f"{len(found) + 1}.root.json"))
    return tuple(found)


def install_root(home: str, signed: bytes) -> None:
    """Take a new root into use with the next release; `PublicationError` unless it is complete and follows the last."""
    history = roots(home)
    root.require_chain((*history, signed))
    write_new(os.path.join(home, FOLDER, _ROOTS, f"{len(history) + 1}.root.json"), signed, mode=PUBLIC)


def load_settings(home: str) -> Settings:
    """The settings; `PublicationError` (NOT_SET_UP, DAMAGED) without."""
    folder = os.path.join(home, FOLDER)
    if not os.path.lexists(os.path.join(folder, _SETTINGS)):
        raise PublicationError("publication is not set up", reason=PublicationReason.NOT_SET_UP, detail=home)
    try:
        members: Any = json.loads(_read(folder, _SETTINGS))
        if members.pop("format") != _FORMAT:
            raise DecodeError("not a format of ours", path=_SETTINGS)
        members.pop("list_signer", None)  # of a version that kept the master list's signer here
        return Settings(**members)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, _SETTINGS, error) from error


def add_key_uris(home: str, uris: Mapping[str, str]) -> None:
    """Say where keys lie that a new root names: custody URI by TUF key id."""
    settings = load_settings(home)
    _write_settings(os.path.join(home, FOLDER), replace(settings, keys={**settings.keys, **uris}))


def _recover(
    home: str,
    directory: str,
    history: Sequence[bytes],
    trust_directory: str,
    revoke: Callable[[str, Mapping[int, Status]], object] | None,
) -> None:
    standing = repository.current(directory)
    if standing is None:
        return
    release = read_release(standing)
    if release.roots[0] != history[0]:
        raise PublicationError("another authority's", reason=PublicationReason.DAMAGED, detail=standing)
    try:
        with locked(home, wait=LOCK_WAIT):
            found = recover(trust_directory, release.targets)
    except (DecodeError, SignatureError, OSError) as error:
        raise PublicationError(str(error), reason=PublicationReason.DAMAGED, detail=trust_directory) from error
    for uri, statuses in found.revoke.items():
        if revoke is not None:
            revoke(uri, statuses)


def _master_list(folder: str, signer: ListSigner | None, targets: Mapping[str, bytes], now: datetime) -> bytes | None:
    """The list as signed last, while it still lists what is published: signed anew, every release would differ."""
    wanted = {data for name, data in targets.items() if kind_of(name) in {Kind.CSCA, Kind.LINK}}
    if not wanted:
        return None  # a release without a root is refused for that
    try:
        raw = _read(folder, _LIST)
        listed, verified = master_list.verify(raw)
        if set(listed) == wanted and (signer is None or verified.certificate == signer.certificate):
            return raw
    except (FileNotFoundError, PublicationError, DecodeError, SignatureError):
        pass  # the first, or one that is of no use
    if signer is None:
        return None
    issuer = _issuer(signer.certificate, wanted)
    raw = master_list.build(
        wanted, signer=signer.certificate, issuer=issuer, private_key=signer.private_key(), signing_time=now
    )
    replace_file(os.path.join(folder, _LIST), raw, mode=PUBLIC)
    return raw


def _issuer(certificate: bytes, authorities: set[bytes]) -> bytes:
    """The CSCA certificate whose key signed `certificate`."""
    signer = read_certificate(certificate)
    for candidate in sorted(authorities):
        parsed = read_certificate(candidate)
        if parsed.self_issued and parsed.subject == signer.issuer and is_signed_by(signer, parsed):
            return candidate
    raise PublicationError(
        "no CSCA of ours certified the master list signer", reason=PublicationReason.DAMAGED, detail=_LIST
    )


def made(custody: Custody, uri: str, purpose: str) -> ec.EllipticCurvePrivateKey:
    """The key of a role at `uri`, made unless a killed run did."""
    try:
        return custody.generate(uri, ec.SECP256R1(), purpose=f"tuf {purpose}")
    except CustodyError as error:
        if error.reason is not CustodyReason.ALREADY_EXISTS:
            raise
        return custody.private_key(uri)


def _write_settings(folder: str, settings: Settings) -> None:
    members = {"format": _FORMAT, **asdict(settings)}
    replace_file(os.path.join(folder, _SETTINGS), (json.dumps(members, indent=2) + "\n").encode(), mode=PUBLIC)


def _versions(folder: str) -> Versions:
    if not os.path.lexists(os.path.join(folder, _VERSIONS)):
        return Versions()
    try:
        return Versions(**json.loads(_read(folder, _VERSIONS)))
    except (ValueError, TypeError) as error:
        raise _damaged(folder, _VERSIONS, error) from error


def _note(folder: str, versions: Versions) -> None:
    replace_file(os.path.join(folder, _VERSIONS), (json.dumps(asdict(versions)) + "\n").encode(), mode=PUBLIC)


def _read(folder: str, name: str) -> bytes:
    try:
        data, _ = read_regular(os.path.join(folder, name), limit=_MAX)
    except (DecodeError, OSError) as error:
        raise _damaged(folder, name, error) from error
    return data


def _damaged(folder: str, name: str, error: Exception) -> PublicationError:
    path = os.path.join(folder, name)
    return PublicationError(f"{path}: {error}", reason=PublicationReason.DAMAGED, detail=path)
