"""The issuer's journal as the keys need it: which card was signed by which key, and when. One JSON object a line.

    {"export": "permit-journal-1", "exported": "2026-06-01T02:00:00+00:00"}
    {"serial": "…", "permit": "…", "state": "activated", "status_uri": "…", "status_index": 7,
     "endorsed_until": "2031-06-01",
     "signatures": [{"purpose": "entitlement-signer", "kid": "…", "at": "…", "done": true}]}
    {"cards": 1}

The last line counts the cards: a list that was cut off names too few, and a drill must not go by it. No name, no
photograph, no reading code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from ..algorithms import Purpose
from ..errors import DecodeError

FORMAT = "permit-journal-1"
SERIAL_LENGTH = 10
_KID_LENGTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature for a card, noted before it was made.

    `kid` is 8 bytes, or empty where the journal of that time did not name the key; `purpose` is then None.
    """

    at: datetime
    kid: bytes = b""
    purpose: Purpose | None = None
    done: bool = True
    """Whether the journal then says that it reached the card; without, it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCard:
    """One card of the journal. `serial` is 10 bytes; `status_index` is -1 where none was allotted."""

    serial: bytes
    permit: str
    state: str
    status_uri: str
    status_index: int
    endorsed_until: date | None
    signatures: tuple[Signature, ...]

    @property
    def is_void(self) -> bool:
        return self.state == "void"


def encode(cards: Iterable[IssuedCard], *, exported: datetime) -> Iterator[str]:
    """The lines of an export, each with its newline."""
    yield _line({"export": FORMAT, "exported": exported.astimezone(UTC).isoformat()})
    count = 0
    for card in cards:
        count += 1
        yield _line(
            {
                "serial": card.serial.hex(),
                "permit": card.permit,
                "state": card.state,
                "status_uri": card.status_uri,
                "status_index": card.status_index,
                "endorsed_until": None if card.endorsed_until is None else card.endorsed_until.isoformat(),
                "signatures": [
                    {
                        "purpose": one.purpose,
                        "kid": one.kid.hex(),
                        "at": one.at.astimezone(UTC).isoformat(),
                        "done": one.done,
                    }
                    for one in card.signatures
                ],
            }
        )
    yield _line({"cards": count})


def decode(lines: Iterable[str]) -> Iterator[IssuedCard]:
    """The cards of an export, one by one; `DecodeError` for anything that is not one, whole and in order.

    Whoever reads must read to the end: only the last line says that nothing is missing.
    """
    seen: set[bytes] = set()
    ended = begun = False
    number = 0
    for number, line in enumerate(lines, 1):
        tree = _tree(line, number)
        if not begun:
            if tree.get("export") != FORMAT:
                raise DecodeError(f"not {FORMAT}", path="line 1")
            begun = True
        elif ended:
            raise DecodeError("something after the end", path=f"line {number}")
        elif "cards" in tree:
            if tree != {"cards": len(seen)}:
                raise DecodeError("cards are missing", path=f"line {number}")
            ended = True
        else:
            card = _card(tree, number)
            if card.serial in seen:
                raise DecodeError("a card twice", path=f"line {number}")
            seen.add(card.serial)
            yield card
    if not ended:
        raise DecodeError("cut off", path=f"line {number}")


def _card(tree: dict[str, Any], number: int) -> IssuedCard:
    try:
        until = tree.pop("endorsed_until")
        signatures = tuple(_signature(one) for one in tree.pop("signatures"))
        card = IssuedCard(
            serial=bytes.fromhex(tree.pop("serial")),
            permit=_text(tree.pop("permit")),
            state=_text(tree.pop("state")),
            status_uri=_text(tree.pop("status_uri")),
            status_index=tree.pop("status_index"),
            endorsed_until=None if until is None else date.fromisoformat(until),
            signatures=signatures,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DecodeError(f"not a card: {error}", path=f"line {number}") from error
    if len(card.serial) != SERIAL_LENGTH or type(card.status_index) is not int or tree:
        raise DecodeError("not a card", path=f"line {number}")
    return card


def _signature(tree: dict[str, Any]) -> Signature:
    purpose, kid, at = tree["purpose"], bytes.fromhex(tree["kid"]), datetime.fromisoformat(tree["at"])
    if (
        len(tree) != 4
        or type(tree["done"]) is not bool
        or len(kid) not in {0, _KID_LENGTH}
        or bool(kid) is not (purpose is not None)
    ):
        raise ValueError("not a signature")
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return Signature(at=at, kid=kid, purpose=None if purpose is None else Purpose(purpose), done=tree["done"])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _tree(line: str, number: int) -> dict[str, Any]:
    try:
        tree = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DecodeError("not JSON", path=f"line {number}") from error
    if not isinstance(tree, dict):
        raise DecodeError("not an object", path=f"line {number}")
    return tree


def _line(tree: dict[str, Any]) -> str:
    return json.dumps(tree, ensure_ascii=False) + "\n"
