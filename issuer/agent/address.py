"""Where the service is, and the token that opens it."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .messages import PATH

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A process of the service. `shown` is for people."""

    shown: str
    websocket: str
    secure: bool

    @classmethod
    def parse(cls, url: str) -> Address:
        """``https://host[:port][/prefix]``, or ``http://`` on this machine. Raises ValueError."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("https", "http") or not host or parts.query or parts.fragment or parts.username:
            raise ValueError(f"not https://host[:port]: {url!r}")
        if parts.scheme == "http" and host not in LOOPBACK:
            raise ValueError(f"{host}: beyond this machine only https")
        secure = parts.scheme == "https"
        where = f"{parts.netloc}{parts.path.rstrip('/')}"
        scheme = "wss" if secure else "ws"
        return cls(shown=f"{parts.scheme}://{where}", websocket=f"{scheme}://{where}{PATH}", secure=secure)


class TokenUnusable(Exception):
    """`why` is for people, and does not repeat the token."""


def read_token(path: Path) -> str:
    """The first line of a file that only its owner reads. Raises TokenUnusable."""
    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            raw = stream.read(1024)
    except OSError as error:
        raise TokenUnusable(f"{path}: {error.strerror}") from error
    if mode & 0o027:
        raise TokenUnusable(f"{path}: others can read it; chmod 600")
    token = raw.partition(b"\n")[0].strip().decode("ascii", "replace")
    if _TOKEN.fullmatch(token) is None:
        raise TokenUnusable(f"{path}: its first line is no token")
    return token
