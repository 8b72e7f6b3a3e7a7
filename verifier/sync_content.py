"""The content of a new generation, verified once, so that a check need not: certificates, revocation lists, status
lists. Each status list is left behind in the form that a check maps."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta

from keys import mapped_status
from keys.algorithms import Purpose
from keys.envelopes.errors import SignatureError
from keys.errors import DecodeError
from keys.files import read_regular
from keys.status_list import MAX_SIZE, InflatesTooFar, StatusList, StatusListError, claimed
from keys.trust import TrustError, TrustStore, status_file_name

from . import generations
from .sync_reason import SyncReason, SyncRefused

_STATUS = "status"
_CRL_GRACE = timedelta(days=30)


def verify_content(directory: str, *, standing: str | None, now: datetime) -> datetime:
    """Check the generation in `directory` against the `standing` one, and lay out its status lists to be mapped.

    Returns the latest moment at which anything in it was signed. Raises SyncRefused.
    """
    from keys.chain import ChainError

    try:
        store = TrustStore.load(directory)
        newest = store.crl_time()
    except (TrustError, DecodeError, ChainError) as error:
        raise SyncRefused(SyncReason.TRUST_INVALID, str(error)) from error
    if newest is None:
        raise SyncRefused(SyncReason.REVOCATION_INVALID, "no revocation list of a trusted root")
    moments = [newest, *_status_lists(directory, store, standing, now)]
    _succession(directory, standing, now)
    return max(moments)


def _status_lists(directory: str, store: TrustStore, standing: str | None, now: datetime) -> Iterator[datetime]:
    from keys.chain import ChainError

    os.mkdir(os.path.join(directory, generations.MAPPED))
    for name in _names(directory):
        path = os.path.join(directory, _STATUS, name)
        mapped = f"{name.removesuffix('.cwt')}{mapped_status.SUFFIX}"
        try:
            raw, _ = read_regular(path, limit=MAX_SIZE)
            claims = claimed(raw)
            uri = claims.uri
            if name != status_file_name(uri):
                raise SyncRefused(SyncReason.STATUS_MISPLACED, f"{name} is {uri}")
            known = _known(standing, name, raw, uri)
            if known is not None:
                # The envelope held when it came. Whether its signer still is one, the new revocation lists tell.
                store.signer(claims.kid, purpose=Purpose.STATUS_SIGNER, at=known.iat, now=now, crl_grace=_CRL_GRACE)
                _link(standing, directory, mapped)
                yield known.iat
                continue
            verified = store.status_list(uri, now=now, crl_grace=_CRL_GRACE)
            assert isinstance(verified, StatusList), "this store maps nothing yet"
            with open(os.path.join(directory, generations.MAPPED, mapped), "wb") as stream:
                stream.write(mapped_status.encode(verified, signed=raw))
            yield verified.iat
        except InflatesTooFar as error:
            raise SyncRefused(SyncReason.STATUS_BOMB, f"{name}: {error}") from error
        except (DecodeError, SignatureError, StatusListError, TrustError, ChainError) as error:
            raise SyncRefused(SyncReason.STATUS_INVALID, f"{name}: {error}") from error


def _known(standing: str | None, name: str, raw: bytes, uri: str) -> mapped_status.MappedStatusList | None:
    """The mapped list of the standing generation, if it was made from these very bytes."""
    if standing is None:
        return None
    from hashlib import sha256

    path = os.path.join(standing, generations.MAPPED, f"{name.removesuffix('.cwt')}{mapped_status.SUFFIX}")
    try:
        mapped = mapped_status.open_list(path, uri)
    except (OSError, DecodeError, StatusListError):
        return None
    return mapped if mapped.digest == sha256(raw).digest() else None


def _link(standing: str | None, directory: str, name: str) -> None:
    assert standing is not None
    source, target = (os.path.join(one, generations.MAPPED, name) for one in (standing, directory))
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _succession(directory: str, standing: str | None, now: datetime) -> None:
    """Nothing that was revoked may come back, whoever signed it. The publisher's own rules, of which these are ours."""
    from keys.publication.errors import Rule
    from keys.publication.lint import lint

    new = _contents(directory)
    previous = None if standing is None else _contents(standing)
    invalid = {Rule.CRL_SIGNATURE: SyncReason.REVOCATION_INVALID, Rule.MALFORMED: SyncReason.TRUST_INVALID}
    back = {
        Rule.STATUS_REVIVED,
        Rule.STATUS_SHRUNK,
        Rule.STATUS_OLDER,
        Rule.CRL_ENTRY_GONE,
        Rule.CRL_DATE_CHANGED,
        Rule.CRL_OLDER,
        Rule.CRL_NUMBER,
        Rule.ROOT_RETURNS,
    }
    for finding in lint(new, previous=previous, now=now):
        if finding.rule in back:
            raise SyncRefused(SyncReason.REVOCATION_TAKEN_BACK, str(finding))
        if finding.rule in invalid:
            raise SyncRefused(invalid[finding.rule], str(finding))


def _names(directory: str) -> list[str]:
    folder = os.path.join(directory, _STATUS)
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def _contents(directory: str) -> dict[str, bytes]:
    from keys.publication.errors import PublicationError
    from keys.publication.targets import collect

    try:
        return collect(directory)
    except PublicationError as error:
        raise SyncRefused(SyncReason.STORE_DAMAGED, str(error)) from error
