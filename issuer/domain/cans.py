"""The CAN of a card for which nobody chose one."""

from __future__ import annotations

import hmac

_PURPOSE = b"card-access-number\0"


def assigned_can(serial: str, secret: bytes) -> str:
    """Six digits (TR-03110-2 2.2, ICAO 9303-11 4.4.2), the same for a card however often its writing is begun anew.

    `serial` is the card's (20 hex digits), `secret` the register's. A random one would be lost with the process that
    chose it, if that ended between the card's last command and somebody reading the page: the card would be in force
    and nobody could open it. Without `secret` the numbers of other cards do not tell this one.
    """
    digest = hmac.digest(secret, _PURPOSE + bytes.fromhex(serial), "sha256")
    return f"{int.from_bytes(digest, 'big') % 10**6:06d}"
