"""One person under two spellings, and who may reach where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.domain.checklist import REQUIRED, Item, missing
from issuer.domain.names import match_keys, number_hash, search_key
from issuer.domain.places import Level, Place, parse_path
from issuer.domain.roles import Act, Actor, Role

SAME = [
    (("陈晓雯", "CHEN", "XIAOWEN"), ("CHEN XIAOWEN", "CHEN", "XIAOWEN")),
    (("陈晓雯", "CHEN", "XIAOWEN"), ("陈晓雯", "", "")),
    (("陈晓雯", "CHEN", "XIAOWEN"), ("Xiaowen Chen", "XIAOWEN", "CHEN")),
    (("陈晓雯", "CHEN", "XIAO WEN"), ("", "CHEN", "XIAOWEN")),
    (("吕思远", "LYU", "SIYUAN"), ("Lü Siyuan", "LÜ", "SIYUAN")),
    (("吕思远", "LYU", "SIYUAN"), ("LV SIYUAN", "LV", "SIYUAN")),
    (("阿依古丽·买买提", "MAIMAITI", "AYIGULI"), ("阿依古丽买买提", "", "")),
    (("Иванов Иван", "IVANOV", "IVAN"), ("IVAN IVANOV", "IVAN", "IVANOV")),
    (("Þórðarson Sören", "THORDARSON", "SOEREN"), ("", "Þórðarson", "Sören")),
    (("ＣＨＥＮ　ＸＩＡＯＷＥＮ", "CHEN", "XIAOWEN"), ("chen xiaowen", "Chen", "Xiaowen")),
]
OTHER = [
    (("陈晓雯", "CHEN", "XIAOWEN"), ("陈晓文", "CHEN", "XIAOWE")),
    (("陈晓雯", "CHEN", "XIAOWEN"), ("张晓雯", "ZHANG", "XIAOWEN")),
    (("Nguyễn Thị Hồng Anh", "NGUYEN", "THI HONG ANH"), ("", "NGUYEN", "THI HONG LINH")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_person(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert match_keys(*one) & match_keys(*other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_people(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert not match_keys(*one) & match_keys(*other)


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_keys_take_any_text(native: str, surname: str, given_name: str) -> None:
    for key in match_keys(native, surname, given_name):
        assert key[:2] in ("n:", "l:")
        assert " " not in key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("  Müller-Lüdenscheidt ", "muller ludenscheidt"),
        ("O'Brien", "obrien"),
        ("阿依古丽·买买提", "阿依古丽 买买提"),
        ("ＣＨＥＮ", "chen"),
        ("Straße", "strasse"),
    ],
)
def test_search_key(name: str, key: str) -> None:
    assert search_key(name) == key


@given(st.text(max_size=60))
def test_search_key_is_stable(name: str) -> None:
    assert search_key(search_key(name)) == search_key(name)


def test_number_hash() -> None:
    one = number_hash("110101 19900307-765x", b"secret")
    assert one == number_hash("11010119900307765X", b"secret")
    assert one != number_hash("11010119900307765X", b"other")
    assert len(one) == 64


def test_places() -> None:
    city, town, other = parse_path("/1/"), parse_path("/1/12/130/"), parse_path("/1/12/13/")
    assert (city.level, town.level, town.id, town.path) == (Level.CITY, Level.TOWN, 130, "/1/12/130/")
    assert (town.at(Level.COUNTY), town.at(Level.COMMUNITY)) == (12, None)
    assert city.covers(town)
    assert town.covers(town)
    assert not town.covers(city)
    assert not other.covers(town)  # "/1/12/13" is a prefix of "/1/12/130" as text


@pytest.mark.parametrize("path", ["", "/", "1/2", "/1/2", "1/2/", "/1/2/3/4/5/", "/a/", "//"])
def test_no_place(path: str) -> None:
    with pytest.raises(ValueError):
        parse_path(path)


def test_what_was_not_told_is_not_asked() -> None:
    assert missing((), None) == REQUIRED
    told = frozenset({Item.PHOTO})
    assert missing((), told) == told
    assert missing((Item.PHOTO,), told) == frozenset()


def test_roles() -> None:
    place = Place(ids=(1,))
    registrar = Actor(operator=1, name="a", role=Role.REGISTRAR, place=place)
    approver = Actor(operator=2, name="b", role=Role.APPROVER, place=place)
    assert registrar.may(Act.REGISTER)
    assert not registrar.may(Act.APPROVE)
    assert approver.may(Act.APPROVE)
    assert not approver.may(Act.REGISTER)
