"""The python-tuf client as we use it, at a counter and as the second look before a release.

Two things are ours. The *clock*: ngclient asks the machine for the time, we give it one, because a counter's clock
must not run backwards and tests must not wait. And the *fetcher*: from a directory (a stick) as from a web server, it
remembers which file came last and how long it was, so that a refusal can be explained. `tuf` takes 100 ms to import:
nothing but synchronisation and publication imports this module.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from datetime import datetime

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig, Urllib3Fetcher
from urllib3.response import BaseHTTPResponse

from ..errors import DecodeError
from ..files import read_regular
from ..trust import MAX_CATALOGUE, MAX_CRL
from . import layout

_NOT_FOUND = 404
_MAX_FILE = max(layout.MAX_TARGETS, MAX_CRL, MAX_CATALOGUE, layout.MAX_MASTER_LIST)


class DirectoryFetcher(FetcherInterface):
    """Reads `metadata/…` and `targets/…` below a directory: plain files only, no symbolic link as the last step."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            data, _ = read_regular(os.path.join(self._directory, *_parts(url)), limit=_MAX_FILE)
        except FileNotFoundError:
            raise DownloadHTTPError(f"no file {url}", _NOT_FOUND) from None
        except (DecodeError, OSError) as error:
            raise DownloadError(f"cannot read {url}: {error}") from error
        return iter((data,))


class WebFetcher(Urllib3Fetcher):
    """tuf's own fetcher, which gives up a response without closing it."""

    def _chunks(self, response: BaseHTTPResponse) -> Iterator[bytes]:
        try:
            yield from super()._chunks(response)
        finally:
            response.close()


class TrackingFetcher(FetcherInterface):
    """Passes on to `inner`, and remembers the last file asked for and the bytes that came."""

    def __init__(self, inner: FetcherInterface, base: str = "") -> None:
        self._inner, self._base = inner, base
        self._arriving: Iterator[bytes] = iter(())
        self.last = ""
        """Path within the repository, such as `metadata/3.root.json`."""
        self.received = 0
        """Bytes of `last`."""
        self.metadata = b""
        """Content of `last` when it is metadata, as far as it came."""
        self.seen: dict[str, bytes] = {}
        """All metadata that came, by path: also what the client looked at and laid aside."""
        self.total = 0
        """Bytes in all."""
        self.broke_off = False
        """Whether `last` had begun to come when the connection broke."""

    @property
    def local(self) -> bool:
        """Whether a file more costs nothing."""
        return isinstance(self._inner, DirectoryFetcher)

    def metadata_at(self, name: str, limit: int) -> bytes:
        """One metadata file of the source, as it lies there, beside what a synchronisation needs; `DownloadError`."""
        total = self.total
        try:
            return self.download_bytes(f"{self._base}{layout.METADATA}/{name}", limit)
        finally:
            self.total = total

    def _fetch(self, url: str) -> Iterator[bytes]:
        self.close()
        self.last, self.received, self.metadata = url.removeprefix(self._base), 0, b""
        self.broke_off = False
        self._arriving = self._inner.fetch(url)
        return self._counted(self._arriving)

    def close(self) -> None:
        """End a transfer that nobody waits for any more; connections are not left to the garbage collector."""
        if isinstance(self._arriving, Generator):
            self._arriving.close()

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            for chunk in chunks:
                self.received += len(chunk)
                self.total += len(chunk)
                if self.last.startswith(layout.METADATA) and self.received <= layout.MAX_TARGETS:
                    self.metadata += chunk
                    self.seen[self.last] = self.metadata
                yield chunk
        except Exception as error:  # a connection may break in as many ways as the HTTP library has classes
            self.broke_off = True
            raise DownloadError(f"{self.last}: {type(error).__name__}") from error


def updater(*, cache: str, anchor: bytes, fetcher: FetcherInterface, now: datetime, base: str = "") -> Updater:
    """A client that trusts `anchor` (root metadata), keeps its metadata in `cache`, and takes it to be `now`.

    Every run starts at the anchor and climbs the roots in the cache again: a root is never believed for lying there.
    Raises what ngclient raises.
    """
    made = Updater(
        cache,
        f"{base}{layout.METADATA}/",
        target_base_url=f"{base}{layout.TARGETS}/",
        fetcher=fetcher,
        config=UpdaterConfig(
            max_root_rotations=layout.MAX_ROOT_ROTATIONS,
            max_delegations=1,
            root_max_length=layout.MAX_ROOT,
            timestamp_max_length=layout.MAX_TIMESTAMP,
            snapshot_max_length=layout.MAX_SNAPSHOT,
            targets_max_length=layout.MAX_TARGETS,
            prefix_targets_with_hash=True,
        ),
        bootstrap=anchor,
    )
    # ngclient offers no parameter for the time. Tests hold this line: an expired timestamp must be refused by it.
    made._trusted_set.reference_time = now
    return made


def _parts(url: str) -> list[str]:
    parts = url.split("/")
    if parts[0] not in {layout.METADATA, layout.TARGETS} or any(part in {"", ".", ".."} for part in parts):
        raise DownloadError(f"not a path of a repository: {url!r:.80}")
    return parts
