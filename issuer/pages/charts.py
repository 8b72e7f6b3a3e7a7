"""Charts where one would rather look than read: SVG, drawn here, coloured by the style sheet in light and dark.

Each has a name and says its figures to whoever cannot see it; the numbers stand beside every bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, ROW, LABEL, END = 640, 30, 208, 64
_LONGEST = 28  # columns of a label; a Chinese character takes two
_COLOURS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One figure. `colour`: 0 what is well, 1 calm, 2 to be looked at, 3 wrong, 4 of no account."""

    label: str
    value: int
    colour: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What is gained and lost."""

    label: str
    gained: int
    lost: int


def bars(title: str, rows: Sequence[Bar]) -> Markup:
    """Horizontal bars, from the same line."""
    most = max((row.value for row in rows), default=0) or 1
    room = WIDTH - LABEL - END
    parts = []
    for number, row in enumerate(rows):
        y = number * ROW
        width = max(room * row.value / most, 2 if row.value else 0)
        parts.append(
            _label(row.label, y)
            + Markup('<rect class="c{}" x="{}" y="{}" width="{:.1f}" height="18" rx="4"/>').format(
                row.colour % _COLOURS, LABEL, y + 6, width
            )
            + Markup('<text x="{:.1f}" y="{}">{}</text>').format(LABEL + width + 8, y + 20, f"{row.value:,}")
        )
    told = "; ".join(f"{row.label}: {row.value:,}" for row in rows)
    return _svg(title, told, len(rows) * ROW + 4, parts)


def stack(title: str, parts: Sequence[Bar]) -> Markup:
    """One bar of parts that make a whole, each at least to be seen."""
    whole = sum(part.value for part in parts)
    pieces, x = [], 0.0
    for part in parts:
        if part.value <= 0 or not whole:
            continue
        width = max(WIDTH * part.value / whole - 2, 3.0)
        pieces.append(
            Markup(
                '<rect class="c{}" x="{:.1f}" y="2" width="{:.1f}" height="34" rx="4"><title>{}: {}</title></rect>'
            ).format(part.colour % _COLOURS, x, width, part.label, f"{part.value:,}")
        )
        x += width + 2
    told = "; ".join(f"{part.label}: {part.value:,}" for part in parts)
    return _svg(title, told, 38, pieces, width=max(WIDTH, int(x) + 1))


def pairs(title: str, rows: Sequence[Pair], gained: str, lost: str) -> Markup:
    """What is gained to the right of the line, what is lost to the left."""
    most = max((max(row.gained, row.lost) for row in rows), default=0) or 1
    room = (WIDTH - LABEL - 2 * END) / 2
    middle = LABEL + END + room
    parts = [
        Markup('<text class="soft" x="{:.1f}" y="16" text-anchor="end">← {}</text>').format(middle - 8, lost),
        Markup('<text class="soft" x="{:.1f}" y="16">{} →</text>').format(middle + 8, gained),
    ]
    for number, row in enumerate(rows, 1):
        y = number * ROW - 4
        right, left = room * row.gained / most, room * row.lost / most
        parts.append(_label(row.label, y))
        if row.gained:
            parts.append(_side("c0", middle, y, right, f"+{row.gained:,}", middle + right + 6, "start"))
        if row.lost:
            parts.append(_side("c3", middle - left, y, left, f"−{row.lost:,}", middle - left - 6, "end"))
    height = (len(rows) + 1) * ROW
    line = '<line class="axis" x1="{0:.1f}" y1="22" x2="{0:.1f}" y2="{1}"/>'
    parts.append(Markup(line).format(middle, height - 4))  # noqa: S704 - a constant
    told = "; ".join(f"{row.label}: +{row.gained:,} −{row.lost:,}" for row in rows)
    return _svg(title, told, height, parts)


def _side(colour: str, x: float, y: float, width: float, text: str, at: float, anchor: str) -> Markup:
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="18" rx="4"/>'
        '<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'
    ).format(colour, x, y + 6, max(width, 2.0), at, y + 20, anchor, text)


def _label(text: str, y: float) -> Markup:
    columns, short = 0, ""
    for letter in text:
        columns += 2 if ord(letter) > 0x2E7F else 1
        if columns > _LONGEST:
            short += "…"
            break
        short += letter
    return Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}<title>{}</title></text>').format(
        LABEL - 10, y + 20, short, text
    )


def _svg(title: str, told: str, height: float, parts: Sequence[Markup], *, width: int = WIDTH) -> Markup:
    head = Markup('<svg class="chart" role="img" viewBox="0 0 {} {}" aria-label="{}. {}">').format(
        width, height, title, told
    )
    return head + Markup("").join(parts) + Markup("</svg>")
