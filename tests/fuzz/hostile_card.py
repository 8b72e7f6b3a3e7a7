"""A card that does everything right, keys and all, save for what a script makes it answer instead.

The script acts before the card protects its answer, so a lie passes secure messaging: below it any bytes would do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.model import CardProfile, Condition
from card_profiles.protocols.pace import Password
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import InProcessConnection
from card_profiles.softcard.image import Image, MemoryImage
from tests.factory import CAN, NOW, IssuedPermit, authority, issue, policy
from verifier.counter import timed
from verifier.evidence import Evidence
from verifier.policy import AT_A_COUNTER, Check
from verifier.read_failed import ReadFailed
from verifier.reader import Request, read
from verifier.reason import Reason

MAX_COMMANDS = 1000
"""By then a counter must have given up."""
_PLACES = 40
"""Answers of a whole check that a script can reach."""


class LyingCard(SoftCard):
    """Answers as `lies` say: by the number of the answer since the card was made."""

    def __init__(self, profile: CardProfile, image: Image, lies: dict[int, bytes]) -> None:
        self._lies, self._turn, self.commands = lies, 0, 0
        super().__init__(profile, image, random=os.urandom)

    def execute(self, raw: bytes) -> bytes:
        self.commands += 1
        if self.commands > MAX_COMMANDS:
            raise AssertionError("a counter that does not give up")
        response = super().execute(raw)
        lie = self._lies.get(self._turn - 1)
        return lie[1:] if lie and lie[0] == _RAW else response

    def _answer(self, command: CommandApdu, protection: Condition) -> ResponseApdu:
        honest = super()._answer(command, protection)
        lie = self._lies.get(self._turn)
        self._turn += 1
        if not lie:
            return honest
        act = _ACTS.get(lie[0])
        return honest if act is None else act(honest, lie[1:])


_RAW = 0


def _xor(honest: ResponseApdu, lie: bytes) -> ResponseApdu:
    if not honest.data or len(lie) < 2:
        return honest
    data = bytearray(honest.data)
    data[lie[0] * len(data) // 256] ^= lie[1] or 1
    return replace(honest, data=bytes(data))


_ACTS: dict[int, Callable[[ResponseApdu, bytes], ResponseApdu]] = {
    1: lambda honest, lie: replace(honest, data=lie),
    2: lambda honest, lie: replace(honest, data=honest.data + lie),
    3: lambda honest, lie: replace(honest, data=honest.data[: lie[0] * len(honest.data) // 256 if lie else 0]),
    4: lambda honest, lie: replace(honest, sw=int.from_bytes(lie[:2].rjust(2, b"\x90")) | 0x6000),
    5: lambda honest, lie: ResponseApdu(data=lie[2:], sw=int.from_bytes(lie[:2].ljust(2, b"\0")) & 0x0FFF | 0x6000),
    6: _xor,
    7: lambda honest, lie: replace(honest, data=honest.data * (2 + (lie[0] if lie else 0) % 8)),
}


def lies(raw: bytes) -> dict[int, bytes]:
    """A script: number of the answer, length, what to do and with what; and so on. Total."""
    found, at = {}, 1
    while at + 1 < len(raw):
        place, length = raw[at] % _PLACES, raw[at + 1]
        found[place] = raw[at + 2 : at + 2 + length]
        at += 2 + length
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a check ended: evidence that was accepted, or reasons."""

    accepted: Evidence | None
    reasons: tuple[Reason, ...]
    commands: int


@cache
def good_permit() -> IssuedPermit:
    """The card that all targets begin with: signed once, a signature is another each time."""
    return issue()


def check(raw: bytes) -> Told:
    """A counter before the card. The first byte says what is asked: portrait, identity, a known signer."""
    asked = raw[0] if raw else 0
    portrait, identity, unknown = bool(asked & 1), bool(asked & 2), bool(asked & 4)
    permit = good_permit()
    card = LyingCard(permit.profile, MemoryImage(permit.card_state()), lies(raw))
    trust = authority().trust(signers=not unknown)
    request = Request(
        profile=permit.profile,
        sector=policy().sector,
        password=Password.from_can(CAN),
        captured=NOW,
        knows_signer=trust.knows,
        random=os.urandom,
        portrait=portrait,
        identity=identity,
    )
    connection = InProcessConnection(card)
    try:
        reading = read(connection, request, clock=lambda: 0.0)
    except ReadFailed as failed:
        return Told(accepted=None, reasons=(failed.reason,), commands=card.commands)
    finally:
        connection.close()
    required = AT_A_COUNTER | ({Check.PORTRAIT} if portrait else set()) | ({Check.IDENTITY} if identity else set())
    verdict = timed(reading, trust, policy(required=required), now=NOW, clock=lambda: 0.0)
    evidence = reading.evidence if verdict.accepted else None
    return Told(accepted=evidence, reasons=verdict.reasons, commands=card.commands)


def scripts() -> tuple[bytes, ...]:
    """Honest cards, and one lie of each kind."""
    found = [bytes((asked,)) for asked in range(8)]
    found += [bytes((3, place, 4, act, 0x90, 0, 0x41)) for place in (0, 3, 6, 8, 11, 14) for act in range(8)]
    found += [
        bytes((7, *(byte for place in range(way, 28, 5) for byte in (place, 3, 6, place, 1)))) for way in range(5)
    ]
    return tuple(found)
