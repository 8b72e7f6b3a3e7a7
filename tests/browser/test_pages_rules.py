"""The pages of rules: what a new version says otherwise, whom it would change and where, activated on its day."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from issuer.domain.roles import Role
from issuer.service import entitlements
from issuer.store.models.people import District, Holder
from tests import holders
from tests.service import house as houses

from . import pages_house
from .accessibility import serious
from .conftest import Look
from .pages_house import Desk
from .pictures import save

MORE = 23  # villages beside those of the house: more than one list shows by name
HOLDERS = 260


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An office with many villages and holders."""
    with pages_house.served(tmp_path) as served:
        house, town = served.house, served.house.places["town"]
        with house.service.store.read() as transaction:
            path = transaction.get_one(District, town).path
        villages = [
            {
                "id": 100 + n,
                "code": f"v{n}",
                "name": f"第{n}村",
                "level": 4,
                "parent_id": town,
                "path": f"{path}{100 + n}/",
            }
            for n in range(MORE)
        ]
        with house.service.engine.begin() as connection:
            connection.execute(insert(District), villages)
            connection.execute(insert(Holder), list(_holders(house, [village["id"] for village in villages])))
        yield served


def _holders(house: houses.House, villages: list[Any]) -> Iterator[dict[str, Any]]:
    random = Random(2)
    here = [*villages, house.places["community"], house.places["town"]]
    for number, row in holders.rows(HOLDERS, seed=5):
        facts = dict(zip(holders.NAMES, row, strict=True))
        since, birth = str(facts.pop("residence"))[:10], str(facts.pop("birth"))
        away = number % 5 == 0
        place = house.places["other"] if away else random.choice(here)
        yield {
            "name_native": "某人",
            "latin_surname": "SOME",
            "latin_given": "BODY",
            "sex": "X",
            "birth_date": date.fromisoformat(birth),
            "nationality": "UTO",
            "address": "x",
            "address_since": date.fromisoformat(since),
            "residence_since": date.fromisoformat(since),
            "facts": json.dumps(
                {name: cell for name, cell in facts.items() if cell is not None and name != "district"}
            ),
            "registered_at": houses.START,
            "registered_by": 1,
            "version": 1,
            "district_id": place,
            "county_id": house.places["other" if away else "county"],
            "town_id": None if away else house.places["town"],
            "community_id": place if not away and place != house.places["town"] else None,
        }


def _changed(**more: Any) -> dict[str, Any]:
    """Class 2 after two years instead of three, loans after three instead of one, E06 by points, S01 for nobody."""
    tree: dict[str, Any] = json.loads(resources.files("issuer.rules.sets").joinpath("2026-1.json").read_text("utf-8"))
    tree |= {"version": "2027-1", "zh": "新版居住证规则", "en": "Residence permit rules, revised"} | more
    tree["classes"]["2"]["all_of"][0] = {"residence": {"at_least": 24}}
    tree["services"]["E06"]["when"] = {"all_of": [{"see": "child_entering_school"}, {"points": {"at_least": 40}}]}
    tree["services"]["C03"]["when"] = {"all_of": [{"see": "adult"}, {"residence": {"at_least": 36}}]}
    return tree


def _fine(page: Page, name: str) -> None:
    save(page, name)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"


def _figures(page: Page, row: str) -> list[int]:
    """Holders, affected, gain, lose of the lines of a table."""
    texts = page.locator(f"table.by-district {row} td").all_inner_texts()
    return [int(text.split()[0].replace(",", "")) for text in texts]


@pytest.mark.parametrize(("lang", "size"), [("zh", "desk"), ("en", "tablet")])
def test_a_new_version_is_understood_before_it_decides(
    desk: Desk, look: Look, lang: str, size: str, tmp_path: Path
) -> None:
    draft = tmp_path / "draft.json"
    draft.write_text(json.dumps(_changed(effective_from="2027-01-01")), "utf-8")
    page = look(lang=lang, size=size)  # type: ignore[arg-type]
    desk.sign_in(page, Role.KEY_ADMINISTRATOR, "city")
    page.goto(f"{desk.base}/desk/rules")
    page.set_input_files("#document", str(draft))
    page.locator("#main button.button").click()
    page.wait_for_url("**/rules/2027-1?*")

    table = page.locator("table.rule-changes")
    loans = table.locator("tr", has_text="C03")
    expect(loans.locator("del")).to_have_text(
        "居住时间：12个月以上" if lang == "zh" else "residence: 12 months or more"
    )
    expect(loans.locator("ins")).to_have_text(
        "居住时间：36个月以上" if lang == "zh" else "residence: 36 months or more"
    )
    assert table.locator("tbody tr").count() == 3  # class 2, C03 and E06
    expect(page.locator("ul.columns li", has_text="J06")).to_be_visible()  # worded as before, but it rests on class 2
    _fine(page, f"desk-rules-draft-{lang}-{size}")

    page.locator("form[action$='/effect'] button").click()
    expect(page.locator("table.by-district")).to_be_visible()
    _fine(page, f"desk-rules-effect-{lang}-{size}")
    total = _figures(page, "tfoot")
    assert total[0] == HOLDERS
    assert 0 < total[1] < HOLDERS

    # Down to the town: the twenty most affected by name, the others in one line, and all of them add up.
    way = [("County", 2), ("Town", 22)]
    for name, lines in way:
        page.locator("table.by-district tbody").get_by_role("link", name=name, exact=True).click()
        expect(page.locator(".trail [aria-current]")).to_have_text(name)
        total, cells = _figures(page, "tfoot"), _figures(page, "tbody")
        assert [sum(cells[column::4]) for column in range(4)] == total
        assert page.locator("table.by-district tbody tr").count() <= lines
    affected = _figures(page, "tbody")[1::4][:20]
    assert affected == sorted(affected, reverse=True)
    expect(page.locator("table.by-district tbody tr").last).to_contain_text("其余 6 个" if lang == "zh" else "6 more")
    _fine(page, f"desk-rules-effect-town-{lang}-{size}")
    page.locator("table.by-district tbody tr").last.get_by_role("link").click()
    expect(page.locator("table.by-district tbody tr")).to_have_count(MORE + 3)
    assert _figures(page, "tfoot") == total
    page.locator(".trail a").first.click()
    assert _figures(page, "tfoot")[0] == HOLDERS
    page.emulate_media(media="print")
    expect(page.locator("#print")).to_be_hidden()
    save(page, f"desk-rules-effect-print-{lang}-{size}")
    page.emulate_media(media="screen")

    # Its own day lies ahead: activated today only by somebody who says so.
    page.goto(f"{desk.base}/desk/rules/2027-1")
    expect(page.locator("#activate .notice.wait")).to_be_visible()
    _fine(page, f"desk-rules-known-{lang}-{size}")
    page.evaluate("document.querySelector('[name=early]').required = false")
    page.locator("#activate button").click()
    expect(page.locator("#problem")).to_be_visible()
    page.locator("[name=early]").check(force=True)
    page.locator("#activate button").click()
    expect(page.locator("tr", has_text="2027-1").locator(".badge.good")).to_be_visible()
    expect(page.locator("tr", has_text="2026-1").locator(".badge.calm")).to_be_visible()
    _fine(page, f"desk-rules-history-{lang}-{size}")
    page.locator("tr", has_text="2027-1").get_by_role("link").click()
    expect(page.locator("#activate")).to_have_count(0)
    expect(page.locator("table.rule-changes tbody tr")).to_have_count(3)
    page.locator("details", has=page.locator("dl")).locator("summary").click()
    _fine(page, f"desk-rules-in-force-{lang}-{size}")


def test_a_computation_is_watched_and_stopped(desk: Desk, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.house.act(desk.house.as_(Role.KEY_ADMINISTRATOR), "/rule-sets", _changed(), status=201)
    go_on = threading.Event()
    batches = entitlements.batches

    def slow(transaction: Any) -> Iterator[Any]:
        for batch in batches(transaction):
            yield batch
            assert go_on.wait(60)
            yield batch

    monkeypatch.setattr(entitlements, "batches", slow)
    page = look(lang="en")
    desk.sign_in(page, Role.KEY_ADMINISTRATOR, "city")
    page.goto(f"{desk.base}/desk/rules/2027-1")
    page.locator("form[action$='/effect'] button").click()
    expect(page.locator("#said")).to_have_text(f"Working it out: {HOLDERS} of {HOLDERS} holders")
    _fine(page, "desk-rules-running-en-desk")
    page.locator("form[action$='/stop'] button").click()
    expect(page.locator("#running")).to_be_visible()
    go_on.set()
    expect(page.locator("main")).to_contain_text("nothing has changed")
    page.goto(f"{desk.base}/desk/rules/2027-1")
    expect(page.locator("form[action$='/effect'] button")).to_be_visible()  # as if it had never begun


def test_an_approver_sees_the_effect_within_reach(desk: Desk, look: Look) -> None:
    administrator = desk.house.as_(Role.KEY_ADMINISTRATOR)
    desk.house.act(administrator, "/rule-sets", _changed(), status=201)
    job = administrator.post("/api/v1/rule-sets/2027-1/effect").json()["id"]
    desk.house.service.jobs.close()
    page = look(lang="zh", size="tablet")
    desk.sign_in(page, Role.APPROVER, "town")
    page.goto(f"{desk.base}/desk/rules/2027-1")
    expect(page.locator("form[action$='/effect'], form[action$='/activate']")).to_have_count(0)
    page.get_by_role("link", name="查看影响").click()
    expect(page.locator(".trail li")).to_have_count(1)
    expect(page.locator(".trail")).to_contain_text("Town")
    assert _figures(page, "tfoot")[0] < HOLDERS
    _fine(page, "desk-rules-effect-approver-zh-tablet")
    answer = page.goto(f"{desk.base}/desk/rules/2027-1/effect/{job}?district={desk.house.places['other']}")
    assert answer is not None
    assert answer.status == 403
    answer = page.goto(f"{desk.base}/desk/rules/2027-1/effect/{job}?district=x")
    assert answer is not None
    assert answer.status == 404


def test_pages_of_rules_work_without_script(desk: Desk, look: Look) -> None:
    desk.house.act(desk.house.as_(Role.KEY_ADMINISTRATOR), "/rule-sets", _changed(), status=201)
    page = look(lang="en", script=False)
    desk.sign_in(page, Role.KEY_ADMINISTRATOR, "city")
    page.goto(f"{desk.base}/desk/rules/2027-1")
    page.locator("form[action$='/effect'] button").click()
    expect(page.locator("table.by-district")).to_be_visible()
    expect(page.locator("#print")).to_be_hidden()
    page.get_by_role("link", name="County", exact=True).click()
    expect(page.locator(".trail [aria-current]")).to_have_text("County")
