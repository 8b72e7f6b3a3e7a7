"""What the service does by itself while it runs: changes of status reach the list, the CRL is renewed before it runs
out, the audit chain is signed once a day, photos are deleted when their time is over, old request keys and sessions are
forgotten."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ..acts import upkeep
from ..domain.roles import clockwork as system
from . import authority_keys, logs
from .authority_keys import CITY
from .state import Service

UPKEEP_SECONDS = 3600.0


class Clockwork:
    """A thread; several of them, in several processes on one database, do each other no harm."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._kept_at = time.monotonic() - UPKEEP_SECONDS

    def start(self) -> None:
        """Begin; with PERMIT_PUBLISH_SECONDS=0 it never does."""
        if self._service.settings.publish_seconds:
            self._thread = threading.Thread(target=self._run, name="clockwork", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; what is being done is finished first."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def turn(self) -> None:
        """Once: what is due now."""
        keys, store, actor = self._service.keys, self._service.store, system(CITY)
        if keys is not None:
            _try("publication", lambda: authority_keys.publish(keys, store, actor))
        if time.monotonic() - self._kept_at >= UPKEEP_SECONDS:
            self._kept_at = time.monotonic()
            if keys is not None:
                _try("crl", lambda: authority_keys.renew_crl(keys))
                _try("checkpoint", lambda: authority_keys.sign_checkpoint(keys, store, actor, daily=True))
            _try("retention", lambda: upkeep.purge_captures(store, actor))
            _try("forgetting", lambda: upkeep.forget_requests(store, actor))

    def _run(self) -> None:
        while not self._stop.wait(self._service.settings.publish_seconds):
            self.turn()


def _try(event: str, work: Callable[[], object]) -> None:
    """A failure is told, and tried again at the next turn."""
    try:
        work()
    except Exception as error:
        logs.log(event, level=logging.ERROR, error=error)
