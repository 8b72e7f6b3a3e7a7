"""The compromise drill: the exact list of cards, out of the notes that precede each signature."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.algorithms import Purpose
from keys.rotation.drill import Drill, Remedy, drill, plan_table
from keys.rotation.issued_cards import IssuedCard, Signature

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ES, DS = Purpose.ENTITLEMENT_SIGNER, Purpose.DOCUMENT_SIGNER
STOLEN, OTHER = b"stolen..", b"other..."
SECOND = timedelta(seconds=1)


def signature(day: float, kid: bytes = STOLEN, *, purpose: Purpose = ES, done: bool = True) -> Signature:
    return Signature(at=NOW + day * DAY, kid=kid, purpose=purpose if kid else None, done=done)


def card(number: int, *signatures: Signature, state: str = "activated") -> IssuedCard:
    return IssuedCard(
        serial=number.to_bytes(10, "big"),
        permit=f"RP{number:08d}",
        state=state,
        status_uri="https://permits.example/status/0",
        status_index=number,
        endorsed_until=None,
        signatures=signatures,
    )


def run(*cards: IssuedCard, since: float = 10, until: float = 20, purpose: Purpose = ES) -> Drill:
    return drill(cards, purpose=purpose, kid=STOLEN, since=NOW + since * DAY, until=NOW + until * DAY)


def listed(done: Drill) -> list[int]:
    return [int.from_bytes(one.card.serial) for one in done.affected]


def test_the_window_has_both_its_ends() -> None:
    done = run(
        card(1, signature(10)),
        card(2, signature(20)),
        card(3, Signature(at=NOW + 10 * DAY - SECOND, kid=STOLEN, purpose=ES)),
        card(4, Signature(at=NOW + 20 * DAY + SECOND, kid=STOLEN, purpose=ES)),
        card(5, signature(15, OTHER)),
        card(6, signature(15, purpose=DS)),
        card(7),
    )
    assert listed(done) == [1, 2]
    assert [int.from_bytes(one.serial) for one in done.refused_besides] == [3, 4]


def test_what_becomes_of_each_card() -> None:
    done = run(
        card(1, signature(12)),
        card(2, signature(12), signature(13, OTHER)),
        card(3, signature(12), signature(13, OTHER, done=False)),
        card(4, signature(1, OTHER), signature(13, done=False)),
        card(5, signature(12), state="void"),
        card(6, signature(13, done=False), state="writing"),
        card(7, signature(12), signature(30)),
        card(8, signature(1), signature(30, OTHER)),
    )
    assert {int.from_bytes(one.card.serial): one.remedy for one in done.affected} == {
        1: Remedy.RE_SIGN,
        2: Remedy.NONE,  # endorsed with another key since
        3: Remedy.RE_SIGN,  # that endorsement may not have come about
        4: Remedy.RE_SIGN,  # this one may have
        5: Remedy.NONE,
        6: Remedy.RE_SIGN,
        7: Remedy.RE_SIGN,
    }
    assert done.refused_besides == ()
    assert run(card(1, signature(12, purpose=DS)), purpose=DS).affected[0].remedy is Remedy.REPLACE


def test_a_journal_that_names_no_key_counts() -> None:
    done = run(card(1, signature(12, b"")), card(2, signature(25, b"")), card(3, signature(12, b""), signature(13)))
    assert [(int.from_bytes(one.card.serial), one.certain) for one in done.affected] == [(1, False), (3, True)]
    assert all(one.remedy is Remedy.RE_SIGN for one in done.affected)


def test_the_plan_is_a_table_with_the_window_first() -> None:
    done = run(card(9, signature(12)), card(1, signature(1)), card(2, signature(15), state="void"))
    rows = list(csv.DictReader(io.StringIO(plan_table(done))))
    assert [(int(row["serial"], 16), row["in_window"], row["remedy"]) for row in rows] == [
        (9, "yes", "re-sign"),
        (1, "no", "re-sign"),
    ]


@pytest.mark.parametrize("purpose", [Purpose.STATUS_SIGNER, Purpose.AUDIT_SIGNER, Purpose.CARD_MASTER_KEY])
def test_keys_that_sign_no_cards(purpose: Purpose) -> None:
    with pytest.raises(ValueError):
        run(purpose=purpose)


def test_a_window_goes_forward() -> None:
    with pytest.raises(ValueError):
        run(since=3, until=2)
    with pytest.raises(ValueError):
        drill([], purpose=ES, kid=STOLEN, since=NOW.replace(tzinfo=None), until=NOW)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.sampled_from([STOLEN, OTHER]), st.booleans()), max_size=4),
        max_size=12,
    )
)
def test_exactly_the_cards_that_the_key_signed_in_the_window(history: list[list[tuple[int, bytes, bool]]]) -> None:
    cards = [
        card(number, *(signature(day, kid, done=done) for day, kid, done in sorted(one)))
        for number, one in enumerate(history)
    ]
    expected = {
        number for number, one in enumerate(history) if any(kid == STOLEN and 10 <= day <= 20 for day, kid, _ in one)
    }
    done = run(*cards)
    assert set(listed(done)) == expected
    assert len(listed(done)) == len(expected)
    assert not {one.card.serial for one in done.affected} & {one.serial for one in done.refused_besides}
    # Whatever is in force by the stolen key is planned for, in the window or not.
    for each in cards:
        finished = [one for one in each.signatures if one.done]
        if (
            finished
            and finished[-1].kid == STOLEN
            and finished[-1].at > max((one.at for one in each.signatures if one is not finished[-1]), default=NOW - DAY)
        ):
            planned = [one.card for one in done.planned] + list(done.refused_besides)
            assert each in planned
