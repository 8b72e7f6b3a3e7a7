"""What a software card remembers without power, and where: one atomic write per command, like a chip's EEPROM."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from keys import cbor
from keys.errors import DecodeError

from ..errors import TransportFailed, TransportFault
from ..model import CardProfile, LifeCycle
from ..protocols.scp03 import StaticKeys
from ..protocols.security_infos import Oid, PaceInfo, SecurityInfos

MAX_IMAGE_SIZE = 256 * 1024
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CardState:
    """Non-volatile memory of one card.

    `serial` is 10 bytes; `files` maps (application name, FID) to content; `chip_key` is the private scalar (32 bytes,
    big endian) or empty; `passwords` maps the PACE password reference (1 MRZ: SHA-1, 20 bytes; 2 CAN: ASCII digits) to
    its secret; `sequence_counter` is SCP03's, 3 bytes on the wire.
    """

    profile: str
    serial: bytes
    life_cycle: LifeCycle
    keys: StaticKeys
    sequence_counter: int = 0
    chip_key: bytes = b""
    passwords: dict[int, bytes] = field(default_factory=dict)
    files: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def __repr__(self) -> str:  # never the keys
        return f"CardState({self.profile}, serial={self.serial.hex()}, {self.life_cycle.name})"


class Image(Protocol):
    """Where a card's state lives."""

    def load(self) -> CardState: ...
    def store(self, state: CardState) -> None: ...
    def close(self) -> None: ...


class MemoryImage:
    """A state that ends with the process."""

    def __init__(self, state: CardState) -> None:
        self.state = state

    def load(self) -> CardState:
        return self.state

    def store(self, state: CardState) -> None:
        self.state = state

    def close(self) -> None:
        pass


class ImageFile:
    """A state in a file, replaced as a whole and flushed to the disk; locked, since a card sits in one reader only."""

    def __init__(self, path: Path) -> None:
        """Open and lock `path`. TransportFailed: NO_CARD if it is missing, READER_BUSY if another process has it."""
        self._path = path
        if not path.exists():
            raise TransportFailed(
                f"there is no card image {path}; make one with: permit-softcard new --image {path}",
                fault=TransportFault.NO_CARD,
            )
        self._lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise TransportFailed(
                f"the card image {path} is in use by another process", fault=TransportFault.READER_BUSY
            ) from None

    def load(self) -> CardState:
        return decode_state(self._path.read_bytes())

    def store(self, state: CardState) -> None:
        write_atomically(self._path, encode_state(state))

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def new_card_state(profile: CardProfile, *, serial: bytes, transport_key: bytes) -> CardState:
    """A blank card as its maker delivers it: file system laid out, files of the MF written, transport keys on.

    `serial` is 10 bytes, `transport_key` 16, 24 or 32; it serves as ENC, MAC and DEK key under the transport version.
    """
    if len(serial) != 10:
        raise ValueError(f"a card serial has 10 bytes, not {len(serial)}")
    offers = (PaceInfo(oid=Oid(offer.oid), parameter_id=offer.parameter_id) for offer in profile.pace)
    access = SecurityInfos.of(*offers).encode()
    master = {("MF", file.fid): file.initial or access for file in profile.master_file.files}
    return CardState(
        profile=profile.name,
        serial=serial,
        life_cycle=LifeCycle.BLANK,
        keys=StaticKeys(
            enc=transport_key, mac=transport_key, dek=transport_key, version=profile.scp03.transport_key_version
        ),
        files=master,
    )


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content` (mode 0600): after a crash it is the old or the new content, never a mixture."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def encode_state(state: CardState) -> bytes:
    """The state as CBOR."""
    return cbor.encode(
        {
            "format": FORMAT,
            "profile": state.profile,
            "serial": state.serial,
            "lifeCycle": int(state.life_cycle),
            "keys": [state.keys.enc, state.keys.mac, state.keys.dek, state.keys.version],
            "sequenceCounter": state.sequence_counter,
            "chipKey": state.chip_key,
            "passwords": [[kind, secret] for kind, secret in sorted(state.passwords.items())],
            "files": [[name, fid, content] for (name, fid), content in sorted(state.files.items())],
        }
    )


def decode_state(raw: bytes) -> CardState:
    """The state that `encode_state` wrote. Raises DecodeError."""
    value = cbor.decode(raw, max_size=MAX_IMAGE_SIZE, path="card image")
    try:
        return _state(value)
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError(f"not a card image of format {FORMAT}: {error}", path="card image") from error


def _state(value: Any) -> CardState:
    if value["format"] != FORMAT:
        raise ValueError(f"format {value['format']}")
    enc, mac, dek, version = value["keys"]
    return CardState(
        profile=value["profile"],
        serial=value["serial"],
        life_cycle=LifeCycle(value["lifeCycle"]),
        keys=StaticKeys(enc=enc, mac=mac, dek=dek, version=version),
        sequence_counter=value["sequenceCounter"],
        chip_key=value["chipKey"],
        passwords=dict(value["passwords"]),
        files={(name, fid): content for name, fid, content in value["files"]},
    )
