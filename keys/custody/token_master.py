"""The card master key on a token: an AES-256 object that can only CMAC."""

from __future__ import annotations

from collections.abc import Callable

from . import LABEL_DEK, LABEL_ENC, LABEL_MAC, SERIAL_SIZE, CardKeys


class Pkcs11CardMasterKey:
    """A card master key on a token. Implements `CardMasterKey`; derives what `SoftwareCardMasterKey` would."""

    def __init__(self, uri: str, cmac: Callable[[bytes], bytes]) -> None:
        self._uri = uri
        self._cmac = cmac

    def __repr__(self) -> str:
        return f"Pkcs11CardMasterKey({self._uri!r})"

    def diversify(self, serial: bytes) -> CardKeys:
        """SP 800-108r1 §4.1 in one block: AES-CMAC over [1]₃₂ ‖ label ‖ 00 ‖ serial ‖ [128]₃₂, a label per key."""
        if len(serial) != SERIAL_SIZE:
            raise ValueError("a card serial has 10 bytes")
        enc, mac, dek = (
            self._cmac((1).to_bytes(4, "big") + label + b"\x00" + serial + (128).to_bytes(4, "big"))
            for label in (LABEL_ENC, LABEL_MAC, LABEL_DEK)
        )
        return CardKeys(enc=enc, mac=mac, dek=dek)
