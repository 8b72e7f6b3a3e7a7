"""A directory for as long as the process lives: for what is prepared once and copied for each test."""

from __future__ import annotations

import atexit
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp


def kept_directory() -> Path:
    """A new one, gone with the process."""
    path = Path(mkdtemp(prefix="permit-tests-"))
    atexit.register(rmtree, path, ignore_errors=True)
    return path
