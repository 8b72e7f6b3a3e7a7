"""What the doctor looks at, and what there may be to find."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from importlib.util import find_spec

from card_profiles.readers.pcsc import ReaderState

from . import opening


class Part(StrEnum):
    """What is looked at, in this order."""

    DAEMON = "daemon"
    READER = "reader"
    CARD = "card"
    TRUST = "trust"
    STATUS = "status"
    SYNC = "sync"
    SUPPORT = "support"
    CLOCK = "clock"
    DISK = "disk"
    PERMISSIONS = "permissions"
    USAGE = "usage"
    LANGUAGE = "language"
    EXTRAS = "extras"


class Health(StrEnum):
    """How a part is."""

    GOOD = "good"
    NOTE = "note"  # works, and somebody should know
    WRONG = "wrong"  # no card can be checked, or soon none


class Ailment(StrEnum):
    """What was found; its text stands in `doctor_texts`."""

    FINE = "fine"
    # daemon and readers
    NO_READER_SUPPORT = "no-reader-support"  # pyscard is not installed
    NO_DAEMON_INSTALLED = "no-daemon-installed"
    DAEMON_DEAD = "daemon-dead"
    DAEMON_FORBIDDEN = "daemon-forbidden"  # the socket is there and does not let us in
    NO_READER = "no-reader"
    NO_DRIVER = "no-driver"  # a smart-card device on USB that pcscd does not show
    NOT_LOOKED_AT = "not-looked-at"  # what it rests on is wrong
    NO_CARD = "no-card"
    CARD_MUTE = "card-mute"
    CARD_BUSY = "card-busy"  # another program has it, the page for one
    OTHER_CARD = "other-card"
    CARD_UNUSABLE = "card-unusable"  # a residence permit that is not activated, or terminated
    PERMIT_CARD = "permit-card"
    # own data
    TRUST_MISSING = "trust-missing"
    TRUST_DAMAGED = "trust-damaged"
    TRUST_FORBIDDEN = "trust-forbidden"
    TRUST_AGEING = "trust-ageing"
    TRUST_TOO_OLD = "trust-too-old"
    STATUS_MISSING = "status-missing"
    STATUS_DAMAGED = "status-damaged"
    STATUS_AGEING = "status-ageing"
    STATUS_TOO_OLD = "status-too-old"
    NEVER_SYNCED = "never-synced"
    RELEASE_EXPIRED = "release-expired"
    SUPPORT_KEY = "support-key"
    # this machine
    CLOCK_BEHIND = "clock-behind"
    CLOCK_UNREADABLE = "clock-unreadable"
    CLOCK_AHEAD = "clock-ahead"  # the data is older by it than any release can be
    DISK_FULL = "disk-full"
    DISK_LITTLE = "disk-little"
    STATE_UNWRITABLE = "state-unwritable"
    STATE_OPEN = "state-open"
    TRUST_OPEN = "trust-open"
    USAGE_BROKEN = "usage-broken"
    NO_UTF8 = "no-utf8"
    NO_CHINESE_FONT = "no-chinese-font"
    EXTRAS_MISSING = "extras-missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `detail` is data for both languages: a path, a name, a time."""

    part: Part
    health: Health
    ailment: Ailment
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the doctor looks at."""

    trust_directory: str
    state_directory: str
    now: datetime
    environment: Mapping[str, str]
    encoding: str = "utf-8"
    readers: Callable[[], tuple[ReaderState, ...]] = opening.readers
    free: Callable[[str], int] = lambda path: os.statvfs(path).f_bavail * os.statvfs(path).f_frsize
    usb: str = "/sys/bus/usb/devices"
    daemons: tuple[str, ...] = ("/usr/sbin/pcscd", "/usr/local/sbin/pcscd")
    socket: str = "/run/pcscd/pcscd.comm"
    fonts: tuple[str, ...] = ("/usr/share/fonts", "/usr/local/share/fonts")
    has: Callable[[str], bool] = lambda name: find_spec(name) is not None


def finding(part: Part, ailment: Ailment, health: Health = Health.WRONG, detail: object = "") -> Finding:
    """What was found in a part."""
    return Finding(part=part, health=health, ailment=ailment, detail=str(detail))


def fine(part: Part, detail: object = "") -> Finding:
    """Nothing is wrong with a part."""
    return finding(part, Ailment.FINE, Health.GOOD, detail)
