"""The rotation simulator: who knows a key, who will, and from when on it is safe to use it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.algorithms import Purpose
from keys.errors import DecodeError
from keys.foresight.simulator import CardsOfKey, Channel, CounterSync, population, read_counters, simulate
from keys.foresight.simulator_picture import draw
from keys.rotation.issued_cards import IssuedCard, Signature

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PUBLISHED = NOW - 3 * DAY
KID, OLD = b"new-key.", b"old-key."


def counter(name: str, ago: timedelta | None, channel: Channel = Channel.WEB) -> CounterSync:
    return CounterSync(counter=name, last_sync=None if ago is None else NOW - ago, channel=channel)


def forecast(*counters: CounterSync, threshold: float = 1.0):  # type: ignore[no-untyped-def]
    return simulate(kid=KID, published=PUBLISHED, now=NOW, counters=counters, threshold=threshold)


def test_whoever_synced_since_knows_it() -> None:
    result = forecast(counter("a", HOUR), counter("b", 3 * DAY), counter("c", 3 * DAY + HOUR, Channel.STICK))
    assert [one.counter for one in result.unaware] == ["c"]
    assert result.coverage == pytest.approx(2 / 3)
    assert not result.is_safe
    assert result.silent == ()


def test_the_safe_date_comes_from_the_rhythm() -> None:
    stick = counter("stick", 5 * DAY, Channel.STICK)
    assert forecast(counter("web", HOUR), stick).safe_date == NOW + 2 * DAY
    # The web counter missed one turn: it is expected with the next.
    assert forecast(counter("web", 3 * DAY - HOUR), counter("late", 3 * DAY)).safe_date is not None
    own = CounterSync(counter="monthly", last_sync=NOW - 10 * DAY, every=30 * DAY)
    assert forecast(own).safe_date == NOW + 20 * DAY


def test_a_silent_counter_is_not_waited_for() -> None:
    silent, never = counter("silent", 22 * DAY, Channel.STICK), counter("never", None)
    result = forecast(counter("web", HOUR), silent, never)
    assert result.silent == (silent, never)
    assert result.safe_date is None
    assert result.curve[-1][1] == pytest.approx(1 / 3)
    assert forecast(counter("web", HOUR), silent, never, threshold=0.3).is_safe


def test_without_counters_nothing_is_in_the_way() -> None:
    result = forecast()
    assert result.coverage == 1.0
    assert result.is_safe
    assert result.safe_date == PUBLISHED


@pytest.mark.parametrize(("threshold", "safe"), [(0.5, True), (0.501, False)])
def test_the_threshold_itself_suffices(threshold: float, safe: bool) -> None:
    result = forecast(counter("a", HOUR), counter("b", 4 * DAY, Channel.STICK), threshold=threshold)
    assert result.is_safe is safe


@given(
    st.lists(st.tuples(st.integers(0, 40 * 24), st.sampled_from(Channel)), max_size=30),
    st.floats(0, 1),
    st.integers(0, 20 * 24),
)
def test_the_curve_is_a_curve(syncs: list[tuple[int, Channel]], threshold: float, staged: int) -> None:
    counters = [
        CounterSync(counter=str(place), last_sync=NOW - hours * HOUR, channel=channel)
        for place, (hours, channel) in enumerate(syncs)
    ]
    result = simulate(kid=KID, published=NOW - staged * HOUR, now=NOW, counters=counters, threshold=threshold)
    moments, shares = [at for at, _ in result.curve], [share for _, share in result.curve]
    assert moments == sorted(set(moments))
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    at_now = [share for moment, share in result.curve if moment <= NOW]
    assert at_now[-1] == pytest.approx(result.coverage)
    assert shares[-1] == pytest.approx(1 - len(result.silent) / len(counters) if counters else 1.0)
    if result.is_safe:
        assert result.safe_date is not None
        assert result.safe_date <= NOW
    elif result.safe_date is not None:
        assert result.safe_date >= NOW
    ElementTree.fromstring(draw(result, key="ES-2", language="en"))


def card(number: int, *signatures: Signature, state: str = "activated", until: date | None = None) -> IssuedCard:
    return IssuedCard(
        serial=number.to_bytes(10, "big"),
        permit=f"RP{number:08d}",
        state=state,
        status_uri="https://permits.example/status/0",
        status_index=number,
        endorsed_until=until,
        signatures=signatures,
    )


def test_cards_count_for_the_key_that_signed_them_last() -> None:
    first = Signature(at=NOW - 9 * DAY, kid=OLD, purpose=Purpose.ENTITLEMENT_SIGNER)
    again = Signature(at=NOW - DAY, kid=KID, purpose=Purpose.ENTITLEMENT_SIGNER)
    unnamed = Signature(at=NOW)
    cards = [
        card(1, first, until=date(2027, 1, 1)),
        card(2, first, until=date(2028, 1, 1)),
        card(3, again, first, until=date(2029, 1, 1)),
        card(4, first, state="void", until=date(2035, 1, 1)),
        card(5, unnamed),
    ]
    found = population(cards, [OLD, KID])
    assert found == (
        CardsOfKey(kid=OLD, cards=2, until=date(2028, 1, 1)),
        CardsOfKey(kid=KID, cards=1, until=date(2029, 1, 1)),
        CardsOfKey(kid=b"", cards=1, until=None),
    )
    result = simulate(kid=KID, published=PUBLISHED, now=NOW, counters=[], cards=found)
    assert result.cards_unaware == 3
    assert result.needed_until == date(2028, 1, 1)


CSV = "counter,last_sync,channel,every_days\nhospital-1,2026-05-31T02:00:00+00:00,web,\nschool-2,,stick,14\n"


def test_counters_from_a_table() -> None:
    expected = (
        CounterSync(counter="hospital-1", last_sync=NOW - DAY),
        CounterSync(counter="school-2", last_sync=None, channel=Channel.STICK, every=14 * DAY),
    )
    assert read_counters(CSV) == expected
    assert read_counters("\ufeff" + CSV.replace("\n", "\r\n")) == expected
    rows = [
        {"counter": "hospital-1", "last_sync": "2026-05-31T02:00:00+00:00"},
        {"counter": "school-2", "last_sync": None, "channel": "stick", "every_days": 14},
    ]
    assert read_counters(json.dumps(rows)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name,when\na,b\n",
        CSV + "hospital-1,2026-05-31T02:00:00+00:00,web,\n",
        "counter,last_sync\n,2026-05-31T02:00:00+00:00\n",
        "counter,last_sync\na,2026-05-31T02:00:00\n",
        "counter,last_sync\na,yesterday\n",
        "counter,last_sync,channel\na,,pigeon\n",
        "counter,last_sync,channel,every_days\na,,web,0\n",
        "counter,last_sync,channel,every_days\na,,web,1e300\n",
        "counter,last_sync,channel,every_days\na,,web,nan\n",
        "[1]",
        '[{"counter": "a"}]',
        '[{"counter": "a", "last_sync": 7}]',
        "[",
        "[" * 100000,
    ],
)
def test_what_is_no_table_of_counters(text: str) -> None:
    with pytest.raises(DecodeError):
        read_counters(text)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_picture_escapes_and_ends_within(language: str) -> None:
    result = forecast(counter("a", HOUR), counter("b", 5 * DAY, Channel.STICK), threshold=0.95)
    tree = ElementTree.fromstring(draw(result, key="<ES-2>&", language=language))
    width, height = float(tree.attrib["width"]), float(tree.attrib["height"])
    for element in tree.iter():
        for name, most in (("x", width), ("y", height), ("x1", width), ("x2", width), ("y1", height), ("y2", height)):
            assert 0 <= float(element.attrib.get(name, 0)) <= most
