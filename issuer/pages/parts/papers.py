"""Paper from a button: the slip, the faces of the card, the receipt. Each opens as a PDF in a tab of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from ...service.routers import paper
from ...service.schemas.paper import CardFaceIn
from ..site import Page, Site, View
from . import applications

site = Site()
_SHEETS: dict[str, Callable[..., Any]] = {"slip": paper.slip, "receipt": paper.receipt}


def _declare(name: str, endpoint: Callable[..., Any]) -> None:
    @site.form(f"/applications/{{application}}/paper/{name}", endpoint, back=_back)
    def sheet(view: View, application: int) -> Response:
        drawn: Response = endpoint(application, view.call, view.request)
        return drawn


def _back(view: View, application: int) -> Page:
    """What is refused is told on the page of the application."""
    return applications.overview(view, application)


for _name, _endpoint in _SHEETS.items():
    _declare(_name, _endpoint)


@site.form("/applications/{application}/paper/card", paper.card, back=_back)
def face(view: View, application: int) -> Response:
    """Front and back, with the number that the card was written with."""
    return paper.card(application, CardFaceIn(can=view.text("can")), view.call, view.request)
