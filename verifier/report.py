"""What a clerk sees: the verdict with its facets apart, the services of the sector, the age of our data, the steps.

Symbols carry the meaning, colour only repeats it, and only on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .policy import CHIP_ADDS
from .read_failed import ReadFailed
from .reason import Reason
from .texts import FACETS, LABELS, OUTCOMES, REASONS, STEPS, Language, Text, text
from .verdict import Assurance, ExitCode, Facet, Outcome, ServiceEntitlement, Step, Verdict

SCHEMA = "residence-permit-check/1"
"""The form of what machines are told; another number when a member goes or changes its meaning."""

_SYMBOLS = {Outcome.PASSED: "[+]", Outcome.WARNING: "[!]", Outcome.FAILED: "[x]", Outcome.NOT_CHECKED: "[?]"}
_COLOURS = {Outcome.PASSED: "32", Outcome.WARNING: "33", Outcome.FAILED: "31", Outcome.NOT_CHECKED: "35"}
_HEADLINES = {
    ExitCode.ACCEPTED: ("accepted", Outcome.PASSED),
    ExitCode.REFUSED: ("refused", Outcome.FAILED),
    ExitCode.OWN_DATA: ("own_data", Outcome.NOT_CHECKED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What reading took; milliseconds of the whole check."""

    commands: int
    bytes_sent: int
    bytes_received: int
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Language, and whether colours are wanted."""

    language: Language
    colour: bool = False

    def say(self, pair: Text) -> str:
        return text(pair, self.language)

    def mark(self, outcome: Outcome) -> str:
        symbol = _SYMBOLS[outcome]
        return f"\x1b[{_COLOURS[outcome]}m{symbol}\x1b[0m" if self.colour else symbol


def human(verdict: Verdict, style: Style, effort: Effort | None) -> str:
    """Lines for a terminal."""
    say = style.say
    label, outcome = _HEADLINES[verdict.exit_code]
    lines = [f"{style.mark(outcome)} {say(LABELS[label])}"]
    if verdict.assurance is Assurance.PRINTED:
        lines.append(f"{style.mark(Outcome.WARNING)} {say(LABELS['printed'])}")
        lines.append(f"    {say(LABELS['chip_adds'])}{', '.join(say(STEPS[check]) for check in CHIP_ADDS)}")
    if verdict.holder is not None and verdict.genuine.good:
        holder = verdict.holder
        name = " / ".join(part for part in (holder.name_native, holder.name_latin) if part)
        permit_class = f"{say(LABELS['class'])} {holder.permit_class}"
        lines.append(f"    {name}  {holder.number}  {holder.birth_date.isoformat()}  {permit_class}")
    if verdict.address and verdict.genuine.good:
        lines.append(f"    {say(LABELS['address'])} {verdict.address}")
    if verdict.valid_until is not None and verdict.genuine.good:
        lines.append(f"    {say(LABELS['endorsed'])} {verdict.valid_until.date().isoformat()}")
    for name in FACETS:
        title = say(FACETS[name])
        if name == "entitled":
            title = f"{title} ({say((verdict.sector.zh, verdict.sector.en))})"
        lines += _facet(title, getattr(verdict, name), style)
        if name == "entitled":
            lines += [_service(service, style) for service in verdict.services]
    lines += _ages(verdict, style)
    lines.append(say(LABELS["steps"]))
    lines += [_step(step, style) for step in verdict.steps]
    if effort is not None:
        lines.append(
            f"    {effort.commands} {say(LABELS['commands'])}, "
            f"{effort.bytes_sent} + {effort.bytes_received} {say(LABELS['bytes'])}, {effort.milliseconds:.0f} ms"
        )
    return "\n".join(lines)


def failure(failed: ReadFailed, style: Style) -> str:
    """One line: what is wrong and what to do."""
    return f"{style.mark(Outcome.FAILED)} {style.say(REASONS[failed.reason])}"


def _facet(title: str, facet: Facet, style: Style) -> list[str]:
    head = f"{style.mark(facet.outcome)} {title}: {style.say(OUTCOMES[facet.outcome])}"
    # What the services say themselves is not said twice.
    told = {Reason.SERVICE_EXPIRED, Reason.SERVICE_NOT_IN_CATALOGUE, Reason.SERVICE_OF_OTHER_SECTOR}
    reasons = [reason for reason in facet.reasons if reason not in told]
    return [head, *(f"      {style.say(REASONS[reason])}" for reason in reasons)]


def _service(service: ServiceEntitlement, style: Style) -> str:
    name = style.say((service.zh, service.en)) or service.code
    outcome = Outcome.PASSED if service.entitled else Outcome.FAILED
    line = f"      {style.mark(outcome)} {service.code} {name} {style.say(LABELS['until'])} {service.until.isoformat()}"
    return line if service.reason is None else f"{line}: {style.say(REASONS[service.reason])}"


def _ages(verdict: Verdict, style: Style) -> Iterable[str]:
    for label, signed in (("trust", verdict.ages.trust_signed), ("status", verdict.ages.status_signed)):
        age = style.say(LABELS["missing"]) if signed is None else _age(verdict.at - signed, style)
        yield f"      {style.say(LABELS[label])}: {age}"


def _age(age: timedelta, style: Style) -> str:
    hours = max(0, round(age.total_seconds() / 3600))
    if hours == 1:
        return f"1 {style.say(LABELS['hour'])}"
    number, label = (hours, "hours") if hours < 48 else (hours // 24, "days")
    return f"{number} {style.say(LABELS[label])}"


def _step(step: Step, style: Style) -> str:
    took = "" if step.milliseconds is None else f"{step.milliseconds:8.1f} ms"
    return f"    {style.mark(step.outcome)} {step.number:<3}{took:>12}  {style.say(STEPS[step.number])}"


def json_tree(verdict: Verdict, effort: Effort | None) -> dict[str, object]:
    """The whole verdict for machines: reason codes, no texts. docs/INTEGRATION.md has their JSON Schema."""
    holder = verdict.holder
    return {
        "schema": SCHEMA,
        "kind": "verdict",
        "accepted": verdict.accepted,
        "exit_code": int(verdict.exit_code),
        "assurance": verdict.assurance,
        "chip_adds": list(CHIP_ADDS) if verdict.assurance is Assurance.PRINTED else [],
        "sector": verdict.sector,
        "at": verdict.at.isoformat(),
        "reasons": list(verdict.reasons),
        "facets": {name: _facet_tree(getattr(verdict, name)) for name in FACETS},
        "address": verdict.address if verdict.genuine.good else "",
        "services": [
            {
                "code": service.code,
                "zh": service.zh,
                "en": service.en,
                "until": service.until.isoformat(),
                "entitled": service.entitled,
                "reason": service.reason,
            }
            for service in verdict.services
        ],
        "holder": None
        if holder is None or not verdict.genuine.good
        else {
            "number": holder.number,
            "name_native": holder.name_native,
            "name_latin": holder.name_latin,
            "birth_date": holder.birth_date.isoformat(),
            "sex": holder.sex,
            "class": holder.permit_class,
            "authority": holder.authority,
        },
        "valid_until": _iso(verdict.valid_until),
        "data": {"trust_signed": _iso(verdict.ages.trust_signed), "status_signed": _iso(verdict.ages.status_signed)},
        "steps": [
            {
                "number": step.number,
                "outcome": step.outcome,
                "reasons": list(step.reasons),
                "detail": step.detail,
                "milliseconds": None if step.milliseconds is None else round(step.milliseconds, 2),
            }
            for step in verdict.steps
        ],
        "effort": None
        if effort is None
        else {
            "commands": effort.commands,
            "bytes_sent": effort.bytes_sent,
            "bytes_received": effort.bytes_received,
            "milliseconds": round(effort.milliseconds, 2),
        },
    }


def failure_tree(failed: ReadFailed, exit_code: ExitCode) -> dict[str, object]:
    """A reading that came to no verdict, for machines."""
    return {
        "schema": SCHEMA,
        "kind": "failure",
        "accepted": False,
        "exit_code": int(exit_code),
        "reasons": [failed.reason],
        "step": failed.number,
        "detail": failed.detail,
    }


def _facet_tree(facet: Facet) -> dict[str, object]:
    return {"outcome": facet.outcome, "reasons": list(facet.reasons), "details": list(facet.details)}


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
