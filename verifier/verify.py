"""The numbered procedure of docs/VERIFICATION.md, steps 4 to 11: evidence, trust and policy in, verdict out.

Pure: no clock, no network, no card; the trust store reads its own files when it is first asked. Steps run in order, and
a step whose ground is missing is *not checked*, which counts as failed where the policy requires it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from card_profiles.entitlements.mso import MobileSecurityObject
from card_profiles.entitlements.sector_files import PermitData
from keys.trust import TrustStore

from .checks import chip, digests, freshness, portrait, services, signature, status, validity
from .checks.signers import signer_reason
from .evidence import Evidence
from .policy import Check, Policy
from .reason import Reason
from .verdict import DataAge, Facet, Holder, Outcome, ServiceEntitlement, Step, Verdict

GENUINE = (Check.SIGNATURE, Check.DIGESTS, Check.CHIP, Check.PORTRAIT, Check.IDENTITY)
CURRENT = (Check.VALIDITY, Check.STATUS)
_SEVERITY = (Outcome.FAILED, Outcome.NOT_CHECKED, Outcome.WARNING, Outcome.PASSED)


def verify(
    evidence: Evidence,
    trust: TrustStore | None,
    policy: Policy,
    *,
    now: datetime,
    begin: Callable[[str], None] | None = None,
) -> Verdict:
    """Decide. `now` is in UTC. `trust` None means that this machine has none. `begin` hears the number of each step.

    Never raises for what a card or a file of trust data holds: that is in the verdict. Call `Verdict.require`.
    """
    tell = begin or _ignore
    if trust is None:
        return without_trust(Reason.TRUST_MISSING, policy, now)

    tell(signature.NUMBER)  # 4
    try:
        trust_signed = trust.as_of(trust.crl_time())
    except Exception as error:
        if signer_reason(error) is None:
            raise
        return without_trust(Reason.TRUST_DAMAGED, policy, now, str(error))
    signed = signature.check(evidence, trust, now=now, crl_grace=policy.crl_grace)
    mso = signed.mso
    if mso is None:
        return without_signed(signed.step, trust_signed, policy, now)

    tell(digests.NUMBER)  # 5
    elements = digests.check(evidence, mso, policy.sector)

    tell(status.NUMBER)  # 7 before 6: the list's date is a floor for the clock
    looked = status.check(mso, trust, now=now, crl_grace=policy.crl_grace)
    ages = DataAge(trust_signed=trust_signed, status_signed=looked.signed)
    set_back = clock_set_back(ages, policy, now)

    tell(validity.NUMBER)  # 6
    valid = validity.check(mso, now=now, set_back=set_back)

    tell(chip.NUMBER)  # 8
    chip_step = chip.check(evidence, mso.device_key)
    steps = [signed.step, elements.step, valid, looked.step, chip_step]
    steps += _identity_steps(evidence, mso, elements.permit, trust, policy, now, tell)  # 9

    tell(services.NUMBER)  # 10
    entitled, granted, services_step = _services(elements, policy, now)
    if stale := freshness.against_services(ages, policy, now=now):
        entitled, granted, services_step = withheld(stale, granted, services_step)

    tell(freshness.NUMBER)  # 11
    fresh = freshness.check(ages, policy, now=now, set_back=set_back)

    return Verdict(
        sector=policy.sector,
        at=now,
        genuine=facet(steps, GENUINE, policy),
        current=facet(steps, CURRENT, policy),
        entitled=entitled,
        data_age=Facet(outcome=fresh.outcome, reasons=fresh.reasons, details=(fresh.detail,)),
        services=granted,
        address="" if elements.entitlements is None else elements.entitlements.address,
        holder=_holder(elements.permit),
        valid_until=mso.valid_until,
        ages=ages,
        steps=(*steps, services_step, fresh),
    )


def _identity_steps(
    evidence: Evidence,
    mso: MobileSecurityObject,
    permit: PermitData | None,
    trust: TrustStore,
    policy: Policy,
    now: datetime,
    tell: Callable[[str], None],
) -> list[Step]:
    """Step 9, as far as it was asked for or something was read."""
    steps = []
    if evidence.portrait or Check.PORTRAIT in policy.required:
        tell(Check.PORTRAIT)
        steps.append(Step.not_checked(Check.PORTRAIT) if permit is None else portrait.check(evidence, permit))
    if len(evidence.identity) > bool(evidence.portrait) or Check.IDENTITY in policy.required:
        tell(Check.IDENTITY)
        if permit is None:
            steps.append(Step.not_checked(Check.IDENTITY))
        else:
            from .checks import identity

            steps.append(identity.check(evidence, mso, permit, trust, now=now, crl_grace=policy.crl_grace))
    return steps


def _services(
    elements: digests.Elements, policy: Policy, now: datetime
) -> tuple[Facet, tuple[ServiceEntitlement, ...], Step]:
    if elements.entitlements is None:
        step = Step.not_checked(services.NUMBER, "the sector's file was not read or is not genuine")
        return Facet(outcome=step.outcome, reasons=step.reasons), (), step
    return services.check(elements.entitlements, policy.catalogue, policy.sector, policy.day(now))


def withheld(
    stale: tuple[Reason, ...], granted: tuple[ServiceEntitlement, ...], step: Step
) -> tuple[Facet, tuple[ServiceEntitlement, ...], Step]:
    """No service on data that is too old for it: what the card says of them may have ended since."""
    step = replace(step, outcome=Outcome.NOT_CHECKED, reasons=(*stale, *step.reasons))
    held = tuple(replace(one, reason=one.reason or stale[0]) for one in granted)
    return Facet(outcome=step.outcome, reasons=step.reasons), held, step


def facet(steps: list[Step], checks: tuple[Check, ...], policy: Policy) -> Facet:
    """The worst of the steps; one that is not required and did not run does not count."""
    by_number = {step.number: step for step in steps}
    counted = []
    for check in checks:
        step = by_number.get(check) or Step.not_checked(check)
        if check in policy.required or step.outcome is not Outcome.NOT_CHECKED:
            counted.append(step)
    outcome = next(
        (level for level in _SEVERITY if any(step.outcome is level for step in counted)), Outcome.NOT_CHECKED
    )
    reasons = tuple(dict.fromkeys(reason for step in counted for reason in step.reasons))
    details = tuple(f"{step.number}: {step.detail}" for step in counted if step.reasons and step.detail)
    return Facet(outcome=outcome, reasons=reasons, details=details)


def clock_set_back(ages: DataAge, policy: Policy, now: datetime) -> bool:
    """Signed times of our data have certainly been, and so has the watermark."""
    known = [time for time in (policy.watermark, ages.trust_signed, ages.status_signed) if time is not None]
    return validity.clock_set_back(now, max(known, default=None), policy.clock_tolerance)


def _holder(permit: PermitData | None) -> Holder | None:
    if permit is None:
        return None
    return Holder(
        number=permit.number,
        name_native=permit.name_native,
        name_latin=permit.name_latin,
        birth_date=permit.birth_date,
        sex=permit.sex,
        permit_class=permit.permit_class,
        authority=permit.authority,
    )


def without_trust(reason: Reason, policy: Policy, now: datetime, detail: str = "") -> Verdict:
    """Nothing can be decided, and nothing on the card is shown."""
    first = Step.failed(signature.NUMBER, reason, detail)
    age = Step(number=freshness.NUMBER, outcome=Outcome.FAILED, reasons=(reason,), detail=detail)
    return _undecided(first, age, DataAge(trust_signed=None, status_signed=None), policy, now)


def without_signed(first: Step, trust_signed: datetime | None, policy: Policy, now: datetime) -> Verdict:
    """What was to be believed is not genuine: the age of our trust data can still be told, for it may be the cause."""
    ages = DataAge(trust_signed=trust_signed, status_signed=None)
    set_back = clock_set_back(ages, policy, now)
    fresh = freshness.check(ages, policy.without(Check.STATUS), now=now, set_back=set_back)
    return _undecided(first, fresh, ages, policy, now)


def _undecided(first: Step, age: Step, ages: DataAge, policy: Policy, now: datetime) -> Verdict:
    rest = [Step.not_checked(check) for check in Check if check is not Check.SIGNATURE and (check in policy.required)]
    steps = [first, *rest]
    nothing = Step.not_checked(services.NUMBER)
    return Verdict(
        sector=policy.sector,
        at=now,
        genuine=facet(steps, GENUINE, policy),
        current=facet(steps, CURRENT, policy),
        entitled=Facet(outcome=nothing.outcome, reasons=nothing.reasons),
        data_age=Facet(outcome=age.outcome, reasons=age.reasons, details=(age.detail,)),
        ages=ages,
        steps=(*steps, nothing, age),
    )


def _ignore(_: str) -> None:
    pass
