"""From the store of statuses to the lists in the trust directory: what is due is signed, nothing is taken back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from .. import status_list
from ..authority.status_shards import Absorbed, ListSigner, ShardStore
from ..envelopes import cose
from ..errors import DecodeError
from ..files import PUBLIC, read_regular, replace
from ..parsed_certificate import read_certificate
from ..spki import certificate_spki, key_id
from ..status_list import StatusList
from ..trust import status_file_name
from .lint import read_status

_FOLDER = "status"


def absorb(store: ShardStore, lists: Iterable[bytes], *, certificates: Iterable[bytes]) -> Mapping[str, Absorbed]:
    """Merge signed lists as published into the store, by URI; see `ShardStore.absorb`.

    `certificates` (DER) are those of our status signers, retired and revoked ones included: a list is only ever read
    for what it revokes. Raises `DecodeError`, `SignatureError`, `ShardError`.
    """
    signers: dict[bytes, list[bytes]] = {}
    for certificate in certificates:
        signers.setdefault(key_id(certificate_spki(certificate)), []).append(certificate)
    read = [read_status(raw, signers) for raw in lists]
    return {published.uri: store.absorb(published) for published in read}


def write_due(
    store: ShardStore,
    trust_directory: str,
    *,
    signer: ListSigner,
    now: datetime,
    life: timedelta,
    ttl: timedelta,
    renew: timedelta | None = None,
    written: Callable[[StatusList], None] | None = None,
) -> tuple[str, ...]:
    """Sign every shard that changed, is another key's, or has less than `renew` (half its life) left, and put it into
    `status/` of the directory; `written` is told of each.

    Returns the URIs. Each list must be able to follow the one in its place: `StatusListError` otherwise. Killed at any
    moment, the next call finishes.
    """
    folder = os.path.join(trust_directory, _FOLDER)
    os.makedirs(folder, exist_ok=True)
    uris = []
    for number in store.due(now=now, renew=life / 2 if renew is None else renew, kid=signer.kid):
        uri = store.uri(number)
        path = os.path.join(folder, status_file_name(uri))
        raw, done = store.sign(number, signer=signer, now=now, life=life, ttl=ttl)
        signed = status_list.verify(raw, signer.public_key, uri)
        before = _standing(path, uri, signer)
        if before is not None:
            signed.require_succession(before)
        replace(path, raw, mode=PUBLIC)
        done()
        if written is not None:
            written(signed)
        uris.append(uri)
    return tuple(uris)


def list_signer(certificate: bytes, private_key: ec.EllipticCurvePrivateKey) -> ListSigner:
    """The status signer of this certificate (DER)."""
    public_key = read_certificate(certificate).public_key
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise DecodeError("not an elliptic-curve key", path="Certificate")
    return ListSigner(
        kid=key_id(certificate_spki(certificate)), sign=cose.raw_signer(private_key), public_key=public_key
    )


def _standing(path: str, uri: str, signer: ListSigner) -> StatusList | None:
    """The list in place, if this signer signed it; one of a signer before it was absorbed when it was read."""
    try:
        raw, _ = read_regular(path, limit=status_list.MAX_SIZE)
    except FileNotFoundError:
        return None
    if status_list.claimed(raw).kid != signer.kid:
        return None
    return status_list.verify(raw, signer.public_key, uri)
