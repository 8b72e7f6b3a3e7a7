"""A desk agent over a real pcscd: a card written, and resumed after it was taken out, after pcscd was restarted and
after the reader was unplugged, all in the middle of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from agent_lines import TOKEN, Links
from issuing import PROFILE, World, applicant, authority_home, blank
from private_pcscd import READERS, PrivatePcscd

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.softcard import vpcd
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.image import MemoryImage
from issuer import crosscheck
from issuer.agent.messages import ReaderCondition
from issuer.agent.readers import LentReader
from issuer.errors import Refusal, Refused
from issuer.texts import Language, refusal_lines
from tests.service.desk import RunningAgent, await_true, served


class Plugged:
    """A card in the first virtual reader, until `remove`; it comes back by itself after a restart of pcscd."""

    def __init__(self, port: int, image: MemoryImage) -> None:
        self._card = SoftCard(PROFILE, image)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(port,), daemon=True)
        self._thread.start()

    def _serve(self, port: int) -> None:
        vpcd.serve(self._card, "127.0.0.1", port, stop=self._stop)

    def remove(self) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self._card.close()


class At(list[Any]):
    """A list of progress that does something at its nth entry."""

    def __init__(self, number: int, work: Callable[[], object]) -> None:
        super().__init__()
        self._number, self._work = number, work

    def append(self, item: Any) -> None:
        super().append(item)
        if len(self) == self._number:
            self._work()


@contextmanager
def agent_at(links: Links) -> Iterator[RunningAgent]:
    with served(links.app) as url:
        agent = RunningAgent(url, TOKEN, LentReader(name="Virtual PCD"))
        try:
            yield agent
        finally:
            agent.stop()


def condition(links: Links) -> ReaderCondition | None:
    with links.lock:
        return None if links.link is None else links.link.status.condition


def test_written_and_resumed_through_pcscd(
    tmp_path: Path, pcscd: PrivatePcscd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crosscheck, "by_openssl", lambda *_, **__: None)
    world, image, links = World(home=authority_home(tmp_path)), blank(), Links()
    card = Plugged(pcscd.port, image)
    with agent_at(links) as agent:
        world.seen = At(20, card.remove)
        faults = [torn(world, links)]
        await_true(lambda: condition(links) is ReaderCondition.EMPTY, "the reader is seen empty")
        with pytest.raises(TransportFailed) as nothing:
            links.opened()
        assert nothing.value.fault is TransportFault.NO_CARD

        card = Plugged(pcscd.port, image)
        world.seen = At(30, pcscd.stop)
        faults.append(torn(world, links))
        await_true(lambda: condition(links) is ReaderCondition.NO_SERVICE, "pcscd is seen to be gone")
        pcscd.start()

        def unplug() -> None:
            pcscd.stop()
            pcscd.unplug_readers()
            pcscd.start()

        world.seen = At(45, unplug)
        faults.append(torn(world, links))
        await_true(lambda: condition(links) is ReaderCondition.NO_READER, "the reader is seen to be gone")
        pcscd.stop()
        pcscd.plug_readers(pcscd.port)
        pcscd.start()

        world.seen = []
        issued = world.issue(links.connection())
        assert issued.resumed
        assert world.check(image, can=world.handed[-1]).require().accepted
        assert faults[0] in (TransportFault.CARD_REMOVED, TransportFault.CARD_MUTE)
        assert faults[1] is TransportFault.NO_SERVICE
        assert faults[2] in (TransportFault.NO_SERVICE, TransportFault.NO_READER)
        # Another card: left alone, and named.
        card.remove()
        await_true(lambda: condition(links) is ReaderCondition.EMPTY, "the reader is seen empty")
        card = Plugged(pcscd.port, image)
        with pytest.raises(Refused) as refused:
            world.issue(links.connection(), tree=applicant(permit_number="RP00000018"))
        assert refused.value.reason is Refusal.ALREADY_PERSONALISED
        card.remove()
        said = [(line.get("condition"), line.get("reader")) for line in agent.lines if line["event"] == "reader"]
        assert ("card", READERS[0]) in said
        assert {"no-service", "no-reader", "empty"} < {condition for condition, _ in said}
        with world.desk() as desk:
            balance = desk.journal.balance()
            assert (balance.activated, balance.void, balance.unresolved) == (1, 0, 0)


def torn(world: World, links: Links) -> TransportFault:
    """Issue until it breaks; the fault, which is told in one line of each language."""
    with pytest.raises(TransportFailed) as failed:
        world.issue(links.connection())
    for lang in Language:
        assert len(refusal_lines(Refused(Refusal.TRANSPORT_FAILED, error=failed.value.fault), lang)) == 1
    return failed.value.fault
