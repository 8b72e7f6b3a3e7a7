"""Another program at the same reader: says `ready` on standard output and lives until its standard input ends.

`shared`, `exclusive` or `transaction`, then the name of the reader.
"""

from __future__ import annotations

import sys

from smartcard import scard

MODES = {"shared": scard.SCARD_SHARE_SHARED, "exclusive": scard.SCARD_SHARE_EXCLUSIVE}


def main() -> None:
    mode, reader = sys.argv[1:]
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    assert code == scard.SCARD_S_SUCCESS
    code, card, _ = scard.SCardConnect(
        context, reader, MODES.get(mode, scard.SCARD_SHARE_SHARED), scard.SCARD_PROTOCOL_ANY
    )
    if code == scard.SCARD_S_SUCCESS and mode == "transaction":
        code = scard.SCardBeginTransaction(card)
    print("ready" if code == scard.SCARD_S_SUCCESS else f"{code & 0xFFFFFFFF:08X}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
