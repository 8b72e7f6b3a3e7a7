"""How uvicorn serves a counter: it says nothing of itself, keeps no log of requests, and ends at once when told to."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp

from .kiosk import Kiosk


class Server(uvicorn.Server):
    """Serves `application` for `kiosk`; streams and whoever waits are answered before the end."""

    def __init__(self, application: ASGIApp, kiosk: Kiosk) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http="h11",
                ws="none",
                loop="asyncio",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=64,
                timeout_graceful_shutdown=2,
            )
        )
        self._kiosk = kiosk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called in the loop, once nothing new is taken."""
        self._kiosk.close()
        await super().shutdown(sockets)
