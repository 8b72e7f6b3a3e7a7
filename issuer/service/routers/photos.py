"""Photos: what to change in one, and the one that is kept for the card."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request, Response
from sqlalchemy.orm import Session as Transaction

from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1

from ... import photo_check
from ...acts import applications
from ...domain.reasons import Reason
from ...domain.roles import Act
from ...errors import Refused
from ...photo_check.finding_texts import spoken
from ...photo_check.upload import MEDIA_TYPES
from ...store.models.people import Capture
from ...store.models.permits import Application
from ...texts import Language, refusal_lines
from ..access import Call, Caller, Endpoints, Scope, by_act
from ..photo_desk import beside
from ..problem_texts import Code
from ..problems import Problem, language
from ..schemas.base import ReceiptOut
from ..schemas.photos import BoxOut, FindingOut, PhotoCheckOut
from .applications import ApplicationId
from .holders import within

api = Endpoints("photos")
CHECK = "/photos/check"
ROOM = RESIDENCE_PERMIT_V1.identity.file("DG2").size
_STORED = ("image/jpeg", "image/jp2")
_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES},
    }
}
T = TypeVar("T")


@api.other(
    "POST",
    CHECK,
    by_act(Act.CAPTURE, Scope.SESSION),
    "Look at a photo",
    Code.PHOTO,
    Code.MEDIA_TYPE,
    response_model=PhotoCheckOut,
    openapi_extra=_UPLOAD,
)
async def look(call: Caller, request: Request) -> Any:
    """What to change, and the picture for the card: cut like a passport's, upright, in standard colours, with nothing
    in it but the picture. Nothing is stored: PUT the `picture` to the application, or the upload itself. JPEG, PNG or
    JPEG 2000, at most 8 MiB and 40 million pixels."""
    raw, lang = await _uploaded(request), language(request)
    report = await beside(lambda: _said(lambda: photo_check.check(raw, limit=ROOM), lang))
    return PhotoCheckOut(
        good=report.good,
        findings=[_finding(finding, lang) for finding in report.findings],
        width=report.width,
        height=report.height,
        face=None if report.face is None else _box(report.face),
        crop=_box(report.crop),
        picture=base64.b64encode(report.picture).decode(),
        picture_type=_kind(report.picture),
        picture_width=report.picture_width,
        picture_height=report.picture_height,
        picture_size=len(report.picture),
    )


@api.act(
    "/applications/{application}/photo",
    by_act(Act.CAPTURE),
    "Keep the photo",
    Reason.NO_APPLICATION,
    Reason.WRONG_STATE,
    Code.PHOTO,
    Code.MEDIA_TYPE,
    method="PUT",
    response_model=ReceiptOut,
    openapi_extra=_UPLOAD,
)
async def keep_photo(application: ApplicationId, call: Caller, request: Request) -> Any:
    """A JPEG or JPEG 2000 of the right shape, that fits on the card and holds nothing but its picture, is kept as it
    is; from anything else the picture that `POST /photos/check` shows. It is deleted so many days after the handover as
    the settings say."""
    raw, lang = await _uploaded(request), language(request)

    def keep() -> Any:
        if not call.repeated():
            with call.store.read() as transaction:
                _application(transaction, application, call)
        image = _said(lambda: photo_check.for_card(raw, limit=ROOM), lang)
        return applications.capture_photo(*call.by, application, image, key=call.key)

    return call.done(await beside(keep))


@api.get(
    "/applications/{application}/photo",
    by_act(Act.READ_HOLDER),
    "The photo",
    Reason.NO_APPLICATION,
    Code.NO_CAPTURE,
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in _STORED}, "description": "the image"}},
)
def see_photo(application: ApplicationId, call: Caller) -> Response:
    """For the second officer to compare; until it is deleted."""
    with call.store.read() as transaction:
        _application(transaction, application, call)
        found = transaction.get(Capture, (application, applications.PHOTO))
    if found is None:
        raise Problem(Code.NO_CAPTURE)
    return Response(found.content, media_type=_kind(found.content))


async def _uploaded(request: Request) -> bytes:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in MEDIA_TYPES:
        raise Problem(Code.MEDIA_TYPE, known=", ".join(MEDIA_TYPES))
    return await request.body()


def _said(work: Callable[[], T], lang: Language) -> T:
    try:
        return work()
    except Refused as refused:
        raise Problem(Code.PHOTO, detail=refusal_lines(refused, lang)[0], reason=refused.reason) from refused


def _application(transaction: Transaction, application: int, call: Call) -> Application:
    return within(transaction, transaction.get(Application, application), call.actor.place, Reason.NO_APPLICATION)


def _kind(image: bytes) -> str:
    return _STORED[0] if image.startswith(b"\xff\xd8") else _STORED[1]


def _box(box: photo_check.Box) -> BoxOut:
    return BoxOut(left=box.left, top=box.top, width=box.width, height=box.height)


def _finding(finding: photo_check.Finding, lang: Language) -> FindingOut:
    title, action = spoken(finding, lang)
    return FindingOut(
        flaw=finding.flaw,
        severity=finding.severity,
        measured=finding.measured,
        limit=finding.limit,
        unit=finding.unit,
        title=title,
        action=action,
    )
