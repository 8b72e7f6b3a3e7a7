"""Reads whole files of a card, each with as few commands as it takes, and records what is said under new keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from card_profiles.entitlements.active import ActiveFile
from card_profiles.iso7816 import commands, tlv
from card_profiles.iso7816.apdu import SHORT_NE, CommandApdu, ResponseApdu
from card_profiles.iso7816.connection import Channel, SecureLayer
from card_profiles.iso7816.status import StatusWord
from card_profiles.model import Application, CardProfile, Content, ElementaryFile, Slot
from keys.errors import DecodeError

from .read_failed import ReadFailed
from .reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where reading stands: the step, and bytes of the file at hand (0 of 0 while there is none)."""

    number: str
    file: str = ""
    done: int = 0
    total: int = 0


class CardFiles:
    """Files of a card of `profile`. `number` is the step at hand; `progress` hears how far each file is.

    Raises ReadFailed, CardMisbehaved, TransportFailed.
    """

    def __init__(self, channel: Channel, profile: CardProfile, progress: Callable[[Progress], None]) -> None:
        self._channel = channel
        self._profile = profile
        self._progress = progress
        self.number = "1"

    def select(self, application: Application) -> None:
        response = self._channel.send(commands.select_application(application.aid))
        if response.sw == StatusWord.TERMINATION_WARNING:
            raise ReadFailed(Reason.TERMINATED, self.number, application.name)
        if response.sw == StatusWord.FILE_NOT_FOUND:
            raise ReadFailed(Reason.OTHER_CARD, self.number, application.name)
        commands.expect_ok(response, f"SELECT {application.name}")

    def of_slot(self, active: ActiveFile, content: Content, element: str = "") -> bytes:
        """A file of the active slot, its length from EF.Active; empty for an empty EF.SignerCert."""
        base = self._profile.permit.by_content(content, slot=Slot.A, element=element)
        file = self._profile.permit.by_content(content, slot=Slot(active.slot), element=element)
        return self.exact(file, active.length(base.sfi))

    def exact(self, file: ElementaryFile, length: int) -> bytes:
        if length > file.size:
            raise ReadFailed(Reason.MALFORMED, self.number, f"{file.name} claims {length} of {file.size} bytes")

        def told(done: int) -> None:
            self._progress(Progress(number=self.number, file=file.name, done=done, total=length))

        return commands.read_file(self._channel, file.sfi, length, progress=told)

    def template(self, file: ElementaryFile) -> bytes:
        """A file whose length only its own header tells; empty when the card does not have it.

        The first read takes what fits: most files are whole after it.
        """
        response = self._channel.send(commands.read_binary(sfi=file.sfi, ne=min(SHORT_NE, self._channel.max_read())))
        if response.sw == StatusWord.FILE_NOT_FOUND:
            return b""
        if not response.data and response.sw in (StatusWord.OK, StatusWord.END_OF_FILE):
            return b""
        if response.sw != StatusWord.END_OF_FILE:
            commands.expect_ok(response, f"READ BINARY {file.name}")
        try:
            _, value_length, header_length = tlv.header(response.data)
        except DecodeError as error:
            raise ReadFailed(Reason.MALFORMED, self.number, f"{file.name}: {error}") from error
        length = header_length + value_length
        if length > file.size:
            raise ReadFailed(Reason.MALFORMED, self.number, f"{file.name} claims {length} of {file.size} bytes")
        content = response.data[:length]
        while len(content) < length:
            count = min(length - len(content), self._channel.max_read())
            more = self._channel.send(commands.read_binary(offset=len(content), ne=count))
            if not more.data and self._ends_at(len(content)):
                raise ReadFailed(
                    Reason.MALFORMED, self.number, f"{file.name} claims {length}, has {len(content)} bytes"
                )
            if not more.data or more.sw != StatusWord.END_OF_FILE:
                commands.expect_ok(more, f"READ BINARY {file.name}")
            if not 0 < len(more.data) <= count:
                raise ReadFailed(Reason.CARD_FAULT, self.number, f"{file.name}: not what was asked for")
            content += more.data
            self._progress(Progress(number=self.number, file=file.name, done=len(content), total=length))
        return content

    def _ends_at(self, offset: int) -> bool:
        """Whether the current file has no byte there: else it was the length of the read that the card disliked."""
        return not self._channel.send(commands.read_binary(offset=offset, ne=1)).data


class Recorder:
    """A secure layer that keeps each plain command with its protected response (see `ChipTranscript`)."""

    errors_are_naked = False

    def __init__(self, inner: SecureLayer) -> None:
        self._inner = inner
        self._pending = b""
        self.exchanges: list[tuple[bytes, bytes]] = []

    def wrap(self, command: CommandApdu, *, extended: bool = False) -> CommandApdu:
        self._pending = command.encode(extended=True)
        return self._inner.wrap(command, extended=extended)

    def unwrap(self, response: ResponseApdu) -> ResponseApdu:
        # Before opening it: a response that does not open is evidence as well.
        self.exchanges.append((self._pending, response.encode()))
        return self._inner.unwrap(response)

    def snapshot(self) -> int:
        return self._inner.snapshot()

    def restore(self, snapshot: int) -> None:
        self._inner.restore(snapshot)

    def ahead(self) -> Recorder:
        opener = Recorder(self._inner.ahead())
        opener._pending, opener.exchanges = self._pending, self.exchanges
        return opener

    def max_plain_command(self, limit: int) -> int:
        return self._inner.max_plain_command(limit)

    def max_plain_response(self, limit: int) -> int:
        return self._inner.max_plain_response(limit)
