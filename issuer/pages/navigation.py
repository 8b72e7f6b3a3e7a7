"""Where one can go from every page: each entry with the permission of the page that it leads to."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.roles import Role
from .site import PREFIX, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`text` is a key; `key` the access key: Alt and this letter, with Shift in Firefox."""

    path: str
    text: str
    icon: str
    key: str
    roles: frozenset[Role]


_OFFICE = frozenset({Role.REGISTRAR, Role.APPROVER, Role.AUDITOR})
_ALL = _OFFICE | {Role.KEY_ADMINISTRATOR}
_OVERSIGHT = frozenset({Role.AUDITOR, Role.KEY_ADMINISTRATOR})
ENTRIES = (
    Entry(path="/", text="nav.today", icon="today", key="1", roles=_ALL),
    Entry(path="/registration", text="nav.register", icon="person-add", key="2", roles=frozenset({Role.REGISTRAR})),
    Entry(path="/approvals", text="nav.approvals", icon="stamp", key="3", roles=_OFFICE),
    Entry(path="/search", text="nav.search", icon="search", key="4", roles=_OFFICE),
    Entry(path="/stock", text="nav.stock", icon="drawer", key="5", roles=_OFFICE),
    Entry(path="/my-card", text="nav.my-card", icon="reader", key="0", roles=_OFFICE),
    Entry(path="/rules", text="nav.rules", icon="scale", key="6", roles=_ALL),
    Entry(path="/audit", text="nav.audit", icon="chain", key="7", roles=frozenset({Role.AUDITOR})),
    Entry(path="/people", text="nav.people", icon="people", key="8", roles=_OVERSIGHT),
    Entry(path="/keys", text="nav.keys", icon="key", key="9", roles=_OVERSIGHT),
)
"""In the order of the day's work. Roles are narrowed down to those that the page itself is declared for by a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An entry as a page shows it."""

    href: str
    text: str
    icon: str
    key: str
    current: bool


def entries(view: View) -> list[Shown]:
    """Those for the role of who is signed in."""
    if view.call_made is None:
        return []
    here = view.request.url.path.removeprefix(PREFIX)
    return [
        Shown(
            href=PREFIX + entry.path,
            text=view.say(entry.text),
            icon=entry.icon,
            key=entry.key,
            current=here == entry.path or (entry.path != "/" and here.startswith(entry.path + "/")),
        )
        for entry in ENTRIES
        if view.call.actor.role in entry.roles
    ]
