"""EF.Active: which slot counts, and how long each of its files is. 29 bytes, changed in one UPDATE BINARY.

====== ====== ==================================================================
offset length
====== ====== ==================================================================
0      1      slot: 0 none yet, 1 = A, 2 = B
1      4      update counter, big-endian; 1 is the first personalisation
5      12 × 2 lengths of the files with slot-A SFI 02 to 0D, big-endian, in bytes
====== ====== ==================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from keys.errors import DecodeError

SIZE = 29
FIRST_SFI, LAST_SFI = 0x02, 0x0D
SIGNER_CERT_SFI = 0x0D
MAX_COUNTER = 2**32 - 1
MAX_LENGTH = 2**16 - 1
_FILES = LAST_SFI - FIRST_SFI + 1
_SFIS = frozenset(range(FIRST_SFI, LAST_SFI + 1))


class ActiveSlot(IntEnum):
    NONE = 0
    A = 1
    B = 2

    def sfi(self, base: int) -> int:
        """The SFI in this slot of the file whose SFI is `base` in slot A. Raises `ValueError` for `NONE`."""
        if self is ActiveSlot.NONE or not FIRST_SFI <= base <= LAST_SFI:
            raise ValueError(f"no file {base:#04x} in slot {self.name}")
        return base if self is ActiveSlot.A else 0x10 | base


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveFile:
    """The content of EF.Active. `lengths` are 12, for the slot-A SFIs 02 to 0D.

    An active slot has a content in every file (the presence of a sector's file must tell nothing), save EF.SignerCert,
    which may be empty. Without an active slot all is zero. Raises `ValueError` for anything else.
    """

    slot: ActiveSlot
    update_counter: int
    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.slot, ActiveSlot):
            raise ValueError("the slot must be an ActiveSlot")
        if not 0 <= self.update_counter <= MAX_COUNTER:
            raise ValueError("the update counter has 32 bits")
        if len(self.lengths) != _FILES or min(self.lengths) < 0 or max(self.lengths) > MAX_LENGTH:
            raise ValueError(f"there must be {_FILES} lengths of 16 bits")
        if self.slot is ActiveSlot.NONE:
            if self.update_counter or any(self.lengths):
                raise ValueError("without an active slot the counter and the lengths are zero")
        elif not self.update_counter or not all(self.lengths[: SIGNER_CERT_SFI - FIRST_SFI]):
            raise ValueError("an active slot has a counter and a content in every file but EF.SignerCert")

    def length(self, sfi: int) -> int:
        """The length in bytes of the file with slot-A SFI `sfi`. Raises `ValueError` for another SFI."""
        if not FIRST_SFI <= sfi <= LAST_SFI:
            raise ValueError(f"no file {sfi:#04x} in a slot")
        return self.lengths[sfi - FIRST_SFI]

    def successor(self, lengths: Mapping[int, int]) -> ActiveFile:
        """What to write once the other slot holds files of `lengths` (by slot-A SFI): that slot, counter up by one."""
        if lengths.keys() != _SFIS:
            raise ValueError("a length for each of the files 02 to 0D, no other")
        return ActiveFile(
            slot=self.spare,
            update_counter=self.update_counter + 1,
            lengths=tuple(lengths[sfi] for sfi in range(FIRST_SFI, LAST_SFI + 1)),
        )

    @property
    def spare(self) -> ActiveSlot:
        """The slot that an update may write: the one that does not count."""
        return ActiveSlot.B if self.slot is ActiveSlot.A else ActiveSlot.A


EMPTY = ActiveFile(slot=ActiveSlot.NONE, update_counter=0, lengths=(0,) * _FILES)
"""A card before its first personalisation: 29 zero bytes."""


def encode_active(active: ActiveFile) -> bytes:
    """The 29 bytes."""
    head = bytes([active.slot]) + active.update_counter.to_bytes(4, "big")
    return head + b"".join(length.to_bytes(2, "big") for length in active.lengths)


def decode_active(raw: bytes) -> ActiveFile:
    """Raises `DecodeError` for anything but 29 bytes as described."""
    if len(raw) != SIZE:
        raise DecodeError(f"{len(raw)} bytes instead of {SIZE}", offset=min(len(raw), SIZE), path="EF.Active")
    if raw[0] > ActiveSlot.B:
        raise DecodeError(f"no slot {raw[0]}", path="EF.Active/slot")
    try:
        return ActiveFile(
            slot=ActiveSlot(raw[0]),
            update_counter=int.from_bytes(raw[1:5], "big"),
            lengths=tuple(int.from_bytes(raw[at : at + 2], "big") for at in range(5, SIZE, 2)),
        )
    except ValueError as error:
        raise DecodeError(str(error), offset=1, path="EF.Active") from error
