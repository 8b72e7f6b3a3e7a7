"""`python -m issuer.demo`. DEMO=once ends after one card, DEMO=house goes straight to the house."""

from __future__ import annotations

import os
import sys

from . import once


def main() -> int:
    """Exit code 0 when everything ended as it should."""
    wanted = os.environ.get("DEMO", "")
    if wanted != "house":
        code = once.main()
        if code or wanted == "once":
            return code
        from ..service.day import run

        print("\n── A day of the issuing service, over its API 签发服务的一天", flush=True)
        code = run.main()
        if code:
            return code
    from . import house

    return house.main()


if __name__ == "__main__":
    sys.exit(main())
