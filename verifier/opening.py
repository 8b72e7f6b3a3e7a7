"""Ways to a card: a PC/SC reader or a software card. Whatever stands in the way becomes a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from card_profiles.iso7816.connection import Connection, Limits
from keys.errors import DecodeError

from .read_failed import TRANSPORT_REASONS, ReadFailed
from .reason import Reason

if TYPE_CHECKING:
    from card_profiles.readers.pcsc import ReaderState

_NUMBER = "1"


def reader(name: str | None) -> Connection:
    """The card in the reader of that name. Raises ReadFailed."""
    from card_profiles.readers import pcsc

    with _reasons():
        return pcsc.connect(name)


def readers() -> tuple[ReaderState, ...]:
    """All readers. Raises ReadFailed."""
    from card_profiles.readers import pcsc

    with _reasons():
        return pcsc.list_readers()


def remembered(connection: Connection) -> tuple[Limits | None, Callable[[Limits], None]]:
    """What this machine has learned about cards with this ATR, and how to tell it something new."""
    from card_profiles.readers.memory import CardMemory

    memory, atr = CardMemory(), connection.atr
    return memory.recall(atr), lambda limits: memory.remember(atr, limits)


def image(path: str) -> Connection:
    """The software card in `path`. Raises ReadFailed."""
    from pathlib import Path

    from card_profiles.softcard.connection import open_image

    try:
        return open_image(Path(path))
    except TransportFailed as error:
        busy = error.fault is TransportFault.READER_BUSY
        raise ReadFailed(Reason.READER_BUSY if busy else Reason.IMAGE_UNREADABLE, _NUMBER, str(error)) from error
    except (DecodeError, ValueError, OSError) as error:
        raise ReadFailed(Reason.IMAGE_UNREADABLE, _NUMBER, str(error)) from error


def require_identity_support() -> None:
    """Before a card is asked for anything: a verdict on EF.SOD takes asn1crypto. Raises ReadFailed."""
    from importlib.util import find_spec

    if find_spec("asn1crypto") is None:
        raise ReadFailed(Reason.IDENTITY_SUPPORT_MISSING, "9b", "no module asn1crypto")


@contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except TransportFailed as error:
        if error.fault is TransportFault.NO_SERVICE:
            raise no_service(str(error)) from error
        raise ReadFailed(TRANSPORT_REASONS[error.fault], _NUMBER, str(error)) from error
    except Misuse as error:
        raise ReadFailed(Reason.READER_AMBIGUOUS, _NUMBER, str(error)) from error


def no_service(detail: str = "") -> ReadFailed:
    """Why no PC/SC service answers: it does not run, or this machine has no support for it."""
    from importlib.util import find_spec

    equipped = find_spec("smartcard") is not None
    return ReadFailed(Reason.NO_READER_SERVICE if equipped else Reason.READER_SUPPORT_MISSING, _NUMBER, detail)
