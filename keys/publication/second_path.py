"""The second look at a release before it goes out, by code that had no part in making it.

A counter's TUF client syncs it afresh from the first root on, and again as a counter that has the release before it;
the trust store loads what came; OpenSSL checks revocation lists and master list. What our own builders and verifiers
agree on may still be wrong: asn1crypto once passed an envelope of its own that OpenSSL refused.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from datetime import datetime

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.ngclient import Updater

from ..algorithms import EXTENDED_KEY_USAGE, Purpose
from ..chain import ChainError, ChainReason
from ..envelopes.errors import SignatureError
from ..errors import DecodeError
from ..parsed_certificate import read_certificate, read_crl
from ..status_list import StatusListError, claimed
from ..trust import TrustError, TrustReason, TrustStore
from . import layout, master_list
from .client import DirectoryFetcher, updater
from .errors import PublicationError, PublicationReason

_TIMEOUT = 60
_PURPOSES = {eku: purpose for purpose, eku in EXTENDED_KEY_USAGE.items()}
# A certificate may be published before and after it may be used: staged, retired and revoked signers are trust data.
_NOT_IN_USE = {
    ChainReason.REVOKED,
    ChainReason.EXPIRED,
    ChainReason.NOT_YET_VALID,
    ChainReason.CRL_NOT_YET_VALID,
    ChainReason.KEY_USAGE_PERIOD,
}


def check(release: str, *, anchor: bytes, previous: str | None, now: datetime) -> None:
    """Look at the release in a directory. `anchor` is the first root, `previous` the directory of the release before.

    `PublicationError`: SECOND_PATH with what refused in `detail`, NO_OPENSSL without OpenSSL.
    """
    with tempfile.TemporaryDirectory(prefix="permit-publication-") as scratch:
        try:
            trust = _sync(release, anchor, os.path.join(scratch, "fresh"), now)
            if previous is not None:
                _follow(release, anchor, previous, os.path.join(scratch, "following"), now)
            _trust(trust, now)
        except (RepositoryError, DownloadError) as error:
            raise _refused("client", error) from error
        except (TrustError, ChainError, DecodeError, SignatureError, StatusListError) as error:
            raise _refused("trust", error) from error
        _openssl(trust, scratch, now)


def _sync(release: str, anchor: bytes, directory: str, now: datetime) -> str:
    """A new counter's sync; returns its trust directory."""
    client = _client(release, anchor, os.path.join(directory, "cache"), now)
    client.refresh()
    trust = os.path.join(directory, "trust")
    for name in client._trusted_set.targets.targets:
        info = client.get_targetinfo(name)
        assert info is not None
        client.download_target(info, os.path.join(trust, *name.split("/")))
    return trust


def _follow(release: str, anchor: bytes, previous: str, directory: str, now: datetime) -> None:
    """What a counter that holds the previous release makes of this one: nothing may seem to go back."""
    cache = os.path.join(directory, "cache")
    metadata = os.path.join(previous, layout.METADATA)
    os.makedirs(cache)
    shutil.copyfile(os.path.join(metadata, "timestamp.json"), os.path.join(cache, "timestamp.json"))
    for role in ("snapshot", "targets"):
        newest = max(
            (name for name in os.listdir(metadata) if name.endswith(f".{role}.json")),
            key=lambda name: int(name.partition(".")[0]),
        )
        shutil.copyfile(os.path.join(metadata, newest), os.path.join(cache, f"{role}.json"))
    _client(release, anchor, cache, now).refresh()


def _client(release: str, anchor: bytes, cache: str, now: datetime) -> Updater:
    os.makedirs(cache, exist_ok=True)
    return updater(cache=cache, anchor=anchor, fetcher=DirectoryFetcher(release), now=now)


def _trust(directory: str, now: datetime) -> None:
    store = TrustStore.load(directory)
    if store.crl_time() is None:
        raise TrustError("no CRL that a trusted CSCA signed", reason=TrustReason.NO_ROOT)
    for certificate in store.certificates():
        parsed = read_certificate(certificate)
        begin = parsed.key_use[0] if parsed.key_use and parsed.key_use[0] else parsed.not_before
        usage = next(iter(parsed.extended_key_usage or ()), "")
        purpose = _PURPOSES.get(usage, Purpose.DOCUMENT_SIGNER)
        try:
            store.validate(certificate, purpose=purpose, at=max(begin, parsed.not_before), now=now)
        except ChainError as error:
            if error.reason not in _NOT_IN_USE:
                raise
    for raw in _read(directory, layout.Kind.STATUS):
        store.status_list(claimed(raw).uri, now=now)


def _openssl(trust: str, scratch: str, now: datetime) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise PublicationError("openssl is not installed", reason=PublicationReason.NO_OPENSSL)
    authorities = [*_read(trust, layout.Kind.CSCA), *_read(trust, layout.Kind.LINK)]
    for raw in _read(trust, layout.Kind.CRL):
        issuer = read_crl(raw).issuer
        named = [one for one in authorities if read_certificate(one).subject == issuer]
        # One at a time: OpenSSL picks by name alone, and two generations of a CSCA may share theirs.
        if not any(_crl_verifies(program, raw, authority, scratch) for authority in named):
            raise _refused("openssl", f"CRL of {issuer.rfc4514_string()}")
    for raw in _read(trust, layout.Kind.MASTER_LIST):
        listed, _ = master_list.verify(raw)
        if set(listed) != set(authorities):
            raise _refused("trust", "the master list has other certificates")
        if not _master_list_verifies(program, raw, _read(trust, layout.Kind.CSCA), scratch, now):
            raise _refused("openssl", layout.Kind.MASTER_LIST)


def _crl_verifies(program: str, raw: bytes, authority: bytes, scratch: str) -> bool:
    crl, roots = _write(scratch, "crl", raw), _write(scratch, "ca.pem", _pem([authority]))
    done = _run([program, "crl", "-inform", "DER", "-in", crl, "-verify", "-CAfile", roots, "-noout"])
    # Versions differ in whether a failed check shows in the exit code: both must be good.
    return done.returncode == 0 and b"verify OK" in done.stderr


def _master_list_verifies(program: str, raw: bytes, roots: Iterable[bytes], scratch: str, now: datetime) -> bool:
    file, trusted = _write(scratch, "masterlist", raw), _write(scratch, "ca.pem", _pem(roots))
    command = [program, "cms", "-verify", "-inform", "DER", "-in", file, "-CAfile", trusted, "-purpose", "any"]
    return _run([*command, "-attime", str(int(now.timestamp())), "-out", os.devnull]).returncode == 0


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT)  # noqa: S603 - no shell, our paths


def _read(directory: str, kind: layout.Kind) -> list[bytes]:
    path = os.path.join(directory, kind)
    if not os.path.exists(path):
        return []
    files = [path] if os.path.isfile(path) else [os.path.join(path, name) for name in sorted(os.listdir(path))]
    contents = []
    for file in files:
        with open(file, "rb") as stream:
            contents.append(stream.read())
    return contents


def _write(directory: str, name: str, data: bytes) -> str:
    path = os.path.join(directory, name)
    with open(path, "wb") as stream:
        stream.write(data)
    return path


def _pem(certificates: Iterable[bytes]) -> bytes:
    return b"".join(
        b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(one) + b"-----END CERTIFICATE-----\n"
        for one in certificates
    )


def _refused(who: str, why: object) -> PublicationError:
    return PublicationError(f"{who}: {why}", reason=PublicationReason.SECOND_PATH, detail=f"{who}: {why}")
