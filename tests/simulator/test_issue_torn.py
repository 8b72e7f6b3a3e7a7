"""Power lost again and again, the program killed at any write: the same command again ends with one card in force.

One cut at each command of issuing, endorsing and voiding: `test_tear`.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from issuing import CAN, PASSPHRASE, World, applicant, authority_home, blank, life_cycle, power_up, small_photo

from card_profiles.errors import TransportFailed
from card_profiles.model import LifeCycle
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.connection import Tear
from card_profiles.softcard.image import ImageFile, encode_state, write_atomically
from issuer import crosscheck
from issuer.desk import Desk
from issuer.errors import Refusal, Refused
from issuer.journal import CardState, EventKind


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(home=authority_home(tmp_path))


@pytest.fixture
def without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of tears run issuing hundreds of times; what OpenSSL says is tested elsewhere."""
    monkeypatch.setattr(crosscheck, "by_openssl", lambda *_, **__: None)


def assert_one_card_in_force(world: World, image: Any, *, can: str) -> None:
    """In force by the counter's word and by the journal's, and nothing is left open."""
    assert world.check(image, can=can).require().accepted
    with world.desk() as desk:
        card = desk.journal.card(image.state.serial)
        assert card is not None
        assert card.state is CardState.ACTIVATED
        assert desk.journal.live_card("RP00000017") == card
        assert desk.journal.open_intents() == ()
        kinds = [event.kind for event in desk.journal.events(image.state.serial)]
        assert kinds.count(EventKind.BOUND) == kinds.count(EventKind.ACTIVATED) == 1


@pytest.mark.usefixtures("without_openssl")
def test_torn_before_the_first_command_leaves_everything_as_it_was(world: World) -> None:
    image = blank()
    before = encode_state(image.state)
    with pytest.raises(TransportFailed):
        world.issue(world.torn(image, 0, Tear.BEFORE))
    assert encode_state(image.state) == before
    with world.desk() as desk:
        assert desk.journal.cards() == ()
        assert desk.journal.open_intents() == ()


@pytest.mark.usefixtures("without_openssl")
def test_torn_again_and_again_a_command_further_each_time(world: World) -> None:
    image = blank()
    for at in range(5, 400, 5):
        try:
            world.issue(world.torn(image, at, Tear.AFTER), can=f"{at:06d}")
        except TransportFailed:
            continue
        break
    assert_one_card_in_force(world, image, can=world.handed[-1])


@pytest.mark.usefixtures("without_openssl")
def test_a_resume_on_a_later_day_keeps_the_day_of_issue(world: World) -> None:
    image = blank()
    with pytest.raises(TransportFailed):
        world.issue(world.torn(image, 45, Tear.AFTER))
    world.later(days=2)
    world.issue(power_up(image))
    with world.desk() as desk:
        card = desk.journal.card(image.state.serial)
        assert card is not None
        assert str(card.valid_from) == "2026-11-21"
    assert_one_card_in_force(world, image, can=CAN)


class Killed(BaseException):
    """The process ends: nothing below `main` may catch it."""


class KilledJournal:
    """Ends the process after the n-th method that writes."""

    WRITING = frozenset({"begin", "identify", "withdraw", "bind", "verified", "activated", "void", "status_published"})

    def __init__(self, inner: Any, after: int) -> None:
        self._inner = inner
        self._left = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in self.WRITING:
            return method

        def call(*values: Any, **named: Any) -> Any:
            result = method(*values, **named)
            self._left -= 1
            if self._left < 0:
                raise Killed
            return result

        return call


def killed_after(write: int) -> Callable[[Desk], Desk]:
    return lambda desk: replace(desk, journal=KilledJournal(desk.journal, write))


@pytest.mark.usefixtures("without_openssl")
@pytest.mark.parametrize("write", range(5))
def test_killed_after_any_database_write(world: World, write: int) -> None:
    image = blank()
    with pytest.raises(Killed):
        world.issue(power_up(image), wrap=killed_after(write))
    if write == 4:  # the last one: all was said and done
        with pytest.raises(Refused) as refused:
            world.issue(power_up(image))
        assert refused.value.reason is Refusal.ALREADY_DONE
    else:
        world.issue(power_up(image))
    assert_one_card_in_force(world, image, can=CAN)


@pytest.mark.usefixtures("without_openssl")
def test_killed_and_torn_then_another_blank_is_refused(world: World) -> None:
    """Whatever the cut after the card was bound: no second card before the first is resolved."""
    for number, at in ((1, 9), (2, 40), (3, 75)):
        tree = applicant(permit_number=f"RP0000{number:04d}")
        first, second = blank(number), blank(100 + number)
        with pytest.raises(TransportFailed):
            world.issue(world.torn(first, at, Tear.AFTER), tree=tree)
        before = encode_state(second.state)
        with pytest.raises(Refused) as refused:
            world.issue(power_up(second), tree=tree)
        assert refused.value.reason is Refusal.PERMIT_UNRESOLVED
        assert refused.value.details["serial"] == first.state.serial.hex()
        assert replace_counter(encode_state(second.state)) == replace_counter(before)
        with world.desk() as desk:
            assert desk.journal.card(second.state.serial) is None


def replace_counter(raw: bytes) -> bytes:
    """A card image less SCP03's sequence counter: INITIALIZE UPDATE counts, and changes nothing else."""
    from card_profiles.softcard.image import decode_state

    return encode_state(replace(decode_state(raw), sequence_counter=0))


@pytest.mark.usefixtures("without_openssl")
def test_a_torn_card_that_never_comes_back(world: World) -> None:
    from issuer import void

    lost, second = blank(1), blank(2)
    with pytest.raises(TransportFailed):
        world.issue(world.torn(lost, 60, Tear.AFTER))
    with world.desk() as desk:
        card = void.absent_card(desk, lost.state.serial, reason="fell behind the radiator")
        assert card.state is CardState.VOID
        assert not card.revocation_due
    world.issue(power_up(second))
    assert world.check(second).accepted
    # It is found again, and somebody tries to go on with it.
    with pytest.raises(Refused) as refused:
        world.issue(power_up(lost))
    assert refused.value.reason is Refusal.SPOILED
    assert life_cycle(lost) is LifeCycle.TERMINATED


CHILD = """
import os, sys
sys.path.insert(0, {here!r})
from pathlib import Path
import issuing
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import InProcessConnection
from card_profiles.softcard.image import ImageFile
from issuer import crosscheck

class Killing(InProcessConnection):
    left = {after}
    def transmit(self, command):
        answer = super().transmit(command)
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), 9)
        return answer

crosscheck.by_openssl = lambda *_, **__: None
world = issuing.World(home=Path({home!r}))
world.issue(Killing(SoftCard(issuing.PROFILE, ImageFile(Path({image!r})))), can=issuing.CAN)
"""


@pytest.mark.parametrize("after", [3, 12, 33, 80])
def test_a_real_kill(world: World, tmp_path: Path, after: int) -> None:
    path = tmp_path / "card.img"
    write_atomically(path, encode_state(blank().state))
    code = CHILD.format(here=str(Path(__file__).parent), after=after, home=str(world.home), image=str(path))
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, timeout=60, env={**os.environ}
    )
    assert done.returncode == -9, done.stderr.decode()
    from issuing import InProcessConnection, SoftCard

    file = ImageFile(path)
    world.issue(InProcessConnection(SoftCard(PROFILE, file)))
    image = blank()
    reopened = ImageFile(path)
    image.state = reopened.load()
    reopened.close()
    assert_one_card_in_force(world, image, can=CAN)


def test_the_journal_keeps_no_secret(world: World) -> None:
    """No CAN, no name, no birth date, no photo, no key, in any table or file of it."""
    image = blank()
    world.issue(power_up(image), can="918273")
    database = sqlite3.connect(world.home / "journal.sqlite")
    text = "\n".join(database.iterdump())
    database.close()
    raw = b"".join(path.read_bytes() for path in world.home.glob("journal.sqlite*"))
    for secret in ("918273", "陈晓雯", "CHEN", "XIAOWEN", "1991", "X1234567A"):
        assert secret not in text
        assert secret.encode() not in raw
    for secret_bytes in (small_photo()[:64], image.state.keys.enc, PASSPHRASE):
        assert secret_bytes not in raw
        assert secret_bytes.hex() not in text
