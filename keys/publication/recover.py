"""A home that came back from a backup learns what it has published since: what was revoked stays revoked.

The release that stands carries our own signed lists. Where they are newer than those in the home, they take their
place; where both went on, what the published list revokes is revoked in ours again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..authority import removed_roots
from ..files import PUBLIC, replace
from ..parsed_certificate import read_crl
from ..spki import certificate_spki, key_id
from ..status_list import Status, StatusList
from ..trust import status_file_name
from .layout import Kind, kind_of
from .lint import read_status
from .targets import collect


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was taken up from the release."""

    taken: tuple[str, ...]
    """Targets whose published content now lies in the trust directory."""
    revoke: Mapping[str, Mapping[int, Status]] = field(default_factory=dict)
    """By URI of a list: cards that the published list revokes and ours, signed later, does not."""


def recover(trust_directory: str, published: Mapping[str, bytes]) -> Recovered:
    """Compare the lists in the trust directory with those of a checked release, and take up the newer ones.

    Raises `DecodeError`, `SignatureError`, `PublicationError`, OSError.
    """
    own = collect(trust_directory)
    signers: dict[bytes, list[bytes]] = {}
    for name, data in (*own.items(), *published.items()):
        if kind_of(name) is Kind.SIGNER:
            signers.setdefault(key_id(certificate_spki(data)), []).append(data)
    taken: list[str] = []
    revoke: dict[str, Mapping[int, Status]] = {}
    for name, data in sorted(published.items()):
        kind = kind_of(name)
        if kind is Kind.REMOVED and name not in own:
            removed_roots.announce(trust_directory, name.removeprefix(f"{Kind.REMOVED}/"), data)
            removed_roots.remove(trust_directory, data)
            taken.append(name)
        if kind not in {Kind.STATUS, Kind.CRL} or own.get(name) == data:
            continue
        if kind is Kind.CRL:
            newer = name not in own or read_crl(data).number > read_crl(own[name]).number
        else:
            listed = read_status(data, signers)
            ours = read_status(own[name], signers) if name in own else None
            newer = ours is None or listed.iat > ours.iat
            if ours is not None and (lost := _lost(listed, ours)):
                revoke[listed.uri] = lost
        if newer:
            path = os.path.join(trust_directory, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            replace(path, data, mode=PUBLIC)
            taken.append(name)
    return Recovered(taken=tuple(taken), revoke={uri: lost for uri, lost in revoke.items() if _name(uri) not in taken})


def _lost(published: StatusList, own: StatusList) -> dict[int, Status]:
    """Entries that are INVALID in the published list and not in ours."""
    return {
        index: Status.INVALID
        for place, octet in enumerate(published.statuses)
        if octet
        for index in range(4 * place, min(4 * place + 4, len(own)))
        if published.lookup(index) is Status.INVALID and own.lookup(index) is not Status.INVALID
    }


def _name(uri: str) -> str:
    return f"{Kind.STATUS}/{status_file_name(uri)}"
