"""Where cards are: readers beside this process by configuration, and those of the desk agents, opened alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from card_profiles.iso7816.connection import Connection

from ..domain.places import Place
from .problem_texts import Code
from .problems import Problem
from .settings import ReaderSetting

if TYPE_CHECKING:
    from .state import Service

Opener: TypeAlias = Callable[[], Connection]
"""Opens the card in a reader. Raises TransportFailed, Misuse, DecodeError or OSError."""


def find(service: Service, place: Place, name: str) -> Opener:
    """The reader of that name, for somebody who works at `place`. Raises Problem(NO_READER, READER_ELSEWHERE)."""
    setting = service.settings.readers.get(name)
    if setting is not None:
        return local(setting)
    linked = service.agents.find(name, place)
    if linked is None:
        raise Problem(Code.NO_READER, reader=name)
    if linked.process is not None:
        raise Problem(Code.READER_ELSEWHERE, reader=name, process=linked.process)
    return service.agents.opener(name)


def local(setting: ReaderSetting) -> Opener:
    """A reader beside this process."""

    def open_() -> Connection:
        if setting.image is not None:
            from card_profiles.softcard.connection import open_image

            return open_image(setting.image)
        from card_profiles.readers import pcsc

        return pcsc.connect(setting.pcsc)

    return open_
