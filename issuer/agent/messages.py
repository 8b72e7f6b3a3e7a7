"""What the service and a desk agent say to each other: one binary WebSocket message each.

    kind u8 | number u32 | body          all numbers big-endian

The service asks, with a number of its own; the agent answers each request once, with that number, in the order in which
they came. STATE comes unasked, with number 0. There is no other thing that one of them could ask of the other.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from card_profiles.errors import TransportFault
from keys.errors import DecodeError

PATH = "/api/v1/desk-link"
VERSION = 1
MAX_BATCH = 32  # commands in one request
MIN_COMMAND, MAX_COMMAND = 4, 65_544  # bytes of a command APDU, extended: header 4, Lc 3, data 65,535, Le 2
MIN_RESPONSE, MAX_RESPONSE = 2, 65_538
MAX_MESSAGE = 512 * 1024  # bytes, either way
MAX_ATR = 33
MAX_STATE = 2048
MAX_NAME = 128  # characters of a reader's name

# How a link ends (RFC 6455, 7.4.2: 4000 to 4999 are ours).
CLOSE_REPLACED = 4001  # another agent came with the same token
CLOSE_ENDED = 4003  # the token was revoked, or has expired
CLOSE_PROTOCOL = 4002  # what came was no message of this protocol

_HEAD = struct.Struct(">BI")
_STOP = struct.Struct(">H")
_SIZE = struct.Struct(">I")


class Kind(IntEnum):
    """What a message is."""

    # service to agent
    OPEN = 1  # power up the card, for nobody else; body empty; answered by ATR or FAILED
    TRANSMIT = 2  # status word to go on with u16, then commands; answered by ANSWERS or FAILED
    RESET = 3  # power-cycle the card; answered by ATR or FAILED
    CLOSE = 4  # power it down; answered by CLOSED
    # agent to service
    STATE = 16  # the reader, as JSON
    ATR = 17  # the answer to reset
    ANSWERS = 18  # responses to the first commands of a TRANSMIT, at least one
    CLOSED = 19
    FAILED = 20  # a TransportFault; the card has been let go of


REQUESTS = frozenset({Kind.OPEN, Kind.TRANSMIT, Kind.RESET, Kind.CLOSE})


class ReaderCondition(StrEnum):
    """What an agent sees of its reader."""

    NO_SERVICE = "no-service"  # pcscd does not run
    NO_READER = "no-reader"
    SEVERAL = "several-readers"  # cards in several: which is meant?
    EMPTY = "empty"
    CARD = "card"
    BUSY = "busy"  # opened for a run


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderStatus:
    """A reader as its agent sees it. `name` is PC/SC's; `atr` is empty without a card."""

    condition: ReaderCondition
    name: str = ""
    atr: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message; which of the fields count depends on `kind`. `items` are commands or responses."""

    kind: Kind
    number: int = 0
    items: tuple[bytes, ...] = field(default=(), repr=False)
    stop_unless: int = 0x9000
    atr: bytes = b""
    fault: TransportFault | None = None
    status: ReaderStatus | None = None
    instance: str = ""  # of the agent's process, 32 hexadecimal digits: tells two with one token apart

    def encode(self) -> bytes:
        """The bytes on the link. ValueError for what breaks the limits above."""
        raw = _HEAD.pack(self.kind, self.number) + self._body()
        if len(raw) > MAX_MESSAGE:
            raise ValueError("message too long")
        return raw

    def _body(self) -> bytes:
        match self.kind:
            case Kind.TRANSMIT:
                if not 1 <= len(self.items) <= MAX_BATCH:
                    raise ValueError(f"1 to {MAX_BATCH} commands")
                return _STOP.pack(self.stop_unless) + _packed(self.items)
            case Kind.ANSWERS:
                return _packed(self.items)
            case Kind.ATR:
                return self.atr
            case Kind.FAILED:
                assert self.fault is not None
                return self.fault.value.encode("ascii")
            case Kind.STATE:
                assert self.status is not None
                return json.dumps(
                    {
                        "version": VERSION,
                        "instance": self.instance,
                        "condition": self.status.condition.value,
                        "reader": self.status.name[:MAX_NAME],
                        "atr": self.status.atr.hex(),
                    }
                ).encode()
            case _:
                return b""

    @classmethod
    def decode(cls, raw: bytes) -> Message:
        """Total and strict. DecodeError for everything that `encode` does not make."""
        if not _HEAD.size <= len(raw) <= MAX_MESSAGE:
            raise DecodeError("message of an impossible length", offset=len(raw), path="Message")
        code, number = _HEAD.unpack_from(raw)
        try:
            kind = Kind(code)
        except ValueError as error:
            raise DecodeError("unknown kind", path="Message") from error
        return _decoded(kind, number, raw[_HEAD.size :])


def _decoded(kind: Kind, number: int, body: bytes) -> Message:
    match kind:
        case Kind.TRANSMIT:
            if len(body) < _STOP.size:
                raise DecodeError("no status word", path="TRANSMIT")
            items = _unpacked(body, _STOP.size, MIN_COMMAND, MAX_COMMAND)
            return Message(kind=kind, number=number, stop_unless=_STOP.unpack_from(body)[0], items=items)
        case Kind.ANSWERS:
            return Message(kind=kind, number=number, items=_unpacked(body, 0, MIN_RESPONSE, MAX_RESPONSE))
        case Kind.ATR:
            if not 2 <= len(body) <= MAX_ATR:
                raise DecodeError("no answer to reset", path="ATR")
            return Message(kind=kind, number=number, atr=body)
        case Kind.FAILED:
            try:
                return Message(kind=kind, number=number, fault=TransportFault(body.decode("ascii")))
            except ValueError as error:
                raise DecodeError("unknown fault", path="FAILED") from error
        case Kind.STATE:
            status, instance = _state(body)
            return Message(kind=kind, number=number, status=status, instance=instance)
        case _:
            if body:
                raise DecodeError("more than a head", path=kind.name)
            return Message(kind=kind, number=number)


def _packed(items: Iterable[bytes]) -> bytes:
    return b"".join(_SIZE.pack(len(item)) + item for item in items)


def _unpacked(body: bytes, at: int, least: int, most: int) -> tuple[bytes, ...]:
    items: list[bytes] = []
    while at < len(body):
        if len(body) - at < _SIZE.size:
            raise DecodeError("half a length", offset=at, path="items")
        (size,) = _SIZE.unpack_from(body, at)
        at += _SIZE.size
        if not least <= size <= most or size > len(body) - at:
            raise DecodeError("item of an impossible length", offset=at, path="items")
        items.append(body[at : at + size])
        at += size
    if not 1 <= len(items) <= MAX_BATCH:
        raise DecodeError("too few or too many", path="items")
    return tuple(items)


def _state(body: bytes) -> tuple[ReaderStatus, str]:
    if len(body) > MAX_STATE:
        raise DecodeError("too long", path="STATE")
    try:
        tree = json.loads(body)
        if not isinstance(tree, dict) or tree.keys() != {"version", "instance", "condition", "reader", "atr"}:
            raise ValueError("fields")
        name, atr, instance = tree["reader"], bytes.fromhex(tree["atr"]), tree["instance"]
        if tree["version"] != VERSION or not isinstance(name, str) or len(name) > MAX_NAME or len(atr) > MAX_ATR:
            raise ValueError("values")
        if not isinstance(instance, str) or len(instance) != 32 or len(bytes.fromhex(instance)) != 16:
            raise ValueError("instance")
        printable = "".join(character if character.isprintable() else "\ufffd" for character in name)
        return ReaderStatus(condition=ReaderCondition(tree["condition"]), name=printable, atr=atr), instance
    except (ValueError, TypeError, RecursionError) as error:
        raise DecodeError("no state of a reader", path="STATE") from error
