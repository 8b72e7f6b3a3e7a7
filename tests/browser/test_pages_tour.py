"""Every page of the desk, looked at by whoever may: both languages, both sizes, with the accessibility checker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from issuer.domain.roles import Role

from . import pages_house
from .accessibility import serious
from .conftest import CROSSED, Look
from .pages_house import Desk
from .pictures import save

CARDS = tuple(f"{number:020x}" for number in range(0xA0, 0xA8))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An office in the middle of its day."""
    with pages_house.served(tmp_path) as served:
        house = served.house
        house.blanks(*CARDS)
        house.registered(1)
        house.accepted(2)
        house.accepted(3)
        house.approved(4)
        registrar = house.as_(Role.REGISTRAR, "community")
        house.act(registrar, f"/cards/{CARDS[7]}/spoil", {"reason": "scratched"})
        yield served


TOURS = {
    Role.REGISTRAR: (
        ("today", "/desk/"),
        ("registration", "/desk/registration"),
        ("documents", "/desk/applications/1/documents"),
        ("photo", "/desk/applications/1/photo"),
        ("entitlements", "/desk/applications/1/entitlements"),
        ("application", "/desk/applications/2"),
        ("queue", "/desk/queue?state=accepted"),
        ("deadlines", "/desk/deadlines"),
        ("search", "/desk/search?q=native"),
        ("holder", "/desk/holders/4"),
        ("address", "/desk/holders/4/address"),
        ("move", "/desk/holders/4/district"),
        ("permit", "/desk/permits/{permit}"),
        ("permit-entitlements", "/desk/permits/{permit}/entitlements"),
        ("endorsements", "/desk/endorsements"),
        ("stock", "/desk/stock"),
        ("stock-receive", "/desk/stock/receive"),
        ("stock-transfer", "/desk/stock/transfer"),
        ("stock-close", "/desk/stock/close"),
        ("stock-cards", "/desk/stock/cards?state=received"),
        ("stock-card", f"/desk/stock/cards/{CARDS[0]}"),
        ("not-found", "/desk/nothing-here"),
    ),
    Role.APPROVER: (
        ("approver-today", "/desk/"),
        ("approvals", "/desk/approvals"),
        ("decide", "/desk/applications/2/decide"),
        ("stock-destroy", "/desk/stock/destroy?desk=desk-1"),
    ),
    Role.AUDITOR: (
        ("auditor-today", "/desk/"),
        ("audit", "/desk/audit"),
        ("audit-verified", "/desk/audit/verification"),
    ),
    Role.KEY_ADMINISTRATOR: (
        ("administrator-today", "/desk/"),
        ("rules", "/desk/rules"),
        ("rule-set", "/desk/rules/2026-1"),
        ("people", "/desk/people"),
        ("appoint", "/desk/people/appoint"),
        ("place", "/desk/people/place"),
        ("operator", "/desk/people/2"),
        ("keys", "/desk/keys"),
    ),
}


@pytest.mark.parametrize(("lang", "size"), CROSSED)
def test_every_page_is_accessible_and_says_where_one_is(desk: Desk, look: Look, lang: str, size: str) -> None:
    page = look(lang=lang, size=size)
    with desk.house.service.store.read() as transaction:
        from sqlalchemy import select

        from issuer.store.models.permits import Permit

        permit = transaction.scalars(select(Permit.number)).one()
    page.goto(f"{desk.base}/desk/sign-in")
    save(page, f"desk-sign-in-{lang}-{size}")
    faults = [("sign-in", fault) for fault in serious(page)]
    for role, tour in TOURS.items():
        desk.sign_in(page, role, "city" if role in (Role.AUDITOR, Role.KEY_ADMINISTRATOR) else "community")
        for name, path in tour:
            answer = page.goto(desk.base + path.format(permit=permit))
            assert answer is not None
            assert answer.status == (404 if name == "not-found" else 200), (name, answer.status)
            assert page.locator("html").get_attribute("lang") == ("zh-CN" if lang == "zh" else "en")
            assert page.locator("h1").count() == 1, name
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"
            save(page, f"desk-{name}-{lang}-{size}")
            faults += [(name, fault) for fault in serious(page)]
    assert faults == []
