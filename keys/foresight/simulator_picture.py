"""The forecast of the rotation simulator as a picture: SVG, with nothing but text in it.

The share of counters that know the key, over time: full up to now, dashed as expected by the counters' rhythms; the
threshold as a line across, the safe date where the curve reaches it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from .simulator import Forecast

_WIDTH, _HEIGHT = 760, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 92, 62
_LANGUAGES = ("zh", "en")
_Place = Callable[[datetime], float]
_Height = Callable[[float], float]
_WORDS = {
    "title": ("启用 {key}：知道该密钥的柜台比例", "Activating {key}: share of counters that know it"),
    "facts": (
        "不知道该密钥：{counters}/{all} 个柜台（其中 {silent} 个已失联），{cards} 张卡由其他密钥签发",
        "Do not know it: {counters} of {all} counters ({silent} silent); {cards} cards are signed by other keys",
    ),
    "now": ("现在 {share}", "now {share}"),
    "published": ("发布", "published"),
    "threshold": ("门槛 {share}", "threshold {share}"),
    "safe": ("安全日期 {date}", "safe date {date}"),
    "never": ("按现有同步节奏达不到门槛", "the threshold is not reached by itself"),
    "expected": ("实线：已知 · 虚线：按同步节奏预计", "full: known · dashed: expected by the counters' rhythms"),
}


def draw(forecast: Forecast, *, key: str, language: str) -> str:
    """An SVG document; `key` is what people call the key."""
    half = _LANGUAGES.index(language)

    def say(word: str, **values: object) -> str:
        return _WORDS[word][half].format(**values)

    begin = min(forecast.published, forecast.now)
    last = max(forecast.curve[-1][0], forecast.now)
    end = last + max((last - begin) / 8, timedelta(days=1))

    def x(moment: datetime) -> float:
        return _LEFT + (moment - begin) / (end - begin) * (_WIDTH - _LEFT - _RIGHT)

    def y(share: float) -> float:
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    facts = say(
        "facts",
        counters=len(forecast.unaware),
        all=forecast.counters,
        silent=len(forecast.silent),
        cards=forecast.cards_unaware,
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="Noto Sans CJK SC, Noto Sans, DejaVu Sans, sans-serif">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(16, 28, say("title", key=key), size=17, weight="bold"),
        _text(16, 50, facts, size=12),
        _text(16, 68, say("expected"), size=11, colour="#5c6670"),
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(_line(_LEFT, y(share), _WIDTH - _RIGHT, y(share), "#eceff2"))
        parts.append(_text(_LEFT - 8, y(share) + 4, f"{share:.0%}", size=11, colour="#5c6670", anchor="end"))
    for moment in _ticks(begin, end):
        parts.append(_line(x(moment), y(0), x(moment), y(0) + 5, "#9aa5b1"))
        label = f"{moment:%Y-%m-%d}"
        parts.append(_text(x(moment), y(0) + 18, label, size=10, colour="#5c6670", anchor="middle"))
    parts += _curve(forecast, x, y, end)
    height = y(forecast.threshold)
    parts.append(_line(_LEFT, height, _WIDTH - _RIGHT, height, "#c77700", dash="6 4"))
    label = say("threshold", share=_percent(forecast.threshold))
    parts.append(_text(_LEFT + 6, height + 15, label, size=11, colour="#c77700"))
    place = x(forecast.now)
    parts.append(_line(place, y(1) - 6, place, y(0), "#b3261e", dash="4 3"))
    parts.append(_text(place + 5, y(0) - 8, say("now", share=_percent(forecast.coverage)), size=11, colour="#b3261e"))
    if forecast.safe_date is None:
        parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 12, say("never"), size=12, colour="#b3261e", anchor="end"))
    else:
        place = x(forecast.safe_date)
        parts.append(_line(place, height, place, y(0), "#1f7a4d"))
        parts.append(f'<circle cx="{place:.1f}" cy="{height:.1f}" r="4" fill="#1f7a4d"/>')
        told = say("safe", date=f"{forecast.safe_date:%Y-%m-%d %H:%MZ}")
        parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 12, told, size=12, colour="#1f7a4d", anchor="end"))
    return "\n".join([*parts, "</svg>", ""])


def _curve(forecast: Forecast, x: _Place, y: _Height, end: datetime) -> list[str]:
    """A path of steps up to now, and one of what is expected."""
    past: list[str] = []
    future: list[str] = []
    level = 0.0
    for moment, share in forecast.curve:
        if moment <= forecast.now:
            past.append(f"{'H' if past else 'M'}{x(moment):.1f}{'' if past else f' {y(level):.1f}'} V{y(share):.1f}")
        else:
            future.append(f"H{x(moment):.1f} V{y(share):.1f}")
            continue
        level = share
    full = " ".join([*past, f"H{x(forecast.now):.1f}"])
    expected = " ".join([f"M{x(forecast.now):.1f} {y(level):.1f}", *future, f"H{x(end):.1f}"])
    return [
        f'<path d="{full}" fill="none" stroke="#1f5d8a" stroke-width="2.5"/>',
        f'<path d="{expected}" fill="none" stroke="#1f5d8a" stroke-width="2.5" stroke-dasharray="5 4"/>',
    ]


def _ticks(begin: datetime, end: datetime) -> list[datetime]:
    """Four to six days, evenly."""
    days = max(1, round((end - begin) / timedelta(days=5)))
    first = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    marks = [first + timedelta(days=days) * number for number in range(1, 7)]
    return [mark for mark in marks if begin < mark < end - (end - begin) / 20]


def _percent(share: float) -> str:
    # Never "100 %" for less, nor the threshold for what is below it.
    return f"{int(share * 1000) / 10:g} %"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: str = "") -> str:
    extra = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{extra}/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int,
    colour: str = "#20262d",
    weight: str = "normal",
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
