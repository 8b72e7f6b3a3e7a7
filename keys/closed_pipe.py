"""Standard output that nobody reads any more, as after `permit-keys status | head -1`: no error, no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

EXIT_CODE = 141
"""128 + SIGPIPE, as the shell reports a program that the signal ended. Python ignores the signal itself."""


def listened(main: Callable[[], int]) -> int:
    """Run a program's `main`; its exit code, or `EXIT_CODE` when its reader went away."""
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()  # here, and not when the interpreter ends, which would say something about it
    except BrokenPipeError:
        return nobody_reads()


def nobody_reads() -> int:
    """What is still to be written goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return EXIT_CODE
