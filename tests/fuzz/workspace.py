"""One directory for the files of a fuzzing process, gone with it."""

from __future__ import annotations

import atexit
from functools import cache
from shutil import rmtree
from tempfile import mkdtemp


@cache
def directory() -> str:
    path = mkdtemp(prefix="permit-fuzz-")
    atexit.register(rmtree, path, ignore_errors=True)
    return path
