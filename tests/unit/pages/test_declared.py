"""What is declared holds together: permissions of the API, a page for each entry, a page behind each form."""

from __future__ import annotations

import pytest

from issuer.domain.roles import PERMISSIONS, Role
from issuer.pages.navigation import ENTRIES
from issuer.pages.parts import PARTS
from issuer.pages.parts.permits import ACTIONS, Action
from issuer.pages.site import PARAMETERS, PREFIX, Declared, access_of
from issuer.service.access import Scope

DECLARED = [item for part in PARTS for item in part.declared]
OPEN = {f"{PREFIX}/sign-in", f"{PREFIX}/language"}


def _page(path: str) -> Declared:
    return next(item for item in DECLARED if item.method == "GET" and item.path == path)


def test_entries_are_for_those_who_may_open_them_and_have_keys_of_their_own() -> None:
    for entry in ENTRIES:
        assert entry.roles == _page(PREFIX + entry.path).access.roles, entry.path
    keys = [entry.key for entry in ENTRIES]
    assert len(keys) == len(set(keys))
    assert not set(keys) & {"s", "l", "q"}


@pytest.mark.parametrize("item", DECLARED, ids=lambda item: f"{item.method} {item.path}")
def test_every_page_has_a_permission_and_every_form_a_page(item: Declared) -> None:
    assert (item.access.scope is Scope.OPEN) is (item.path in OPEN)
    assert (item.back is None) is (item.method == "GET")
    for name in item.path.split("{")[1:]:
        assert name.partition("}")[0] in PARAMETERS


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.path)
def test_what_a_permit_offers_has_its_page_and_form(action: Action) -> None:
    path = f"{PREFIX}/permits/{{number}}/{action.path}"
    assert _page(path).access.roles >= PERMISSIONS[action.act] - {Role.SYSTEM}
    assert [item.access.act for item in DECLARED if (item.method, item.path) == ("POST", path)] == [action.act]


def test_what_is_no_endpoint_is_not_taken_for_one() -> None:
    with pytest.raises(LookupError):
        access_of(lambda: None)
