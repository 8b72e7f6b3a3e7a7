"""Charts are well-formed, say their figures in words, and let no name break out of them."""

from __future__ import annotations

from xml.etree import ElementTree

from issuer.pages import charts

HOSTILE = '"><script>alert(1)</script>&'


def test_bars_are_as_long_as_their_figures() -> None:
    tree = ElementTree.fromstring(charts.bars("t", [charts.Bar(label="a", value=10), charts.Bar(label="b", value=5)]))
    long, short = (float(rect.attrib["width"]) for rect in tree.iter("rect"))
    assert long == 2 * short
    assert "a: 10; b: 5" in tree.attrib["aria-label"]


def test_nothing_is_drawn_for_nothing_and_something_for_little() -> None:
    rows = [charts.Bar(label="none", value=0), charts.Bar(label="one", value=1), charts.Bar(label="m", value=10**6)]
    widths = [float(rect.attrib["width"]) for rect in ElementTree.fromstring(charts.bars("t", rows)).iter("rect")]
    assert widths[0] == 0
    assert widths[1] == 2
    parts = list(ElementTree.fromstring(charts.stack("t", rows)).iter("rect"))
    assert len(parts) == 2


def test_gained_and_lost_lie_on_two_sides() -> None:
    tree = ElementTree.fromstring(charts.pairs("t", [charts.Pair(label="H01", gained=4, lost=2)], "gained", "lost"))
    right, left = tree.iter("rect")
    line = next(tree.iter("line"))
    middle = float(line.attrib["x1"])
    assert float(right.attrib["x"]) == middle
    assert float(left.attrib["x"]) + float(left.attrib["width"]) == middle


def test_hostile_labels_stay_text() -> None:
    for chart in (
        charts.bars(HOSTILE, [charts.Bar(label=HOSTILE, value=1)]),
        charts.stack(HOSTILE, [charts.Bar(label=HOSTILE, value=1)]),
        charts.pairs(HOSTILE, [charts.Pair(label=HOSTILE, gained=1, lost=1)], HOSTILE, HOSTILE),
    ):
        assert "<script" not in chart
        assert ElementTree.fromstring(chart).find(".//script") is None
