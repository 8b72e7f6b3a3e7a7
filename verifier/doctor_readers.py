"""The way to a card, as the doctor sees it: pcscd, readers, drivers, and what lies on a reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from glob import escape, glob
from pathlib import Path

from card_profiles.errors import CardError
from card_profiles.iso7816.connection import Channel, Limits
from card_profiles.readers.pcsc import ReaderState
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from keys.errors import DecodeError

from . import opening
from .doctor_findings import Ailment, Finding, Health, Part, Surroundings, finding, fine
from .read_failed import ReadFailed
from .reader import unusable
from .reason import Reason

_CCID_CLASS = "0b"  # USB: smart card


def examine(around: Surroundings) -> Iterator[Finding]:
    """Daemon, readers, cards."""
    try:
        states = around.readers()
    except ReadFailed as failed:
        yield _no_daemon(around, failed)
        yield from (finding(part, Ailment.NOT_LOOKED_AT, Health.NOTE) for part in (Part.READER, Part.CARD))
        return
    yield fine(Part.DAEMON)
    if not states:
        device = next(_smart_card_devices(around.usb), "")
        yield finding(Part.READER, Ailment.NO_DRIVER if device else Ailment.NO_READER, detail=device)
        yield finding(Part.CARD, Ailment.NOT_LOOKED_AT, Health.NOTE)
        return
    yield fine(Part.READER, ", ".join(state.name for state in states))
    yield from (_card(state) for state in states)


def _no_daemon(around: Surroundings, failed: ReadFailed) -> Finding:
    if failed.reason is Reason.READER_SUPPORT_MISSING:
        return finding(Part.DAEMON, Ailment.NO_READER_SUPPORT)
    socket = around.environment.get("PCSCLITE_CSOCK_NAME", around.socket)
    if not any(os.path.exists(path) for path in around.daemons):
        return finding(Part.DAEMON, Ailment.NO_DAEMON_INSTALLED)
    if os.path.exists(socket) and not os.access(socket, os.R_OK | os.W_OK):
        return finding(Part.DAEMON, Ailment.DAEMON_FORBIDDEN, detail=socket)
    return finding(Part.DAEMON, Ailment.DAEMON_DEAD, detail=failed.detail)


def _smart_card_devices(root: str) -> Iterator[str]:
    """Names of USB devices with an interface for smart cards."""
    for path in sorted(glob(os.path.join(escape(root), "*", "bInterfaceClass"))):
        with suppress(OSError):
            if Path(path).read_text().strip().lower() != _CCID_CLASS:
                continue
            device = Path(root) / Path(path).parent.name.partition(":")[0] / "product"
            yield device.read_text().strip() if device.is_file() else Path(path).parent.name


def _card(state: ReaderState) -> Finding:
    if not state.card_present:
        return finding(Part.CARD, Ailment.NO_CARD, Health.NOTE, state.name)
    if state.mute:
        return finding(Part.CARD, Ailment.CARD_MUTE, Health.NOTE, state.name)
    try:
        connection = opening.reader(state.name)
    except ReadFailed as failed:
        if failed.reason is Reason.READER_BUSY:
            return finding(Part.CARD, Ailment.CARD_BUSY, Health.NOTE, state.name)
        return finding(Part.CARD, Ailment.CARD_MUTE, Health.NOTE, f"{state.name}: {failed.reason}")
    try:
        why = unusable(Channel(connection, Limits.from_atr(connection.atr)), RESIDENCE_PERMIT_V1)
    except (CardError, DecodeError) as error:
        return finding(Part.CARD, Ailment.CARD_MUTE, Health.NOTE, f"{state.name}: {error}")
    finally:
        connection.close()
    if why is None:
        return finding(Part.CARD, Ailment.PERMIT_CARD, Health.GOOD, state.name)
    ailment = Ailment.OTHER_CARD if why is Reason.OTHER_CARD else Ailment.CARD_UNUSABLE
    return finding(Part.CARD, ailment, Health.NOTE, state.name)
