"""What was done last, told on the page that comes after it: looked up by the form's own key, so that a reload tells the
same, and no address holds anything about a person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..store.models.operations import IdempotencyKey
from .site import View
from .texts import known

PARAMETER = "receipt"
_KEY = re.compile(r"[A-Za-z0-9._:-]{8,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An act of the operator who looks, and what it came to."""

    act: str
    data: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The key of the sentence that tells it."""
        return f"done.{self.act}" if known(f"done.{self.act}") else "done"


def then(view: View, path: str) -> str:
    """The address of `path`, with the receipt of what this form did."""
    return f"{path}?{PARAMETER}={view.call.key}"


def shown(view: View) -> Done | None:
    """The receipt that the address names; None without one, and for another operator's."""
    key = view.asked(PARAMETER, 64)
    if view.call_made is None or _KEY.fullmatch(key) is None:
        return None
    with view.call.store.read() as transaction:
        row = transaction.get(IdempotencyKey, (view.call.actor.operator, key))
    if row is None or not row.response:
        return None
    return Done(act=row.act, data=json.loads(row.response)["data"])
