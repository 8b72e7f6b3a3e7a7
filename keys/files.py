"""Files that are there whole or not at all, and files that are read without trusting whoever wrote them."""

from __future__ import annotations

import os
import stat
from errno import ELOOP, ENOENT, ENOTDIR

from .errors import DecodeError

PRIVATE = 0o600
PUBLIC = 0o644


def write_new(path: str, data: bytes, *, mode: int) -> None:
    """Create `path` with `data`, durably; FileExistsError rather than overwrite, and never a half-written file."""
    temporary = _write_temporary(path, data, mode)
    try:
        os.link(temporary, path)
    finally:
        os.unlink(temporary)
    sync_directory(os.path.dirname(path))


def replace(path: str, data: bytes, *, mode: int) -> None:
    """Put `data` in place of whatever `path` holds, durably: a reader sees the old bytes or the new ones."""
    temporary = _write_temporary(path, data, mode)
    try:
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(path))


def read_regular(path: str, *, limit: int) -> tuple[bytes, int]:
    """Content and permission bits of a regular file of at most `limit` bytes.

    Follows no symbolic link and cannot be made to wait on a pipe. Raises `DecodeError` for what is no plain file
    or too long, FileNotFoundError when there is none, OSError when the system will not give it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == ELOOP:
            raise DecodeError("a symbolic link, not a file", path=os.path.basename(path)) from None
        if error.errno in {ENOENT, ENOTDIR}:
            raise FileNotFoundError(error.errno, "no such file", path) from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DecodeError("not a plain file", path=os.path.basename(path))
        data = bytearray()
        while len(data) <= limit and (block := os.read(descriptor, limit + 1 - len(data))):
            data += block
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise DecodeError(f"more than {limit} bytes", offset=limit, path=os.path.basename(path))
    return bytes(data), stat.S_IMODE(status.st_mode)


def sync_directory(path: str) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_temporary(path: str, data: bytes, mode: int) -> str:
    temporary = f"{path}.{os.urandom(6).hex()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as stream:
            # The creation mode passes through the umask; what is published must be readable by its server.
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        os.unlink(temporary)
        raise
    return temporary
