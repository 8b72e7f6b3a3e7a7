"""The embedded reader: a `Connection` straight into a software card, and one that loses power on purpose."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from ..errors import TransportFailed, TransportFault
from ..iso7816.connection import Connection
from ..model import CardProfile
from ..residence_permit_v1 import RESIDENCE_PERMIT_V1
from .card import SoftCard
from .image import ImageFile


class InProcessConnection:
    """A `Connection` to `card` in this process; powers it up."""

    def __init__(self, card: SoftCard) -> None:
        self._card: SoftCard | None = card
        card.reset()

    @property
    def atr(self) -> bytes:
        return self._powered().atr

    def transmit(self, command: bytes) -> bytes:
        """Raises TransportFailed(CARD_REMOVED) once closed."""
        return self._powered().execute(command)

    def reset(self) -> bytes:
        return self._powered().reset()

    def close(self) -> None:
        """Power off and release the image. May be called twice."""
        if self._card is not None:
            self._card.close()
            self._card = None

    def _powered(self) -> SoftCard:
        if self._card is None:
            raise TransportFailed("the card was taken out", fault=TransportFault.CARD_REMOVED)
        return self._card


def open_image(
    path: Path, *, profile: CardProfile = RESIDENCE_PERMIT_V1, random: Callable[[int], bytes] = os.urandom
) -> InProcessConnection:
    """Insert the card image `path`. Raises TransportFailed (NO_CARD, READER_BUSY) or DecodeError."""
    image = ImageFile(path)
    try:
        return InProcessConnection(SoftCard(profile, image, random=random))
    except BaseException:
        image.close()
        raise


class Tear(StrEnum):
    """When power is lost: before the card executes the command, or after, with the answer unheard."""

    BEFORE = "before"
    AFTER = "after"


class TornConnection:
    """Cuts the power at command number `at` (from 0) of `inner`, and stays dead."""

    def __init__(self, inner: Connection, *, at: int, when: Tear) -> None:
        self._inner = inner
        self._left = at
        self._when = when
        self.torn = False

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, command: bytes) -> bytes:
        """Raises TransportFailed(TORN) at the chosen command and ever after."""
        if self._left == 0 and not self.torn:
            if self._when is Tear.AFTER:
                self._inner.transmit(command)
            self.torn = True
            self._inner.close()
        if self.torn:
            raise TransportFailed("power was cut", fault=TransportFault.TORN)
        self._left -= 1
        return self._inner.transmit(command)

    def reset(self) -> bytes:
        if self.torn:
            raise TransportFailed("power was cut", fault=TransportFault.TORN)
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()
