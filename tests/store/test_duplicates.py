"""One person, one record: by number, by name in whatever script; and finding people by what a clerk types."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from issuer.acts import persons
from issuer.domain.reasons import ActRefused, Reason
from issuer.store import queries
from tests.store.office import SECRET, Office, conflict, refused

BORN = date(1991, 4, 17)


def citizen(number: str) -> dict[str, Any]:
    from issuer.application import is_citizen_number

    full = next(number + check for check in "0123456789X" if is_citizen_number(number + check))
    return {"nationality": "CHN", "personal_number": full}


def test_a_number_is_one_person(office: Office) -> None:
    first = office.registered(birth_date=BORN, **citizen("11010119910417006"))
    lower = citizen("11010119910417006")
    with pytest.raises(ActRefused) as caught:
        office.registered(birth_date=BORN, name_native="别人", latin_surname="BIE", latin_given="REN", **lower)
    assert caught.value.reason is Reason.HOLDER_KNOWN
    assert caught.value.details["holder"] == first.data["holder"]


@pytest.mark.parametrize(
    "names",
    [
        {"name_native": "CHEN XIAOWEN", "latin_surname": "CHEN", "latin_given": "XIAOWEN"},
        {"name_native": "陈晓雯", "latin_surname": "CHEN", "latin_given": "XIAO WEN"},
        {"name_native": "Xiaowen Chen", "latin_surname": "XIAOWEN", "latin_given": "CHEN"},
    ],
)
def test_a_name_across_scripts(office: Office, names: dict[str, str]) -> None:
    first = office.registered(birth_date=BORN).data["holder"]
    with pytest.raises(ActRefused) as caught:
        office.registered(birth_date=BORN, **names)
    assert caught.value.reason is Reason.POSSIBLE_DUPLICATE
    assert caught.value.details["candidates"] == [first]
    person = office.person(birth_date=BORN, **names)
    second = persons.register(office.store, office.registrar, person, not_the_same_as=[first])
    assert conflict(persons.register, office.store, office.registrar, person, not_the_same_as=[first]) is (
        Reason.POSSIBLE_DUPLICATE
    )
    both = [first, second.data["holder"]]
    persons.register(office.store, office.registrar, person, not_the_same_as=both)


@pytest.mark.parametrize(
    "other",
    [
        {"birth_date": date(1991, 4, 18)},
        {"birth_date": BORN, "sex": "M"},
        {"birth_date": BORN, "name_native": "陈晓文", "latin_given": "XIAOWENG"},
    ],
)
def test_somebody_else(office: Office, other: dict[str, Any]) -> None:
    office.registered(birth_date=BORN)
    office.registered(**other)


def test_two_numbers_are_two_people(office: Office) -> None:
    office.registered(birth_date=BORN, **citizen("11010119910417006"))
    office.registered(birth_date=BORN, **citizen("11010119910417008"))
    # But a number beside none proves nothing.
    assert conflict(office.registered, birth_date=BORN) is Reason.POSSIBLE_DUPLICATE


def test_a_duplicate_elsewhere_is_found(office: Office) -> None:
    """The person moved; the clerk of one town cannot see the other's record, but is told that there is one."""
    office.registered(birth_date=BORN, district_id=office.districts["other"])
    person = office.person(birth_date=BORN)
    outcome = refused(persons.register, office.store, office.actor(place="town"), person)
    assert outcome is Reason.POSSIBLE_DUPLICATE


def test_finding_people(office: Office) -> None:
    names = ["陈晓雯", "陈大文", "张三", "Müller Änne", "陈一"]
    latin = [("CHEN", "XIAOWEN"), ("CHEN", "DAWEN"), ("ZHANG", "SAN"), ("MUELLER", "AENNE"), ("CHEN", "YI")]
    numbers = [
        office.registered(name_native=native, latin_surname=surname, latin_given=given, birth_date=BORN).data["holder"]
        for native, (surname, given) in zip(names, latin, strict=True)
    ]
    place = office.actor(place="town").place
    with office.store.read() as transaction:

        def found(name: str, **more: Any) -> list[int]:
            return [holder.id for holder in queries.find_by_name(transaction, name, place, **more).rows]

        assert set(found("陈")) == {numbers[0], numbers[1], numbers[4]}
        assert found("chen d") == [numbers[1]]
        assert found("MULLER") == [numbers[3]]
        assert found("Mueller") == [numbers[3]]
        assert found("  ") == found("%") == found("李") == []
        assert found("chen", birth_date=date(1990, 1, 1)) == []
        pages, after = [], None
        while True:
            page = queries.find_by_name(transaction, "chen", place, after=after, limit=2)
            pages += [holder.id for holder in page.rows]
            if page.after is None:
                break
            after = page.after
        assert pages == found("chen")
        assert not queries.find_by_name(transaction, "陈", office.actor(place="other").place).rows
        assert len(queries.find_by_name(transaction, "陈", office.actor().place).rows) == 3


def test_finding_by_number(office: Office) -> None:
    given = citizen("11010119910417006")
    number = office.registered(birth_date=BORN, **given).data["holder"]
    with office.store.read() as transaction:
        holder = queries.find_by_number(transaction, given["personal_number"].lower(), SECRET)
        assert holder is not None
        assert holder.id == number
        assert queries.find_by_number(transaction, "110101199104170000", SECRET) is None
        assert queries.find_by_number(transaction, given["personal_number"], b"another secret, long") is None
        assert [found[0] for part in queries.facts_of_all(transaction) for found in part] == [number]
        assert len(queries.places(transaction)) == len(office.districts)
