"""A release by an authority: what its registry has to do with it, before and after.

What a killed rotation left is finished first, so that nothing is released by halves. Every signature is counted in the
registry before it is made. And a key is *published* when a release with its certificate is out, not when it was made:
from then on counters can learn of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ..algorithms import Purpose
from ..authority.authority import Authority
from ..registry.lifecycle import KeyState
from ..registry.records import Actor
from ..rotation.rotation import Rotation
from ..status_list import Status
from . import home, role_keys
from .home import ListSigner
from .repository import Release

_NOBODY = Actor()

RELEASED, DUE = "released", "release-due"
"""High-water marks: when the last release came out, and before when the next must."""


def release(
    authority: Authority, directory: str, *, now: datetime, actor: Actor = _NOBODY, dry_run: bool = False
) -> Release:
    """Release to `directory` what lies in the authority's trust directory. `PublicationError`, `AuthorityError`."""
    if not dry_run:
        Rotation(authority, actor).resume()
        role_keys.take_up(authority, actor)

    def revoke(uri: str, statuses: Mapping[int, Status]) -> None:
        authority.publish_statuses(statuses, uri=uri)

    done = home.publish_home(
        authority.home,
        directory,
        authority.custody,
        trust_directory=authority.trust_dir,
        now=now,
        count=lambda kid: role_keys.count(authority, kid),
        revoke=revoke,
        list_signer=_list_signer(authority),
        dry_run=dry_run,
    )
    if not dry_run:
        with authority.registry.transaction():
            authority.registry.note_published(done.names, at=now, release=done.versions.timestamp)
            authority.registry.raise_high_water(RELEASED, int(now.timestamp()))
            authority.registry.raise_high_water(DUE, int(done.valid_until.timestamp()))
    return done


def _list_signer(authority: Authority) -> ListSigner | None:
    """The master list's signer; its key is asked for only when the list is signed anew."""
    active = authority.registry.in_state(Purpose.MASTER_LIST_SIGNER, KeyState.ACTIVE)
    if not active:
        return None
    return ListSigner(
        certificate=authority.certificate(active[0]).der,
        private_key=lambda: authority.signer(Purpose.MASTER_LIST_SIGNER).private_key,
    )
