"""The journal as `permit-keys drill` and `permit-keys simulate` take it: every card with the keys that signed it.

Journals of before the time when keys were noted name none: there, each moment at which the card may have been signed
stands with no key, so that a drill counts it rather than leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keys.rotation.issued_cards import IssuedCard, Signature

from .journal import CardRecord, Event, EventKind, Journal, SignedBy

_MAY_HAVE_SIGNED = frozenset({EventKind.BOUND, EventKind.RESUMED, EventKind.ENDORSED})


def cards(journal: Journal) -> Iterator[IssuedCard]:
    """Every card of the journal that was ever for a permit, by serial. The service's: `acts.issuance_records`."""
    history: dict[bytes, list[tuple[int, Event]]] = {}
    noting_since: int | None = None
    for number, event in enumerate(journal.events()):
        history.setdefault(event.serial, []).append((number, event))
        if event.kind is EventKind.SIGNED and noting_since is None:
            noting_since = number
    for card in sorted(journal.cards(), key=lambda card: card.serial):
        if card.permit_number:
            yield issued_card(card, history.get(card.serial, []), noting_since)


def issued_card(card: CardRecord, events: Sequence[tuple[int, Event]], noting_since: int | None) -> IssuedCard:
    """A card with its history, each event with its number; `noting_since` is that of the first SIGNED of any card."""
    return IssuedCard(
        serial=card.serial,
        permit=card.permit_number,
        state=card.state,
        status_uri=card.status_uri,
        status_index=card.status_index,
        endorsed_until=card.endorsed_until,
        signatures=tuple(_signatures(events, noting_since)),
    )


def _signatures(events: Sequence[tuple[int, Event]], noting_since: int | None) -> Iterator[Signature]:
    done = _done(events)
    for place, (number, event) in enumerate(events):
        if event.kind is EventKind.SIGNED:
            noted = SignedBy.parse(event.detail)
            yield Signature(at=noted.at, kid=noted.kid, purpose=noted.purpose, done=number in done)
        elif event.kind in _MAY_HAVE_SIGNED and (noting_since is None or number < noting_since):
            following = events[place + 1][1].kind if place + 1 < len(events) else None
            if following is not EventKind.SIGNED:
                yield Signature(at=event.at)


def _done(events: Sequence[tuple[int, Event]]) -> frozenset[int]:
    """Numbers of the notes that the card was then read back with: of each purpose, the last before that."""
    done: set[int] = set()
    waiting: dict[str, int] = {}
    for number, event in events:
        if event.kind is EventKind.SIGNED:
            waiting[SignedBy.parse(event.detail).purpose] = number
        elif event.kind in {EventKind.VERIFIED, EventKind.ENDORSED}:
            done |= set(waiting.values())
            waiting = {}
    return frozenset(done)
