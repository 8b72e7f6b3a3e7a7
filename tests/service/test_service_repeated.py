"""A request that comes again is answered what it was answered before, whatever has become of the world since."""

from __future__ import annotations

from typing import Any

from issuer.acts.journal import StoreJournal
from issuer.domain.roles import Role
from issuer.journal import Binding, IntentKind
from issuer.store.ledger import Drawer
from tests.service.house import House
from tests.service.test_service_rules_audit import _rule_set
from tests.status_places import at

SERIAL = "00" * 9 + "01"


def twice(house: House, client: Any, path: str, body: Any, *, between: Any = None) -> dict[str, Any]:
    """The same request with the same key, `between` done in between; the receipt that both gave."""
    headers = house.key()
    first = client.post(f"/api/v1{path}", json=body, headers=headers)
    assert first.status_code == 200, first.text
    if between is not None:
        between()
    again = client.post(f"/api/v1{path}", json=body, headers=headers)
    assert again.status_code == 200, again.text
    assert again.json() == first.json() | {"replayed": True}
    receipt: dict[str, Any] = first.json()
    return receipt


def in_force(house: House) -> str:
    """A permit on a card in the hand; the card as the journal tells of it, without a chip."""
    found = house.approved()
    house.blanks(SERIAL)
    registrar = house.as_(Role.REGISTRAR, "community")
    house.act(registrar, f"/applications/{found['application']}/blank", {"desk": "desk-1", "serial": SERIAL})
    token = registrar.headers["Authorization"].removeprefix("Bearer ")
    present = house.service.sessions.present(token)
    assert present is not None
    drawer = Drawer(district_id=house.places["community"], desk="desk-1")
    journal, card = StoreJournal(house.service.store, present.actor, drawer), bytes.fromhex(SERIAL)
    binding = Binding(
        permit_number=found["permit"],
        profile_digest=bytes(32),
        valid_from=house.today(),
        endorsed_until=house.today().replace(year=house.today().year + 1),
    )
    intent = journal.begin(IntentKind.ISSUE, permit_number=found["permit"], reader="r")
    journal.identify(intent, card)
    journal.bind(intent, card, binding, at(7))
    journal.verified(card)
    journal.activated(intent, card)
    house.act(registrar, f"/applications/{found['application']}/handover", {"slip": found["slip"]})
    return str(found["permit"])


def new_rules(house: House) -> None:
    administrator = house.as_(Role.KEY_ADMINISTRATOR)
    house.act(administrator, "/rule-sets", _rule_set("2027-1"), status=201)
    house.act(administrator, "/rule-sets/2027-1/activate")


def test_an_approval_after_the_rules_changed(house: House) -> None:
    application = house.accepted()["application"]
    approver = house.as_(Role.APPROVER, "community")
    receipt = twice(house, approver, f"/applications/{application}/approve", None, between=lambda: new_rules(house))
    assert receipt["data"]["rule_set"] == "2026-1"


def test_an_endorsement(house: House) -> None:
    """What the rules give depends on the day until which it runs, and this very act has changed that day."""
    permit = in_force(house)
    house.clock.pass_by(days=340)
    house.people = dict.fromkeys(house.people, "")  # the session has ended meanwhile
    registrar = house.as_(Role.REGISTRAR, "community")
    body = {
        "address": {"address": "Elsewhere 2", "since": house.today().isoformat(), "district": house.places["other"]}
    }
    receipt = twice(house, registrar, f"/permits/{permit}/endorse", body, between=lambda: new_rules(house))
    assert {"address", "district", "valid until"} <= {change["name"] for change in receipt["data"]["changes"]}


def test_a_move_out_of_reach(house: House) -> None:
    permit = in_force(house)
    registrar = house.as_(Role.REGISTRAR, "community")
    twice(house, registrar, f"/permits/{permit}/move-district", {"district": house.places["other"]})
    refused = house.act(registrar, f"/permits/{permit}/move-district", {"district": house.places["city"]}, status=403)
    assert refused["code"] == "district"
