"""A stick with one altered metadata file, before a counter that synchronises from it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from shutil import rmtree

from tests.distribution import anchor, lay_out, trust_targets
from tests.factory import NOW
from verifier.sync import sync
from verifier.sync_reason import SyncRefused

from .workspace import directory

_NAMES = ("timestamp.json", "1.snapshot.json", "1.targets.json", "2.root.json")


@cache
def _stick() -> Path:
    return lay_out(Path(directory()) / "stick", trust_targets())


@cache
def metadata() -> dict[str, bytes]:
    """The good metadata by name; a second root is offered as a copy of the first."""
    folder = _stick() / "metadata"
    return {name: (folder / name.replace("2.root", "1.root")).read_bytes() for name in _NAMES}


def refuse(raw: bytes) -> None:
    """First byte which file, the rest its content; refused with a reason unless nothing was changed."""
    if not raw:
        return
    name, content = _NAMES[raw[0] % len(_NAMES)], raw[1:]
    good, path = metadata(), _stick() / "metadata" / name
    path.write_bytes(content)
    store = Path(directory()) / "store"
    try:
        sync(str(_stick()), str(store), now=NOW, anchor=anchor())
    except SyncRefused:
        return
    finally:
        rmtree(store, ignore_errors=True)
        if name == "2.root.json":
            path.unlink()
        else:
            path.write_bytes(good[name])
    import json

    # White space, the order of members and the case of a signature's digits are not signed; what it says is.
    assert json.loads(content)["signed"] == json.loads(good[name])["signed"], name
