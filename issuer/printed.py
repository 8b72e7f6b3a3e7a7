"""The signed code for the back of a card: from an application just issued, or from what an endorsed card says now.

Signed with the key of entitlements; the signature stands in the journal before it is made, as every signature for a
card does. What goes into a code, and what never does: `card_profiles.printed_code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from card_profiles import printed_code
from card_profiles.printed_code import OPEN_SERVICES, DoesNotFit, PrintedCode
from card_profiles.protocols.pace import Password
from keys.algorithms import Purpose
from keys.envelopes import cose
from verifier import printed
from verifier.policy import OF_A_PRINTED_CODE, Policy

from .application import PermitApplication
from .assemble import StatusReference, Validity, civil_date, latin_name
from .desk import Desk
from .endorse import SECTOR, Current, known_card, read_card
from .errors import Refusal, Refused
from .journal import CardRecord, SignedBy
from .writer import CardWriter

_ANY_STATUS = 2**32 - 1  # takes as much room as an index can


def require_room(application: PermitApplication, desk: Desk) -> None:
    """Whether a code for `application` fits its symbol, whatever index and signature it gets.

    Uses no key. Raises Refused(CONTENT_TOO_LARGE).
    """
    status = StatusReference(uri=desk.status_uri, index=_ANY_STATUS)
    until = application.endorsed_until
    code = _of_application(application, application.valid_from, until, status, desk.now())
    try:
        printed_code.fitted(code, kid=desk.entitlement_signer().kid)
    except DoesNotFit as error:
        raise _too_large(error) from error


def of_issued(application: PermitApplication, card: CardRecord, desk: Desk) -> str:
    """The text for a card that was issued for `application`. Raises Refused."""
    assert card.valid_from is not None
    assert card.endorsed_until is not None
    status = StatusReference(uri=card.status_uri, index=card.status_index)
    code = _of_application(application, card.valid_from, card.endorsed_until, status, desk.now())
    return _signed(code, card.serial, desk)


def of_card(desk: Desk, writer: CardWriter, password: Password) -> tuple[CardRecord, str]:
    """The text for an activated card, from what it says now: read as a counter would, and genuine.

    Raises Refused, TransportFailed; DATE_PAST for a card whose endorsement was missed. Neither card nor its journal
    row changes.
    """
    desk.check_ready()
    card = known_card(desk, writer.identify(), None)
    current = read_card(desk, writer, password, card)
    today = civil_date(desk.now())
    if current.standing.until < today:
        raise Refused(Refusal.DATE_PAST, value=current.standing.until)
    return card, _signed(_of_current(current, desk.now()), card.serial, desk)


def _of_application(
    application: PermitApplication, begins: date, until: date, status: StatusReference, now: datetime
) -> PrintedCode:
    validity = Validity.over(begins, until, now=now)
    return PrintedCode(
        document_number=application.document_number,
        birth_date=application.birth_date,
        expiry_date=application.expiry_date,
        name_latin=latin_name(application.primary, application.secondary),
        name_native=application.name_native,
        sex=application.sex,
        permit_number=application.permit_number,
        permit_class=application.permit_class,
        services=_open(dict(application.entitlements)),
        signed=validity.signed,
        valid_from=validity.begins,
        valid_until=validity.ends,
        status_index=status.index,
        status_uri=status.uri,
    )


def _of_current(current: Current, now: datetime) -> PrintedCode:
    permit, mso = current.permit, current.mso
    signed = now.astimezone(UTC).replace(microsecond=0)
    return PrintedCode(
        document_number=current.document_number,
        birth_date=permit.birth_date,
        expiry_date=current.expiry,
        name_latin=permit.name_latin,
        name_native=permit.name_native,
        sex=permit.sex,
        permit_number=permit.number,
        permit_class=permit.permit_class,
        services=_open(current.standing.services),
        signed=signed,
        valid_from=max(signed, mso.valid_from),
        valid_until=mso.valid_until,
        status_index=mso.status_index,
        status_uri=mso.status_uri,
    )


def _open(services: Mapping[str, date]) -> dict[str, date]:
    return {code: until for code, until in services.items() if code in OPEN_SERVICES}


def _signed(code: PrintedCode, serial: bytes, desk: Desk) -> str:
    """Signed, and judged as a counter would judge it. Raises Refused: CONTENT_TOO_LARGE, CROSS_CHECK."""
    signer = desk.entitlement_signer()
    try:
        code = printed_code.fitted(code, kid=signer.kid)
    except DoesNotFit as error:
        raise _too_large(error) from error
    desk.journal.signed(serial, [SignedBy(purpose=Purpose.ENTITLEMENT_SIGNER, kid=signer.kid, at=code.signed)])
    text = printed_code.encode(code, sign=cose.raw_signer(signer.private_key), kid=signer.kid)
    from card_profiles.entitlements import catalogue

    policy = Policy(sector=SECTOR, catalogue=catalogue.load(), required=OF_A_PRINTED_CODE)
    # Judged at the moment from which it counts: a permit may be printed ahead.
    verdict = printed.verify(printed.envelope([text]), desk.trust(), policy, now=max(desk.now(), code.valid_from))
    if not verdict.genuine.good or printed_code.decode(text).code != code:
        raise Refused(Refusal.CROSS_CHECK, checker="printed code", error=", ".join(verdict.reasons))
    return text


def _too_large(error: DoesNotFit) -> Refused:
    return Refused(Refusal.CONTENT_TOO_LARGE, file="QR", size=error.length, limit=printed_code.MAX_TEXT)
