"""Rules in force and those that are not; the audit chain, its signatures and what happens to a changed record."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from issuer.domain.roles import Role
from issuer.service import cli, entitlements
from issuer.store.models.people import Holder
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests.service import house as houses
from tests.service.house import START, House


@pytest.fixture
def keyed(url: str, tmp_path: Path) -> Iterator[House]:
    """An office whose process has the authority's keys."""
    home = tmp_path / "home"
    raw = resources.files("issuer.samples").joinpath("authority.json").read_bytes()
    Authority.create(home, parse(raw), b"opens", clock=lambda: START, cost=ScryptCost(log2_n=1))
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("opens\n")
    with houses.opened(home, url, PERMIT_PASSPHRASE_FILE=str(passphrase)) as opened:
        yield opened


def _rule_set(version: str, **more: Any) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(resources.files("issuer.rules.sets").joinpath("2026-1.json").read_text("utf-8"))
    return tree | {"version": version} | more


def test_a_new_rule_set_is_looked_at_before_it_decides(house: House) -> None:
    house.registered()
    administrator = house.as_(Role.KEY_ADMINISTRATOR)
    house.act(administrator, "/rule-sets", _rule_set("2027-1"), status=201)
    check = administrator.get("/api/v1/rule-sets/2027-1/check").json()
    assert check["sound"] is True
    job = administrator.post("/api/v1/rule-sets/2027-1/effect").json()
    house.service.jobs.close()
    found = administrator.get(f"/api/v1/effects/{job['id']}").json()
    assert (found["state"], found["result"]["holders"], found["result"]["affected"]["count"]) == ("done", 1, 0)
    house.act(administrator, "/rule-sets/2027-1/activate")
    states = {row["version"]: row["state"] for row in administrator.get("/api/v1/rule-sets").json()}
    assert states == {"2026-1": "retired", "2027-1": "active"}
    again = house.act(administrator, "/rule-sets/2027-1/activate", status=409)
    assert again["code"] == "wrong-state"


def test_all_mistakes_of_a_rule_set_are_told(house: House) -> None:
    administrator = house.as_(Role.KEY_ADMINISTRATOR)
    refused = house.act(administrator, "/rule-sets", {"version": "x"}, status=422)
    assert refused["code"] == "rules-mistakes"
    assert len(refused["errors"]) > 3


def test_an_unsound_rule_set_is_not_activated(house: House) -> None:
    administrator = house.as_(Role.KEY_ADMINISTRATOR)
    tree = _rule_set("2027-2")
    tree["services"].pop(next(iter(tree["services"])))
    house.act(administrator, "/rule-sets", tree, status=201)
    refused = house.act(administrator, "/rule-sets/2027-2/activate", status=422)
    assert refused["code"] == "rules-unsound"


def test_a_checkpoint_vouches_for_the_chain(keyed: House) -> None:
    keyed.registered()
    administrator, auditor = keyed.as_(Role.KEY_ADMINISTRATOR), keyed.as_(Role.AUDITOR)
    signed = keyed.act(administrator, "/audit/checkpoints")
    found = auditor.get("/api/v1/audit/verification").json()
    assert found["checkpoints"] == 1
    assert found["signed_seq"] == signed["data"]["seq"]
    export = auditor.get("/api/v1/audit/export")
    assert export.text.startswith("audit 1 0 ")
    path = keyed.service.settings.home / "export"
    path.write_bytes(export.content)
    assert cli.main(["audit", "verify", "--home", str(keyed.service.settings.home), "--file", str(path)]) == 0
    path.write_bytes(export.content.replace(b'"role":"registrar"', b'"role":"approver"', 1))
    assert cli.main(["audit", "verify", "--home", str(keyed.service.settings.home), "--file", str(path)]) == 1


def test_a_changed_record_is_found(house: House) -> None:
    house.registered()
    auditor = house.as_(Role.AUDITOR)
    assert auditor.get("/api/v1/audit/verification").status_code == 200
    with house.service.engine.begin() as connection:
        # The database itself refuses; whoever owns it can take that away.
        if house.service.engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit_record DISABLE TRIGGER USER"))
        else:
            query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_record'"
            for name in connection.execute(text(query)).scalars().all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("UPDATE audit_record SET actor = 'somebody else' WHERE seq = 3"))
    broken = auditor.get("/api/v1/audit/verification")
    assert (broken.status_code, broken.json()["code"], broken.json()["facts"]["seq"]) == (409, "chain-broken", 3)


def test_audit_records_name_nobody(house: House) -> None:
    house.accepted()
    auditor = house.as_(Role.AUDITOR)
    page = auditor.get("/api/v1/audit", params={"limit": 500}).text
    for personal in ("Native", "CHEN", "WANG", "书香里", "1991-04-17"):
        assert personal not in page


def test_an_auditor_of_a_district_sees_its_acts(house: House) -> None:
    house.registered(1, "community")
    house.registered(2, "other")
    paths = {row["place"] for row in house.as_(Role.AUDITOR, "county").get("/api/v1/audit").json()["records"]}
    community = f"/{house.places['city']}/{house.places['county']}/"
    assert paths
    assert all(path.startswith(community) for path in paths)


def test_a_process_without_keys_says_so(house: House) -> None:
    administrator = house.as_(Role.KEY_ADMINISTRATOR)
    for path in ("/audit/checkpoints", "/status-list"):
        refused = house.act(administrator, path, status=503)
        assert refused["code"] == "keys-unusable"
    assert administrator.get("/api/v1/keys").json()["usable"] is False


def test_keys_are_listed_without_their_secrets(keyed: House) -> None:
    found = keyed.as_(Role.KEY_ADMINISTRATOR).get("/api/v1/keys").json()
    assert found["usable"] is True
    assert {"csca", "document-signer", "entitlement-signer"} <= {key["purpose"] for key in found["keys"]}
    assert set(found["keys"][0]) == {"name", "purpose", "state", "active_until", "signatures", "cap"}


def test_the_cells_of_all_holders_are_what_is_known_of_each(house: House) -> None:
    """The quick way over two million holders gives what the careful one does for one."""
    for number in range(1, 4):
        house.registered(number)
    person = house.person(4, "other", facts={"children": "2019-07-08", "points": 60, "district": "990155"})
    house.act(house.as_(Role.REGISTRAR, "other"), "/holders", person)
    with house.service.store.read() as transaction:
        [batch] = entitlements.batches(transaction)
        holders = transaction.scalars(select(Holder)).all()
        quick = dict(zip(batch.ids, zip(batch.places, zip(*batch.facts, strict=True), strict=True), strict=True))
        assert len(holders) == len(quick) == 4
        for holder in holders:
            place, cells = quick[holder.id]
            assert place == holder.district_id
            assert cells == entitlements.known(transaction, holder).row()


def _stricter(version: str = "2027-1") -> dict[str, Any]:
    """A place at school for those alone who stay three years; everybody in the house has a bit more than two."""
    tree = _rule_set(version)
    tree["services"]["H01"] = {"when": {"residence": {"at_least": 36}}}
    return tree


def test_the_effect_is_shown_by_district_and_adds_up(house: House) -> None:
    for number, place in enumerate(("community", "community", "sibling", "town", "other"), 1):
        house.registered(number, place)
    administrator = house.as_(Role.KEY_ADMINISTRATOR)
    house.act(administrator, "/rule-sets", _stricter(), status=201)
    job = administrator.post("/api/v1/rule-sets/2027-1/effect").json()["id"]
    house.service.jobs.close()

    def seen(district: str, client: Any = administrator) -> Any:
        answer = client.get(f"/api/v1/effects/{job}", params={"district": house.places[district]})
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    whole = administrator.get(f"/api/v1/effects/{job}").json()["result"]
    assert whole == seen("city")
    assert (whole["holders"], whole["affected"]["count"], whole["losing"], whole["gaining"]) == (5, 5, 5, 0)
    assert [(row["name"], row["affected"]) for row in whole["districts"]] == [("County", 4), ("Other", 1)]
    town = seen("town")
    # Who is registered at the town itself stands under its own id.
    assert {row["name"]: row["affected"] for row in town["districts"]} == {"Community": 2, "Sibling": 1, "Town": 1}
    assert town["services"]["H01"]["lost"]["count"] == 4
    assert set(town["affected"]["examples"]) == {1, 2, 3, 4}
    for found in (whole, seen("county"), town, seen("community")):
        for figure in ("holders", "gaining", "losing"):
            assert sum(row[figure] for row in found["districts"]) == found[figure]
        assert sum(row["affected"] for row in found["districts"]) == found["affected"]["count"]


def test_what_a_version_says_otherwise_is_told_in_words(house: House) -> None:
    administrator, registrar = house.as_(Role.KEY_ADMINISTRATOR), house.as_(Role.REGISTRAR, "community")
    house.act(administrator, "/rule-sets", _stricter(), status=201)

    def told(version: str, lang: str = "en") -> Any:
        answer = registrar.get(f"/api/v1/rule-sets/{version}/changes", headers={"Accept-Language": lang})
        assert answer.status_code == 200, answer.text
        return answer.json()

    draft = told("2027-1")
    assert draft["against"] == "2026-1"
    assert [(item["goal"], item["kind"]) for item in draft["changes"]] == [("H01", "changed")]
    assert draft["changes"][0]["after"]["conditions"] == [{"text": "residence: 36 months or more", "other": True}]
    assert told("2027-1", "zh")["changes"][0]["after"]["conditions"][0]["text"] == "居住时间：36个月以上"
    assert told("2026-1") == {"version": "2026-1", "against": None, "changes": []}
    house.act(administrator, "/rule-sets/2027-1/activate")
    assert told("2027-1") == draft  # in force: still beside the one before it
    rows = {row["version"]: row for row in administrator.get("/api/v1/rule-sets").json()}
    assert rows["2026-1"]["replaced_at"] == rows["2027-1"]["activated_at"]
    assert rows["2027-1"]["replaced_at"] is None
    assert rows["2027-1"]["effective_from"] == "2026-01-01"


def test_an_effect_is_shown_within_reach_only(house: House) -> None:
    for number, place in enumerate(("community", "sibling", "other"), 1):
        house.registered(number, place)
    administrator = house.as_(Role.KEY_ADMINISTRATOR)
    house.act(administrator, "/rule-sets", _stricter(), status=201)
    job = administrator.post("/api/v1/rule-sets/2027-1/effect").json()["id"]
    house.service.jobs.close()
    for role in (Role.APPROVER, Role.AUDITOR, Role.KEY_ADMINISTRATOR):
        client = house.as_(role, "town")
        for path in (f"/api/v1/effects/{job}", "/api/v1/rule-sets/2027-1/effect"):
            own = client.get(path).json()["result"]
            assert (own["district"], own["holders"]) == (house.places["town"], 2)
            assert set(own["affected"]["examples"]) == {1, 2}
            assert {row["name"] for row in own["districts"]} == {"Community", "Sibling"}
            assert own["services"]["H01"]["kept"] is None
            for beyond in ("city", "county", "other"):
                refused = client.get(path, params={"district": house.places[beyond]})
                assert (refused.status_code, refused.json()["code"]) == (403, "district")
            unknown = client.get(path, params={"district": 987654})
            assert (unknown.status_code, unknown.json()["code"]) == (404, "no-district")
        assert client.delete(f"/api/v1/effects/{job}").status_code == 403
    registrar = house.as_(Role.REGISTRAR, "town").get(f"/api/v1/effects/{job}")
    assert (registrar.status_code, registrar.json()["code"]) == (403, "role")


def test_a_computation_can_be_stopped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.registered()
    administrator = house.as_(Role.KEY_ADMINISTRATOR)
    house.act(administrator, "/rule-sets", _stricter(), status=201)
    read, go_on = threading.Event(), threading.Event()
    batches = entitlements.batches

    def slow(transaction: Any) -> Iterator[Any]:
        for batch in batches(transaction):
            read.set()
            assert go_on.wait(30)
            yield batch

    monkeypatch.setattr(entitlements, "batches", slow)
    job = administrator.post("/api/v1/rule-sets/2027-1/effect").json()["id"]
    assert read.wait(30)
    assert administrator.get("/api/v1/rule-sets/2027-1/effect").json()["state"] == "running"
    assert administrator.delete(f"/api/v1/effects/{job}").status_code == 200
    go_on.set()
    house.service.jobs.close()
    found = administrator.get(f"/api/v1/effects/{job}").json()
    assert (found["state"], found["result"]) == ("stopped", None)
    assert administrator.get("/api/v1/rule-sets/2027-1/effect").json()["code"] == "no-run"
    again = administrator.post("/api/v1/rule-sets/2027-1/effect").json()["id"]
    house.service.jobs.close()
    done = administrator.delete(f"/api/v1/effects/{again}").json()  # too late: it stays as it is
    assert (done["state"], done["result"]["holders"]) == ("done", 1)
