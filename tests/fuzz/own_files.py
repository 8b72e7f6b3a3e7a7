"""Files that we write ourselves and read back after they were elsewhere: evidence, support files, the usage log."""

from __future__ import annotations

from card_profiles import printed_code
from keys.envelopes import enveloped
from tests.factory import NOW, authority, decide, key
from tests.printed_codes import text
from verifier import printed_evidence, support, usage_log, usage_report
from verifier.printed_evidence import PrintedEvidence

from .hostile_card import good_permit
from .target import Target


def _printed_evidence() -> tuple[bytes, ...]:
    found = PrintedEvidence(captured=NOW, sector="culture", code=printed_code.unwrap(text()))
    return (printed_evidence.encode(found),)


def _report() -> tuple[bytes, ...]:
    refused = decide(good_permit().evidence(), authority("elsewhere").trust())
    return tuple(
        support.encode(support.report_of(one, refused, note="来过两次"))
        for one in (good_permit().evidence(), printed_evidence.decode(_printed_evidence()[0]))
    )


_SUPPORT_KEY = key("support")


def sealed(raw: bytes) -> None:
    """A file for the authority: opened with its key, then read."""
    support.decode(enveloped.open_sealed(raw, _SUPPORT_KEY))


def _sealed() -> tuple[bytes, ...]:
    return (enveloped.seal(_report()[1], _SUPPORT_KEY.public_key(), bytes(20), bytes),)


def _usage_record() -> tuple[bytes, ...]:
    body = {"seq": 1, "prev": usage_log.START, "kind": "hour", "period": "2026-06-01T10", "sector": "health"}
    return (usage_log.encode({**body, "checks": 9, "counts": {"entitled:H01": 9}}).encode(),)


def _usage_export() -> tuple[bytes, ...]:
    found = usage_report.totals([usage_log.decode(_usage_record()[0])], "520103")
    return (usage_report.export_json(found, records=1, head=usage_log.START).encode(),)


OWN_FILES: dict[str, Target] = {
    "printed evidence": Target(run=printed_evidence.decode, seeds=_printed_evidence, weight=4),
    "support file": Target(run=sealed, seeds=_sealed, weight=4),
    "report": Target(run=support.decode, seeds=_report, weight=4),
    "usage record": Target(run=usage_log.decode, seeds=_usage_record, weight=4),
    "usage export": Target(run=usage_report.import_json, seeds=_usage_export, weight=4),
}
