"""The pictures of docs/DOMAIN.md, drawn from what the program itself uses: the models, and the tables of life cycles.

``python -m issuer.store.picture docs/DOMAIN.md`` draws them anew between their marks; a test fails when they are old.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Table as DatabaseTable

from ..domain.application_life import APPLICATION
from ..domain.card_stock import CARD_STOCK
from ..domain.permit_life import PERMIT
from ..domain.roles import PERMISSIONS, Role
from ..domain.table import Row, Table
from . import models  # noqa: F401 - the metadata is complete once they are imported
from .base import Base

LINKS_BY_NUMBER = {
    ("card", "permit_number"): "permit",
    ("application", "permit_number"): "permit",
    ("card_movement", "serial"): "card",
    ("personalisation_intent", "serial"): "card",
    ("personalisation_event", "serial"): "card",
    ("entitlement_grant", "rule_set"): "rule_set",
    ("checkpoint", "seq"): "audit_record",
}
"""References that are numbers and no foreign keys: a journal may know a permit that has no row."""
_PLACE = frozenset({"county_id", "town_id", "community_id"})
_MARK = "<!-- drawn: {} -->"
_END = "<!-- end of drawing -->"


def drawings() -> dict[str, str]:
    """Each picture or table of the page, by its name, as Markdown."""
    return {
        "entities": entities(),
        "application": life(APPLICATION),
        "permit": life(PERMIT),
        "card": life(CARD_STOCK),
        "permissions": permissions(),
    }


def entities() -> str:
    """The entity-relationship diagram."""
    lines = ["```mermaid", "erDiagram"]
    tables = sorted(Base.metadata.tables.values(), key=lambda table: table.name)
    for table in tables:
        lines.append(f"    {table.name} {{")
        lines += [f"        {_type(column)} {column.name}{_keys(column)}" for column in _columns(table)]
        lines.append("    }")
    for table in tables:
        for column in _columns(table):
            targets = [key.column.table.name for key in column.foreign_keys]
            if (table.name, column.name) in LINKS_BY_NUMBER:
                targets.append(LINKS_BY_NUMBER[table.name, column.name])
            single = column.primary_key and len(table.primary_key.columns) == 1
            many = "o|" if single else "o{"
            one = "|o" if column.nullable else "||"
            lines += [f"    {target} {one}--{many} {table.name} : {column.name}" for target in targets]
    return "\n".join([*lines, "```"])


def life(table: Table[Any, Any, Any, Any]) -> str:
    """A life cycle: its picture, and its rows."""
    lines = ["```mermaid", "stateDiagram-v2"]
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        arrows.setdefault((_node(row.state), _node(row.next)), []).append(row.event.value)
    lines += [f"    {start} --> {end}: {', '.join(events)}" for (start, end), events in arrows.items()]
    lines += [f"    {_node(state)} --> [*]" for state in sorted(table.final)]
    lines += ["```", "", "| In state | on | if | to | Status | and |", "|---|---|---|---|---|---|"]
    lines += [_row(row) for row in table.rows]
    return "\n".join(lines)


def permissions() -> str:
    """Who may do what."""
    roles = [role for role in Role if role is not Role.SYSTEM]
    lines = [f"| Act | {' | '.join(roles)} |", f"|---|{'---|' * len(roles)}"]
    lines += [
        f"| {act} | {' | '.join('yes' if role in allowed else '' for role in roles)} |"
        for act, allowed in PERMISSIONS.items()
        if allowed & set(roles)
    ]
    return "\n".join(lines)


def redraw(page: str) -> str:
    """The page with every drawing anew. Raises ValueError when one has no place in it."""
    for name, drawing in drawings().items():
        mark = _MARK.format(name)
        pattern = re.compile(re.escape(mark) + r".*?" + re.escape(_END), re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise ValueError(f"no place, or several, for {name}")
        page = pattern.sub(lambda _, new=f"{mark}\n{drawing}\n{_END}": new, page)  # type: ignore[misc]
    return page


def _columns(table: DatabaseTable) -> list[Any]:
    """All but the ancestors of a place, which stand beside it wherever one is."""
    return [column for column in table.columns if column.name not in _PLACE]


def _type(column: Any) -> str:
    return re.sub(r"\W+", "_", type(column.type).__name__.lower()).removeprefix("utc")


def _keys(column: Any) -> str:
    keys = ["PK"] if column.primary_key else []
    keys += ["FK"] if column.foreign_keys else []
    keys += ["UK"] if column.unique else []
    return f" {', '.join(keys)}" if keys else ""


def _node(state: Any) -> str:
    return "[*]" if state is None else str(state.value).replace("-", "_")


def _row(row: Row[Any, Any, Any]) -> str:
    cells = (
        "" if row.state is None else row.state.value,
        row.event.value,
        ", ".join(row.guards),
        row.next.value,
        "" if row.status is None else row.status.name,
        ", ".join(row.effects),
    )
    return f"| {' | '.join(cells)} |"


def main(path: str) -> None:
    """Draw the page anew."""
    page = Path(path)
    page.write_text(redraw(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
