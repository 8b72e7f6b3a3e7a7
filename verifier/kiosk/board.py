"""What everybody at the counter may see now: the last word about each place, and a bell for those who watch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

END = ""
Tree = Mapping[str, Any]
"""Ready to become JSON."""
Hear = Callable[[str, Tree], None]
"""Hears topic and word; called from any thread, and must not wait."""


class Board:
    """The last word by topic. Threads may put words here at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: dict[str, Tree] = {}
        self._hearing: list[Hear] = []

    def put(self, topic: str, word: Tree) -> None:
        """Replace the word on `topic`, and tell everybody who listens, in the order of the words."""
        with self._lock:
            self._words[topic] = word
            for hear in self._hearing:
                hear(topic, word)

    def take_away(self, topic: str) -> None:
        """Nothing on `topic` any more: told as an empty word."""
        with self._lock:
            self._words.pop(topic, None)
            for hear in self._hearing:
                hear(topic, {})

    def close(self) -> None:
        """The counter ends: told as the topic `END`, also to whoever listens later."""
        with self._lock:
            self._words = {END: {}}
            for hear in self._hearing:
                hear(END, {})

    def listen(self, hear: Hear) -> Callable[[], None]:
        """`hear` gets all words as they stand, then every new one. Returns what ends it."""
        with self._lock:
            for topic, word in self._words.items():
                hear(topic, word)
            self._hearing.append(hear)

        def end() -> None:
            with self._lock:
                self._hearing.remove(hear)

        return end

    def word(self, topic: str) -> Tree:
        """The last word on `topic`, empty when there is none."""
        with self._lock:
            return self._words.get(topic, {})

    @property
    def listeners(self) -> int:
        """How many watch."""
        with self._lock:
            return len(self._hearing)
