"""The HTTP server of `permit-issuer serve`: before it goes, what is being written comes to its end."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from .runs import Runs


class Server(uvicorn.Server):
    """uvicorn's, which closes the links of desk agents first of all, and so would tear their cards."""

    def __init__(self, config: uvicorn.Config, runs: Runs) -> None:
        super().__init__(config)
        self._runs = runs

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nobody new, wait for the runs (`runs.CLOSE_SECONDS` each at most), then close."""
        for server in self.servers:
            server.close()
        await asyncio.to_thread(self._runs.close)
        await super().shutdown(sockets)
