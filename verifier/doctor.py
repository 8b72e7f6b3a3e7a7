"""Is this counter ready for the next card? Each check says what is wrong, and its text says what to do.

Nothing here changes anything but for a probe in the state directory. What is looked at comes in as `Surroundings`, so
that a test can take any of it away.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from glob import escape, glob

from card_profiles.entitlements.catalogue import Sector
from keys import status_list
from keys.errors import DecodeError
from keys.files import read_regular
from keys.status_list import StatusListError
from keys.support_key import SupportKeyError, recipient
from keys.trust import TrustStore

from . import doctor_readers, generations, store
from .checks.signers import signer_reason
from .counter import load_catalogue, load_trust, read_record
from .doctor_findings import Ailment, Finding, Health, Part, Surroundings, finding, fine
from .policy import Policy
from .read_failed import ReadFailed
from .reason import Reason
from .usage_report import verify as verify_usage

LEAST_FREE, LITTLE_FREE = 5 << 20, 100 << 20
"""Bytes: below the first nothing can be kept, below the second a synchronisation may fail."""
_TOLERANCE = timedelta(minutes=5)


def examine(around: Surroundings) -> tuple[Finding, ...]:
    """Every part, in order; whatever is broken, this ends and says so."""
    found, trust = list(doctor_readers.examine(around)), None
    try:
        trust = load_trust(around.trust_directory)
    except ReadFailed as failed:
        found.append(_no_trust(around, failed))
    if trust is None:
        found += [finding(part, Ailment.NOT_LOOKED_AT, Health.NOTE) for part in (Part.STATUS, Part.SYNC, Part.SUPPORT)]
    else:
        found += _own_data(around, trust)
    found += [*_clock(around, trust), *_disk(around), *_permissions(around), *_usage(around), *_language(around)]
    found.append(_extras(around))
    return tuple(sorted(found, key=lambda one: list(Part).index(one.part)))


def ready(findings: tuple[Finding, ...]) -> bool:
    """Whether a card can be checked here, now and after the next synchronisation."""
    return all(finding.health is not Health.WRONG for finding in findings)


# --- own data -----------------------------------------------------------------------------------------------------


def _no_trust(around: Surroundings, failed: ReadFailed) -> Finding:
    directory = generations.resolve(around.trust_directory)
    if failed.reason is Reason.TRUST_MISSING:
        return finding(Part.TRUST, Ailment.TRUST_MISSING, detail=around.trust_directory)
    if not os.access(directory, os.R_OK | os.X_OK) or any(
        not os.access(path, os.R_OK) for path in glob(os.path.join(escape(directory), "*"))
    ):
        return finding(Part.TRUST, Ailment.TRUST_FORBIDDEN, detail=around.trust_directory)
    return finding(Part.TRUST, Ailment.TRUST_DAMAGED, detail=failed.detail)


def _own_data(around: Surroundings, trust: TrustStore) -> Iterator[Finding]:
    policy = Policy(sector=Sector.HEALTH, catalogue=load_catalogue(trust))  # the ages are the same for all
    signed = trust.as_of(_crl_time(trust))
    if signed is None:
        yield finding(Part.TRUST, Ailment.TRUST_DAMAGED, detail="no revocation list")
    else:
        age = around.now - signed
        yield _aged(
            Part.TRUST, age, policy.trust_warn, policy.trust_services, Ailment.TRUST_AGEING, Ailment.TRUST_TOO_OLD
        )
    yield _status(around, trust, policy)
    yield _sync(around)
    yield _support(around, trust)


def _crl_time(trust: TrustStore) -> datetime | None:
    """None when there is no list, or one that cannot be read."""
    try:
        return trust.crl_time()
    except Exception as error:
        if signer_reason(error) is None:
            raise
        return None


def _aged(part: Part, age: timedelta, warn: timedelta, most: timedelta, ageing: Ailment, old: Ailment) -> Finding:
    days = f"{max(0, age // timedelta(days=1))} d"
    if age >= most:
        return finding(part, old, detail=days)
    return finding(part, ageing, Health.NOTE, days) if age >= warn else fine(part, days)


def _status(around: Surroundings, trust: TrustStore, policy: Policy) -> Finding:
    """Every list that is there, by its address; the worst is told."""
    folder = os.path.join(generations.resolve(around.trust_directory), "status")
    oldest: datetime | None = None
    for path in sorted(glob(os.path.join(escape(folder), "*.cwt"))):
        try:
            raw, _ = read_regular(path, limit=status_list.MAX_SIZE)
            uri = status_list.claimed(raw).uri
            listed = trust.status_time(uri, now=around.now)
        except (DecodeError, OSError, StatusListError) as error:
            return finding(Part.STATUS, Ailment.STATUS_DAMAGED, detail=f"{os.path.basename(path)}: {error}")
        except Exception as error:
            reason = signer_reason(error)
            if reason is None:
                raise
            return finding(Part.STATUS, Ailment.STATUS_DAMAGED, detail=f"{os.path.basename(path)}: {reason}")
        signed = trust.as_of(listed) or listed
        oldest = signed if oldest is None else min(oldest, signed)
    if oldest is None:
        return finding(Part.STATUS, Ailment.STATUS_MISSING, detail=folder)
    limits = policy.status_warn, policy.status_services
    return _aged(Part.STATUS, around.now - oldest, *limits, Ailment.STATUS_AGEING, Ailment.STATUS_TOO_OLD)


def _sync(around: Surroundings) -> Finding:
    try:
        record = read_record(around.trust_directory)
    except ReadFailed as failed:
        return finding(Part.SYNC, Ailment.TRUST_DAMAGED, detail=failed.detail)
    if record is None:
        return finding(Part.SYNC, Ailment.NEVER_SYNCED, Health.NOTE)
    if record.valid_until <= around.now:
        return finding(Part.SYNC, Ailment.RELEASE_EXPIRED, Health.NOTE, record.synced.isoformat())
    return fine(Part.SYNC, record.synced.isoformat())


def _support(around: Surroundings, trust: TrustStore) -> Finding:
    directory = generations.resolve(around.trust_directory)
    try:
        recipient(directory, authorities=(*trust.csca, *trust.links), crls=trust.crls, now=around.now)
    except SupportKeyError as error:
        return finding(Part.SUPPORT, Ailment.SUPPORT_KEY, Health.NOTE, error.reason)
    except DecodeError as error:
        return finding(Part.SUPPORT, Ailment.SUPPORT_KEY, Health.NOTE, error)
    return fine(Part.SUPPORT)


# --- this machine -------------------------------------------------------------------------------------------------


def _clock(around: Surroundings, trust: TrustStore | None) -> Iterator[Finding]:
    known: list[datetime] = []
    try:
        watermark = store.Watermark(around.state_directory).read()
        record = read_record(around.trust_directory)
    except (DecodeError, OSError, ReadFailed) as error:
        yield finding(Part.CLOCK, Ailment.CLOCK_UNREADABLE, detail=error)
        return
    known += [time for time in (watermark, record.watermark if record else None) if time is not None]
    if trust is not None and (signed := _crl_time(trust)) is not None:
        known.append(signed)
    if known and around.now < max(known) - _TOLERANCE:
        yield finding(Part.CLOCK, Ailment.CLOCK_BEHIND, detail=f"{_minute(around.now)} < {_minute(max(known))}")
    elif known and around.now > max(known) + timedelta(days=366):
        yield finding(Part.CLOCK, Ailment.CLOCK_AHEAD, Health.NOTE, f"{_minute(around.now)} > {_minute(max(known))}")
    else:
        yield fine(Part.CLOCK, _minute(around.now))


def _minute(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%MZ")


def _disk(around: Surroundings) -> Iterator[Finding]:
    for directory in dict.fromkeys((_existing(around.state_directory), _existing(around.trust_directory))):
        try:
            free = around.free(directory)
        except OSError as error:
            yield finding(Part.DISK, Ailment.DISK_FULL, detail=f"{directory}: {error.strerror}")
            continue
        told = f"{directory}: {free >> 20} MB"
        if free < LEAST_FREE:
            yield finding(Part.DISK, Ailment.DISK_FULL, detail=told)
        elif free < LITTLE_FREE:
            yield finding(Part.DISK, Ailment.DISK_LITTLE, Health.NOTE, told)
        else:
            yield fine(Part.DISK, told)


def _existing(path: str) -> str:
    """The directory, or the nearest above it that is there."""
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _permissions(around: Surroundings) -> Iterator[Finding]:
    state = around.state_directory
    try:
        os.makedirs(state, mode=0o700, exist_ok=True)
        probe = os.path.join(state, f".probe-{os.getpid()}")
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        os.unlink(probe)
    except OSError as error:
        yield finding(Part.PERMISSIONS, Ailment.STATE_UNWRITABLE, detail=f"{state}: {error.strerror}")
    else:
        if os.stat(state).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield finding(Part.PERMISSIONS, Ailment.STATE_OPEN, detail=state)
        else:
            yield fine(Part.PERMISSIONS, state)
    trust = generations.resolve(around.trust_directory)
    for path in (around.trust_directory, trust, os.path.join(trust, "csca")):
        with suppress(OSError):
            if os.stat(path).st_mode & stat.S_IWOTH:
                yield finding(Part.PERMISSIONS, Ailment.TRUST_OPEN, detail=path)
                return


def _usage(around: Surroundings) -> Iterator[Finding]:
    try:
        findings = verify_usage(os.path.join(around.state_directory, "usage")).findings
    except (DecodeError, OSError) as error:
        yield finding(Part.USAGE, Ailment.USAGE_BROKEN, Health.NOTE, error)
        return
    if findings:
        yield finding(Part.USAGE, Ailment.USAGE_BROKEN, Health.NOTE, findings[0].fault)
    else:
        yield fine(Part.USAGE)


def _language(around: Surroundings) -> Iterator[Finding]:
    if around.encoding.lower().replace("-", "").replace("_", "") != "utf8":
        yield finding(Part.LANGUAGE, Ailment.NO_UTF8, Health.NOTE, around.encoding)
    elif not any(_has_chinese(root) for root in around.fonts):
        yield finding(Part.LANGUAGE, Ailment.NO_CHINESE_FONT, Health.NOTE)
    else:
        yield fine(Part.LANGUAGE, around.encoding)


def _has_chinese(root: str) -> bool:
    wanted = ("wqy", "noto", "uming", "ukai", "cjk", "droid")
    return any(
        any(mark in name.lower() for mark in wanted) and name.lower().endswith((".ttc", ".ttf", ".otf", ".pcf.gz"))
        for _, _, names in os.walk(root)
        for name in names
    )


_EXTRAS = {"pcsc": "smartcard", "counter": "starlette", "sync": "tuf", "identity": "asn1crypto"}


def _extras(around: Surroundings) -> Finding:
    missing = [extra for extra, module in _EXTRAS.items() if not around.has(module)]
    if missing:
        return finding(Part.EXTRAS, Ailment.EXTRAS_MISSING, Health.NOTE, ",".join(missing))
    return fine(Part.EXTRAS)
