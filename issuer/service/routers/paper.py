"""Paper: the slip that an applicant takes home, the faces of a card, the receipt of a card handed over; as PDF.

Printing is an act: it takes an Idempotency-Key and stands in the audit chain. The same state gives the same bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from fastapi import Request, Response
from sqlalchemy.orm import Session as Transaction

from ... import application as applications
from ... import paper, printed
from ...acts.journal import StoreJournal
from ...assemble import civil_date
from ...desk import Desk
from ...domain.application_life import ApplicationState
from ...domain.reasons import Reason, refusal
from ...domain.roles import Act
from ...errors import Refusal, Refused
from ...paper import CardFace, register
from ...store.ledger import Drawer
from ...store.models.people import District
from ...store.models.permits import Application
from ...store.models.stock import Card
from ...texts import refusal_lines
from ..access import Call, Caller, Endpoints, by_act
from ..problem_texts import Code
from ..problems import Problem, language
from ..schemas.paper import CardFaceIn
from .applications import ApplicationId
from .holders import today, within

api = Endpoints("paper")
PDF = "application/pdf"
_PRINT = by_act(Act.PRINT)
_CITY = 1  # the first district is the authority itself
_ANSWER: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {"content": {PDF: {"schema": {"type": "string", "format": "binary"}}}, "description": "the sheet"}
    },
}
_KEYS = (Refusal.KEYS_EXPIRED, Refusal.NO_AUTHORITY, Refusal.KEYS_LOCKED, Refusal.TRUST_UNUSABLE)


@api.act(
    "/applications/{application}/paper/slip",
    _PRINT,
    "Print the slip",
    Reason.NO_APPLICATION,
    Reason.WRONG_STATE,
    **_ANSWER,
)
def slip(application: ApplicationId, call: Caller, request: Request) -> Response:
    """A5. While something is missing: the notice of everything that is, told once. From acceptance on: the slip with
    its number, the day by which the card is ready, and the checklist."""
    with call.store.read() as transaction:
        waiting = _application(transaction, application, call)
        record = register.slip_of(transaction, waiting, office=_office(transaction, call))
    return _sheet(call, request, application, record.kind.value, lambda: paper.slip(record))


@api.act(
    "/applications/{application}/paper/receipt",
    _PRINT,
    "Print the handover receipt",
    Reason.NO_APPLICATION,
    Reason.WRONG_STATE,
    Reason.NO_CARD,
    **_ANSWER,
)
def receipt(application: ApplicationId, call: Caller, request: Request) -> Response:
    """A5, for the holder's signature: when the card is ready, or after it was handed over."""
    with call.store.read() as transaction:
        waiting = _application(transaction, application, call)
        record = register.receipt_of(transaction, waiting, office=_office(transaction, call), today=today(call))
    return _sheet(call, request, application, "receipt", lambda: paper.handover_receipt(record))


@api.act(
    "/applications/{application}/paper/card",
    _PRINT,
    "Print the card",
    Reason.NO_APPLICATION,
    Reason.WRONG_STATE,
    Reason.NO_CARD,
    Code.NO_CAPTURE,
    Code.KEYS_UNUSABLE,
    **_ANSWER,
)
def card(application: ApplicationId, body: CardFaceIn, call: Caller, request: Request) -> Response:
    """Front and back, two pages of 85.60 × 53.98 mm, when the card is in force and not handed over yet: portrait, MRZ
    as in DG1, CAN, and the signed code, which is made for it."""
    with call.store.read() as transaction:
        waiting = _application(transaction, application, call)
        if waiting.state != ApplicationState.READY:
            raise refusal(Reason.WRONG_STATE, table="application", state=waiting.state, event=Act.PRINT)
        permit, written = register.card_of(transaction, waiting)
        document, photo = register.document_and_photo(transaction, waiting, permit)
    if photo is None:
        raise Problem(Code.NO_CAPTURE)
    desk = _desk(call, written)

    def drawn() -> bytes:
        asked = applications.parse(document, today=civil_date(desk.now()), start=permit.valid_from)
        issued = desk.journal.card(bytes.fromhex(written.serial))
        if issued is None:
            raise refusal(Reason.NO_CARD, serial=written.serial)
        code = printed.of_issued(asked, issued, desk)
        face = CardFace.of(
            asked, desk.office, can=body.can, photo=photo, code=code, office_en=_english(call, desk.office.name)
        )
        return paper.card_face(face)

    return _sheet(call, request, application, "card", drawn)


def _sheet(call: Call, request: Request, application: int, what: str, draw: Callable[[], bytes]) -> Response:
    """Drawn, noted, answered: what cannot be drawn was not printed."""
    try:
        content = draw()
    except Refused as refused:
        if refused.reason in _KEYS:
            raise Problem(Code.KEYS_UNUSABLE, reason=refused.reason) from refused
        code = Code.UNAVAILABLE if refused.reason is Refusal.FONT_MISSING else Reason.INVALID_VALUE
        detail = refusal_lines(refused, language(request))[0]
        raise Problem(code, detail=detail, reason=refused.reason) from refused
    call.done(register.printed(*call.by, application, what, key=call.key))
    headers = {"Content-Disposition": f'inline; filename="{what}-{application}.pdf"'}
    return Response(content, media_type=PDF, headers=headers)


def _application(transaction: Transaction, application: int, call: Call) -> Application:
    return within(transaction, transaction.get(Application, application), call.actor.place, Reason.NO_APPLICATION)


def _office(transaction: Transaction, call: Call) -> str:
    """The authority's name; without its keys, that of its city."""
    keys = call.service.keys
    return transaction.get_one(District, _CITY).name if keys is None else keys.desk.office.name


def _english(call: Call, name: str) -> str:
    """The authority's English name, beside a Chinese one."""
    assert call.service.keys is not None
    english = call.service.keys.authority.settings.name_en
    return "" if english == name else english


def _desk(call: Call, written: Card) -> Desk:
    keys = call.service.keys
    if keys is None:
        raise Problem(Code.KEYS_UNUSABLE, reason=call.service.keyless)
    drawer = Drawer(district_id=written.district_id, desk=written.desk)
    return dataclasses.replace(keys.desk, journal=StoreJournal(call.store, call.actor, drawer))
