"""Pictures are decoded and looked at beside the event loop, a few at a time, and nobody waits for them for ever.

A thread cannot be stopped: what ends it is that `photo_check` knows beforehand what a picture costs. The time limit
here is for whoever waits; a place is free again when its work has really ended.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from .problem_texts import Code
from .problems import Problem

AT_A_TIME = 2
WAITING = 8  # beyond those at work; more are sent away at once
SECONDS = 15.0
T = TypeVar("T")

_places = threading.BoundedSemaphore(AT_A_TIME + WAITING)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=AT_A_TIME, thread_name_prefix="photo")


async def beside(work: Callable[[], T], *, seconds: float = SECONDS) -> T:
    """What `work` returns or raises. Raises Problem(UNAVAILABLE) when there is no place, or no result in time."""
    if not _places.acquire(blocking=False):
        raise Problem(Code.UNAVAILABLE, headers={"Retry-After": "2"}, waiting=WAITING)
    try:
        begun = _threads().submit(work)
    except BaseException:
        _places.release()
        raise
    begun.add_done_callback(lambda _: _places.release())
    try:
        return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(begun)), seconds)
    except TimeoutError as error:
        begun.cancel()
        raise Problem(Code.UNAVAILABLE, headers={"Retry-After": "5"}, seconds=seconds) from error
