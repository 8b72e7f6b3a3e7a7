"""The form of a target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from keys.errors import DecodeError

Seeds = Callable[[], tuple[bytes, ...]]
NO_ERROR: tuple[type[Exception], ...] = ()
DECODE: tuple[type[Exception], ...] = (DecodeError,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`run` is fed; `errors` are what it may raise; `seeds` are good inputs, made when first asked for."""

    run: Callable[[bytes], object]
    seeds: Seeds
    errors: tuple[type[Exception], ...] = DECODE
    weight: int = 10
    """Share of the inputs of a run over all targets: a whole card is slow."""
    most: int = 4096
    """Bytes of an input."""
