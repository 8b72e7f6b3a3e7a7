"""The compromise drill: from a key and a window of time to the exact list of cards, and what becomes of each.

Pure. Whoever stole a key writes any date, so counters refuse everything that a revoked signer ever signed; the window
says which cards the thief may have made, the list says which of the authority's own are refused with them. Both lists
come from the journal's notes, made before each signature.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..algorithms import Purpose
from .issued_cards import IssuedCard, Signature


class Remedy(StrEnum):
    """What makes a card good again."""

    RE_SIGN = "re-sign"
    """A new MobileSecurityObject at the next endorsement: the holder comes with the card."""
    REPLACE = "replace"
    """EF.SOD is written once, before activation: a new card."""
    NONE = "none"
    """The card is void, or what is in force on it was signed by another key since."""


REMEDIES: dict[Purpose, Remedy] = {
    Purpose.ENTITLEMENT_SIGNER: Remedy.RE_SIGN,
    Purpose.DOCUMENT_SIGNER: Remedy.REPLACE,
    Purpose.CSCA: Remedy.REPLACE,
}
"""Purposes whose keys sign cards, and the one that certified those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One card that the key signed within the window, or may have."""

    card: IssuedCard
    signed: tuple[datetime, ...]
    """When, within the window; earliest first."""
    certain: bool
    """False where the journal of that time did not note the key."""
    remedy: Remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What came of it."""

    purpose: Purpose
    kid: bytes
    since: datetime
    until: datetime
    affected: tuple[Affected, ...]
    """Cards of the window, by the first signature in it, then serial."""
    refused_besides: tuple[IssuedCard, ...]
    """Cards in force signed by the key outside of the window only: refused at counters all the same."""

    @property
    def planned(self) -> tuple[Affected, ...]:
        """Those that take a remedy."""
        return tuple(one for one in self.affected if one.remedy is not Remedy.NONE)


def drill(
    cards: Iterable[IssuedCard],
    *,
    purpose: Purpose,
    kid: bytes,
    since: datetime,
    until: datetime,
    certified: Collection[bytes] = (),
) -> Drill:
    """Cards that the key `kid` signed from `since` to `until`, both included, out of an export of the journal.

    Of a CSCA, the cards that its signers signed; `certified` are their kids.
    ValueError when keys of this purpose sign no cards, or the window is none.
    """
    if purpose not in REMEDIES:
        raise ValueError(f"a {purpose} signs no cards")
    if since.tzinfo is None or until.tzinfo is None or since > until:
        raise ValueError("a window goes from one moment with a zone to a later one")
    root = purpose is Purpose.CSCA
    kids = frozenset(certified) if root else frozenset((kid,))
    affected, besides = [], []
    for card in cards:
        by_key = [one for one in card.signatures if one.kid in kids and (root or one.purpose is purpose)]
        unnamed = [one for one in card.signatures if not one.kid and since <= one.at <= until]
        within = [one for one in by_key if since <= one.at <= until]
        if within or unnamed:
            affected.append(
                Affected(
                    card=card,
                    signed=tuple(sorted(one.at for one in (*within, *unnamed))),
                    certain=bool(within),
                    remedy=_remedy(card, purpose, kids),
                )
            )
        elif by_key and _remedy(card, purpose, kids) is not Remedy.NONE:
            besides.append(card)
    return Drill(
        purpose=purpose,
        kid=kid,
        since=since,
        until=until,
        affected=tuple(sorted(affected, key=lambda one: (one.signed[0], one.card.serial))),
        refused_besides=tuple(sorted(besides, key=lambda card: card.serial)),
    )


def plan_table(done: Drill) -> str:
    """The plan as CSV, for the desks: cards to re-sign or replace, those of the window first."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(
        ["serial", "permit", "remedy", "in_window", "certain", "signed", "endorsed_until", "status_uri", "status_index"]
    )
    rows = [(one.card, one.remedy, "yes", one.certain, one.signed[0].isoformat()) for one in done.planned]
    rows += [(card, REMEDIES[done.purpose], "no", True, "") for card in done.refused_besides]
    for card, remedy, within, certain, signed in rows:
        table.writerow(
            [
                card.serial.hex(),
                card.permit,
                remedy,
                within,
                "yes" if certain else "no",
                signed,
                card.endorsed_until or "",
                card.status_uri,
                card.status_index,
            ]
        )
    return stream.getvalue()


def _remedy(card: IssuedCard, purpose: Purpose, kids: frozenset[bytes]) -> Remedy:
    """What the key signed last is in force, or may be: a write that was cut off ends with the old or with the new.

    EF.SOD is never written again: a card whose CSCA is gone has nothing left to stand on.
    """
    if card.is_void:
        return Remedy.NONE
    if purpose is Purpose.CSCA:
        return Remedy.REPLACE
    notes: list[Signature] = sorted(
        (one for one in card.signatures if one.purpose in {purpose, None}), key=lambda one: (one.at, one.done)
    )
    last_done = max((place for place, one in enumerate(notes) if one.done), default=0)
    in_force = notes[last_done:]
    return REMEDIES[purpose] if any(one.kid in {*kids, b""} for one in in_force) else Remedy.NONE
