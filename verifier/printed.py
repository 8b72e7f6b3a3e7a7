"""A printed code instead of a card: the same numbered procedure as far as paper goes, at a stated lower assurance.

Steps 4, 6, 7, 10 and 11 run as for a card. There is no step 5 (all is in one envelope) and no step 8: nothing in a
printed code can show that it is the original. So *genuine* never comes out better than a warning, the verdict says
`Assurance.PRINTED`, and `Verdict.require` raises unless its caller says that print is enough.

Pure, like `verify`: no clock, no network; text, trust and policy in, verdict out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from card_profiles import printed_code
from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.sector_files import SectorEntitlements
from card_profiles.printed_code import PrintedCode, SignedCode
from card_profiles.protocols.pace import Password
from keys.algorithms import Purpose
from keys.errors import DecodeError
from keys.trust import TrustStore

from .checks import chip, freshness, services, signature, status, validity
from .checks.signers import signer_reason
from .policy import OF_A_PRINTED_CODE, Policy
from .read_failed import ReadFailed
from .reason import Reason
from .verdict import Assurance, DataAge, Facet, Holder, Outcome, ServiceEntitlement, Step, Verdict
from .verify import CURRENT, GENUINE, clock_set_back, facet, withheld, without_signed, without_trust

_READING = "3"


def envelope(texts: Iterable[str]) -> bytes:
    """The COSE_Sign1 of the first text that is wrapped as a permit's code is; its content is not looked at.

    A scanner that types ends with a line break: it is no part of the code. Raises ReadFailed: CODE_NOT_FOUND without
    any text, CODE_OF_OTHER_KIND.
    """
    failed = ReadFailed(Reason.CODE_NOT_FOUND, _READING)
    for text in texts:
        try:
            return printed_code.unwrap(text.rstrip("\r\n"))
        except DecodeError as error:
            failed = ReadFailed(Reason.CODE_OF_OTHER_KIND, _READING, str(error))
    raise failed


def password(texts: Iterable[str]) -> Password:
    """The MRZ password that the code carries: it opens the chip, or it does not, so it needs no signature.

    Raises ReadFailed: CODE_NOT_FOUND, CODE_OF_OTHER_KIND.
    """
    raw = envelope(texts)
    try:
        return Password.from_mrz(printed_code.parse(raw).code.mrz_password())
    except ValueError as error:
        raise ReadFailed(Reason.CODE_OF_OTHER_KIND, _READING, str(error)) from error


def verify(
    raw: bytes,
    trust: TrustStore | None,
    policy: Policy,
    *,
    now: datetime,
    begin: Callable[[str], None] | None = None,
) -> Verdict:
    """Decide about the COSE_Sign1 of a code. `policy.required` is replaced by what paper can give; otherwise as
    `verifier.verify.verify`, and like it this never raises for what the code or a file of trust data holds.
    """
    tell = begin or (lambda _: None)
    policy = replace(policy, required=OF_A_PRINTED_CODE)
    if trust is None:
        return _printed(without_trust(Reason.TRUST_MISSING, policy, now))

    tell(signature.NUMBER)  # 4
    try:
        trust_signed = trust.as_of(trust.crl_time())
    except Exception as error:
        if signer_reason(error) is None:
            raise
        return _printed(without_trust(Reason.TRUST_DAMAGED, policy, now, str(error)))
    signed, code = _signed(raw, trust, now=now, crl_grace=policy.crl_grace)
    if code is None:
        return _printed(without_signed(signed, trust_signed, policy, now))

    tell(status.NUMBER)  # 7 before 6: the list's date is a floor for the clock
    looked = status.check(code, trust, now=now, crl_grace=policy.crl_grace)
    ages = DataAge(trust_signed=trust_signed, status_signed=looked.signed)
    set_back = clock_set_back(ages, policy, now)

    tell(validity.NUMBER)  # 6
    valid = _validity(code, now=now, set_back=set_back)

    tell(services.NUMBER)  # 10
    entitled, granted, services_step = _services(code, policy, now)
    if stale := freshness.against_services(ages, policy, now=now):
        entitled, granted, services_step = withheld(stale, granted, services_step)

    tell(freshness.NUMBER)  # 11
    fresh = freshness.check(ages, policy, now=now, set_back=set_back)

    steps = [signed, valid, looked.step]
    no_chip = Step(number=chip.NUMBER, outcome=Outcome.NOT_CHECKED, reasons=(Reason.COPY_NOT_EXCLUDED,))
    return _printed(
        Verdict(
            sector=policy.sector,
            at=now,
            genuine=facet(steps, GENUINE, policy),
            current=facet(steps, CURRENT, policy),
            entitled=entitled,
            data_age=Facet(outcome=fresh.outcome, reasons=fresh.reasons, details=(fresh.detail,)),
            services=granted,
            holder=_holder(code),
            valid_until=code.valid_until,
            ages=ages,
            steps=(*steps, no_chip, services_step, fresh),
        )
    )


def _signed(raw: bytes, trust: TrustStore, *, now: datetime, crl_grace: timedelta) -> tuple[Step, PrintedCode | None]:
    """Step 4, as for an MSO: chain of the signer at the time of signing, then the signature over the bytes as read."""
    try:
        scanned: SignedCode = printed_code.parse(raw)
    except DecodeError as error:
        return Step.failed(signature.NUMBER, Reason.MALFORMED, str(error)), None
    kid = scanned.envelope.kid
    if kid is None:
        return Step.failed(signature.NUMBER, Reason.SIGNER_UNKNOWN, "no kid"), None
    at = scanned.code.signed
    try:
        signer = trust.signer(kid, purpose=Purpose.ENTITLEMENT_SIGNER, at=at, now=now, crl_grace=crl_grace)
        scanned.envelope.verify(signer.public_key)
    except Exception as error:
        reason = signer_reason(error)
        if reason is None:
            raise
        return Step.failed(signature.NUMBER, reason, str(error)), None
    return Step.passed(signature.NUMBER, f"signer {kid.hex()}, {at.isoformat()}"), scanned.code


def _validity(code: PrintedCode, *, now: datetime, set_back: bool) -> Step:
    """The end of a print is not the end of the permit: an endorsement changes the chip, not the paper."""
    step = validity.check(code, now=now, set_back=set_back)
    if step.reasons == (Reason.ENDORSEMENT_MISSED,):
        return replace(step, reasons=(Reason.PRINTED_CODE_EXPIRED,))
    return step


def _services(code: PrintedCode, policy: Policy, now: datetime) -> tuple[Facet, tuple[ServiceEntitlement, ...], Step]:
    """Open services are granted as the code says; of the others it says nothing, which is never a no."""
    sector: Sector = policy.sector
    printed = SectorEntitlements(sector=sector, services=code.of(sector))
    found, granted, step = services.check(printed, policy.catalogue, sector, policy.day(now))
    reasons = (*(reason for reason in found.reasons if reason is not Reason.NO_SERVICES), Reason.SERVICES_ON_CHIP_ONLY)
    outcome = Outcome.WARNING if found.good else Outcome.NOT_CHECKED
    return Facet(outcome=outcome, reasons=reasons), granted, replace(step, outcome=outcome, reasons=reasons)


def _holder(code: PrintedCode) -> Holder:
    return Holder(
        number=code.permit_number,
        name_native=code.name_native,
        name_latin=code.name_latin,
        birth_date=code.birth_date,
        sex=code.sex,
        permit_class=code.permit_class,
        authority="",
    )


def _printed(verdict: Verdict) -> Verdict:
    """The stated lower assurance, whatever the outcome."""
    genuine = verdict.genuine
    if genuine.good:
        reasons = (*genuine.reasons, Reason.COPY_NOT_EXCLUDED)
        genuine = replace(genuine, outcome=Outcome.WARNING, reasons=reasons)
    return replace(verdict, genuine=genuine, assurance=Assurance.PRINTED)
