"""What a kind of card turned out to carry in this machine's readers, so that the next one need not be tried out again.

One small JSON file: `{"version": 1, "cards": {"<ATR>": {"extended": true, "max_response": 192, "max_command": 261}}}`.
It only makes things faster: a file that is missing or damaged counts as empty, one that cannot be written is let be.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from card_profiles.iso7816.connection import Limits

VERSION = 1
MAX_KINDS = 64  # kinds of card; the one that was learned longest ago goes first
MAX_SIZE = 65_536  # bytes of the file
_FIELDS = {"extended", "max_response", "max_command"}


def default_path() -> Path:
    """`$XDG_STATE_HOME/residence-permit/cards.json`, below `~/.local/state` by default."""
    home = os.environ.get("XDG_STATE_HOME", "")
    state = Path(home) if os.path.isabs(home) else Path.home() / ".local" / "state"
    return state / "residence-permit" / "cards.json"


class CardMemory:
    """Findings per ATR. Reads the file each time, so several processes may share it; the last to write wins."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or default_path()

    def recall(self, atr: bytes) -> Limits | None:
        """What was learned about cards with this ATR."""
        return self._load().get(atr)

    def limits(self, atr: bytes) -> Limits:
        """What was learned, or else what the ATR declares."""
        return self.recall(atr) or Limits.from_atr(atr)

    def remember(self, atr: bytes, limits: Limits) -> None:
        """Replaces what was known. Writes only when it differs; a file that cannot be written is no error."""
        known = self._load()
        if known.get(atr) == limits:
            return
        known.pop(atr, None)
        known[atr] = limits
        for oldest in list(known)[:-MAX_KINDS]:
            del known[oldest]
        self._store(known)

    def forget(self, atr: bytes) -> None:
        """So that cards with this ATR are tried out anew."""
        known = self._load()
        if known.pop(atr, None) is not None:
            self._store(known)

    def _load(self) -> dict[bytes, Limits]:
        import json

        try:
            with self._path.open("rb") as file:
                raw = file.read(MAX_SIZE + 1)
            if len(raw) > MAX_SIZE:
                return {}
            return _decode(json.loads(raw))
        except (OSError, ValueError, RecursionError):
            return {}

    def _store(self, known: dict[bytes, Limits]) -> None:
        import json

        cards = {
            atr.hex(): {
                "extended": limits.extended,
                "max_response": limits.max_response,
                "max_command": limits.max_command,
            }
            for atr, limits in known.items()
        }
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps({"version": VERSION, "cards": cards}, indent=1) + "\n")
            draft.replace(self._path)
        except OSError:
            with suppress(OSError):
                draft.unlink()


def _decode(document: object) -> dict[bytes, Limits]:
    """Raises ValueError for anything that `_store` does not write."""
    if not isinstance(document, dict) or document.keys() != {"version", "cards"} or document["version"] != VERSION:
        raise ValueError("another kind of file")
    cards = document["cards"]
    if not isinstance(cards, dict) or len(cards) > MAX_KINDS:
        raise ValueError("not our cards")
    known: dict[bytes, Limits] = {}
    for atr, entry in cards.items():
        if not isinstance(entry, dict) or entry.keys() != _FIELDS:
            raise ValueError("not our entry")
        extended, response, command = entry["extended"], entry["max_response"], entry["max_command"]
        if type(extended) is not bool or type(response) is not int or type(command) is not int:
            raise ValueError("not our types")
        known[bytes.fromhex(atr)] = Limits(extended=extended, max_response=response, max_command=command)
    return known
