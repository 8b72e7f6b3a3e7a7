"""A refused card for the authority to look at: its evidence, what this counter said, and a note, sealed.

The file is CMS AuthEnvelopedData (`keys.envelopes.enveloped`) for the support key in the trust data: this machine
cannot open it again, nor can anybody who finds it. Within it is a report in CBOR that `permit-verifier replay` takes,
without a CAN: evidence has none, and a note with six digits in a row is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec

from keys import cbor
from keys.envelopes import enveloped
from keys.errors import DecodeError
from keys.support_key import SupportKeyError, SupportKeyReason, recipient
from keys.trust import TrustStore

from . import evidence as card_evidence
from . import generations, printed_evidence
from .evidence import Evidence
from .printed_evidence import PrintedEvidence
from .verdict import Verdict

FORMAT = 1
MAX_NOTE = 400
"""Characters of a clerk's note."""
MAX_SIZE = card_evidence.MAX_SIZE + 8192
"""Bytes of a report before it is sealed."""
SUFFIX = ".cms"
_MAX_REASONS, _MAX_TEXT = 64, 64
_CAN = re.compile(r"\d(?:[\s-]?\d){5,}")
_FIELDS = frozenset(
    {"format", "kind", "decided", "sector", "exit", "reasons", "trust", "status", "note", "software", "evidence"}
)
_LAST_SECOND = 253402300799

AnyEvidence = Evidence | PrintedEvidence


class SupportReason(StrEnum):
    """Why no support file is written. The first three as `SupportKeyReason` has them."""

    KEY_MISSING = SupportKeyReason.MISSING.value
    KEY_UNTRUSTED = SupportKeyReason.UNTRUSTED.value
    KEY_EXPIRED = SupportKeyReason.EXPIRED.value
    NOT_REFUSED = "not-refused"  # nothing is wrong: nobody else needs the holder's data
    NOTE_TOO_LONG = "note-too-long"
    NOTE_HAS_DIGITS = "note-has-digits"  # six digits in a row may be a CAN
    TOO_LARGE = "too-large"


class SupportRefused(Exception):
    """No file; `detail` is for the log."""

    def __init__(self, reason: SupportReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the authority gets to see. Times are UTC with whole seconds; ages None when there was no data."""

    evidence: AnyEvidence = field(repr=False)
    decided: datetime
    sector: str
    exit_code: int
    reasons: tuple[str, ...]
    trust_signed: datetime | None
    status_signed: datetime | None
    note: str = ""
    software: str = ""


def report_of(evidence: AnyEvidence, verdict: Verdict, *, note: str = "", software: str = "") -> Report:
    """A report of a verdict that is not an acceptance. Raises SupportRefused for one that is, and for the note."""
    if verdict.accepted:
        raise SupportRefused(SupportReason.NOT_REFUSED)
    note = " ".join(note.split())
    if len(note) > MAX_NOTE:
        raise SupportRefused(SupportReason.NOTE_TOO_LONG, str(len(note)))
    if _CAN.search(note):
        raise SupportRefused(SupportReason.NOTE_HAS_DIGITS)
    return Report(
        evidence=evidence,
        decided=verdict.at.astimezone(UTC).replace(microsecond=0),
        sector=verdict.sector,
        exit_code=int(verdict.exit_code),
        reasons=tuple(verdict.reasons),
        trust_signed=verdict.ages.trust_signed,
        status_signed=verdict.ages.status_signed,
        note="".join(character for character in note if character.isprintable()),
        software=software,
    )


def seal(
    report: Report,
    *,
    trust_directory: str,
    trust: TrustStore,
    now: datetime,
    random: Callable[[int], bytes],
) -> bytes:
    """The support file. Raises SupportRefused."""
    content = encode(report)
    if len(content) > MAX_SIZE:
        raise SupportRefused(SupportReason.TOO_LARGE, str(len(content)))
    try:
        certificate = recipient(
            generations.resolve(trust_directory), authorities=(*trust.csca, *trust.links), crls=trust.crls, now=now
        )
    except SupportKeyError as error:
        raise SupportRefused(SupportReason(error.reason.value)) from error
    except DecodeError as error:  # a CRL or CSCA of ours: the check says so too
        raise SupportRefused(SupportReason.KEY_UNTRUSTED, str(error)) from error
    assert isinstance(certificate.public_key, ec.EllipticCurvePublicKey)
    assert certificate.subject_key_identifier is not None
    return enveloped.seal(content, certificate.public_key, certificate.subject_key_identifier, random)


def encode(report: Report) -> bytes:
    """The report as CBOR."""
    printed = isinstance(report.evidence, PrintedEvidence)
    raw = (
        printed_evidence.encode(report.evidence)
        if isinstance(report.evidence, PrintedEvidence)
        else card_evidence.encode(report.evidence)
    )
    return cbor.encode(
        {
            "format": FORMAT,
            "kind": "support",
            "decided": int(report.decided.timestamp()),
            "sector": report.sector,
            "exit": report.exit_code,
            "reasons": list(report.reasons),
            "trust": _seconds(report.trust_signed),
            "status": _seconds(report.status_signed),
            "note": report.note,
            "software": report.software,
            "evidence": [printed, raw],
        }
    )


def decode(raw: bytes) -> Report:
    """What `encode` wrote. Raises DecodeError for anything else."""
    value = cbor.decode(raw, max_size=MAX_SIZE, path="Report")
    if (
        not isinstance(value, dict)
        or value.keys() != _FIELDS
        or (value["format"], value["kind"]) != (FORMAT, "support")
    ):
        raise DecodeError("not a report of a counter", path="Report")
    reasons, held = value["reasons"], value["evidence"]
    if not isinstance(reasons, list) or len(reasons) > _MAX_REASONS:
        raise DecodeError("not a list of reasons", path="Report/reasons")
    if not isinstance(held, list) or [type(part) for part in held] != [bool, bytes]:
        raise DecodeError("not evidence", path="Report/evidence")
    if type(value["exit"]) is not int or not 0 <= value["exit"] <= 9:
        raise DecodeError("not an exit code", path="Report/exit")
    decided = _time(value["decided"], "decided")
    if decided is None:
        raise DecodeError("no time", path="Report/decided")
    return Report(
        evidence=printed_evidence.decode(held[1]) if held[0] else card_evidence.decode(held[1]),
        decided=decided,
        sector=_text(value["sector"], "sector"),
        exit_code=value["exit"],
        reasons=tuple(_text(reason, "reasons") for reason in reasons),
        trust_signed=_time(value["trust"], "trust"),
        status_signed=_time(value["status"], "status"),
        note=_text(value["note"], "note", MAX_NOTE),
        software=_text(value["software"], "software"),
    )


def _seconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())


def _time(value: object, path: str) -> datetime | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= _LAST_SECOND:
        raise DecodeError("not a time", path=f"Report/{path}")
    return datetime.fromtimestamp(value, UTC)


def _text(value: object, path: str, most: int = _MAX_TEXT) -> str:
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise DecodeError(f"not a printable text of at most {most} characters", path=f"Report/{path}")
    return value
