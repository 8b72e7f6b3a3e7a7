"""Statuses of an authority's cards: where a new card gets its place, and from what every list is signed.

The store (`status.db`, see `status_shards`) is what is signed from; the lists in the trust directory are what counters
have. Before anything is given out or signed, a list there that was not signed by this store last is read, and what it
revokes is taken up: so a home without a store begins one, and a store that came back from a backup catches up.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec

from .. import status_list
from ..algorithms import Purpose
from ..envelopes import cose
from ..registry.registry import locked
from ..status_list import Status, StatusList, StatusListError
from ..trust import status_file_name
from .errors import AuthorityError, AuthorityReason
from .published_lists import FOLDER_OF_STATUSES
from .signed_lists import TTL
from .status_shards import FILE_NAME, ListSigner, Place, ShardError, ShardReason, ShardStore

if TYPE_CHECKING:
    from .authority import Authority

LOCK_WAIT = 10.0
_REASONS = {
    ShardReason.FINAL: AuthorityReason.STATUS_FINAL,
    ShardReason.UNKNOWN: AuthorityReason.STATUS_INDEX,
    ShardReason.CLOCK: AuthorityReason.CLOCK,
    ShardReason.DAMAGED: AuthorityReason.DAMAGED,
}


class CardStatuses:
    """The statuses of one opened authority; made for the moment, so that nothing holds the file open.

    Raises `AuthorityError`: STATUS_FINAL when a status would leave INVALID, STATUS_INDEX for a place that is none,
    CLOCK when the list at hand is from the future, ROLLED_BACK when it is older than one published before, DAMAGED,
    BUSY when another run holds the lock for ten seconds.
    """

    def __init__(self, authority: Authority) -> None:
        self._authority, self._lists = authority, authority.lists
        self._registry, self._settings = authority.registry, authority.settings

    # --- indices ---------------------------------------------------------------------------------------------------

    def allocate(self) -> Place:
        """A place for a new card, in a shard whose list is published; given to nobody else, whoever asks meanwhile."""
        with self._store() as store:
            self._absorb(store, only=store.next_uri())
            place = store.allocate()
            unsigned = store.unsigned()
        self._publish_new(unsigned, needed=place.uri)
        return place

    def next_uri(self) -> str:
        """The shard that the next card will be in; its list is published."""
        with self._store() as store:
            uri, unsigned = store.next_uri(), store.unsigned()
        self._publish_new(unsigned, needed=uri)
        return uri

    def mark_given(self, places: Iterable[Place]) -> None:
        """Take places out of the draw that cards carry already, as the issuance records know them."""
        with self._store() as store:
            store.mark_given(places)

    # --- statuses --------------------------------------------------------------------------------------------------

    def set(self, changes: Mapping[Place, Status]) -> None:
        """Set statuses, all or none, for good when this returns; `publish_due` signs them."""
        with self._store() as store:
            store.set(changes)

    def publish(self, changes: Mapping[Place, Status], *, final_stays: bool = False) -> tuple[str, ...]:
        """Set statuses, all or none, and publish every list that is due; the URIs.

        With `final_stays`, what is INVALID here already is passed over: for records that do not know who revoked it.
        """
        with locked(self._authority.home, wait=LOCK_WAIT), self._store() as store:
            self._absorb(store)
            self._require_clock(store, {place.uri for place in changes})
            store.set(changes, final_stays=final_stays)
            return self._write(store)

    def publish_due(self) -> tuple[str, ...]:
        """Sign what changed, what was never signed, what nears its end or is another key's; the URIs."""
        with locked(self._authority.home, wait=LOCK_WAIT):
            return self.write()

    def write(self, *, everything: bool = False) -> tuple[str, ...]:
        """As `publish_due`, or every list anew. The caller holds the lock."""
        with self._store() as store:
            self._absorb(store)
            store.next_uri()
            return self._write(store, everything=everything)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _publish_new(self, unsigned: Collection[str], *, needed: str) -> None:
        if not unsigned:
            return
        try:
            self.publish_due()
        except AuthorityError:
            # The next shard is opened long before it is needed: whoever publishes next publishes it too.
            if needed in unsigned:
                raise

    def _write(self, store: ShardStore, *, everything: bool = False) -> tuple[str, ...]:
        from ..publication import shards

        life, now = timedelta(days=self._settings.validity.status_days), self._authority.clock()
        renew = life if everything else life / 2
        # Whether there is anything to sign is asked before the key is.
        if not store.due(now=now, renew=renew, kid=self._registry.active(Purpose.STATUS_SIGNER).kid):
            return ()
        signer = self._authority.status_signer
        public_key = signer.private_key.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        try:
            return shards.write_due(
                store,
                self._authority.trust_dir,
                signer=ListSigner(kid=signer.kid, sign=cose.raw_signer(signer.private_key), public_key=public_key),
                now=now,
                life=life,
                ttl=TTL,
                renew=renew,
                # After it lies there: a list that was never seen must not make the one before it look old.
                written=lambda published: self._registry.raise_high_water(
                    _mark(published.uri), int(published.iat.timestamp())
                ),
            )
        except StatusListError as error:
            raise AuthorityError(str(error), reason=AuthorityReason.CLOCK, detail=str(now)) from error

    def _absorb(self, store: ShardStore, *, only: str | None = None) -> None:
        """Take up lists in the trust directory that this store did not sign last."""
        known = {status_file_name(uri): digest for uri, digest in store.digests().items()}
        for name in self._lists.status_files() if only is None else (status_file_name(only),):
            path = os.path.join(FOLDER_OF_STATUSES, name)
            if only is not None and not os.path.lexists(os.path.join(self._lists.trust_dir, path)):
                continue
            raw = self._lists.read(path, status_list.MAX_SIZE)
            if known.get(name) == sha256(raw).digest():
                continue
            published = self._lists.verified(raw, path)
            self._require_newest(published, path)
            store.absorb(published)

    def _require_newest(self, published: StatusList, path: str) -> None:
        if int(published.iat.timestamp()) < self._registry.high_water(_mark(published.uri)):
            raise AuthorityError(
                "a newer status list was published before",
                reason=AuthorityReason.ROLLED_BACK,
                detail=os.path.join(self._lists.trust_dir, path),
            )

    def _require_clock(self, store: ShardStore, uris: Iterable[str]) -> None:
        """Nothing is set that could not be signed."""
        now = self._authority.clock()
        for uri in uris:
            if (signed := store.signed_at(uri)) is not None and now < signed:
                raise AuthorityError("clock is behind the list", reason=AuthorityReason.CLOCK, detail=str(signed))

    @contextmanager
    def _store(self) -> Iterator[ShardStore]:
        path = os.path.join(self._authority.home, FILE_NAME)
        try:
            with ShardStore(
                path,
                uri=self._settings.status_uri,
                random=self._authority.random,
                size=self._authority.shard_entries,
            ) as store:
                if not store.shards():
                    self._absorb(store)
                yield store
        except ShardError as error:
            raise AuthorityError(str(error), reason=_REASONS[error.reason], detail=str(error)) from error
        except sqlite3.OperationalError as error:
            raise AuthorityError(f"{path}: {error}", reason=AuthorityReason.BUSY, detail=path) from error


def _mark(uri: str) -> str:
    """The registry's high-water mark of a list: when the newest was issued."""
    return f"status:{uri}"
