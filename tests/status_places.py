"""Places in status lists for tests that have no authority: the one that is meant, or one after the other."""

from __future__ import annotations

import itertools
import threading

from issuer.journal import Allocate
from keys.status_list import Place

URI = "https://permits.utopia.example/status/1"


def at(*indices: int, uri: str = URI) -> Allocate:
    """These, in this order; the last one for ever."""
    left = list(indices)

    def allocate() -> Place:
        return Place(uri=uri, index=left.pop(0) if len(left) > 1 else left[0])

    return allocate


def in_order(*, uri: str = URI) -> Allocate:
    """0, 1, 2 …, for several threads."""
    numbers, lock = itertools.count(), threading.Lock()

    def allocate() -> Place:
        with lock:
            return Place(uri=uri, index=next(numbers))

    return allocate
