"""What the service does by itself while it runs: changes of status reach the list, every so many seconds."""

from __future__ import annotations

import logging
import threading

from ..domain.roles import clockwork as system
from . import authority_keys, logs
from .authority_keys import CITY
from .state import Service


class Clockwork:
    """A thread in a process that has the keys; several of them on one database do each other no harm."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, where there is something to do."""
        if self._service.keys is not None and self._service.settings.publish_seconds:
            self._thread = threading.Thread(target=self._run, name="clockwork", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; what is being published is finished first."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        keys, seconds = self._service.keys, self._service.settings.publish_seconds
        assert keys is not None
        while not self._stop.wait(seconds):
            try:
                authority_keys.publish(keys, self._service.store, system(CITY))
            except Exception as error:
                logs.log("publication", level=logging.ERROR, error=error)
