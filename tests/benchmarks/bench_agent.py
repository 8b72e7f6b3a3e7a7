"""A card with a 15 kB photo written and read back: a reader beside the service, and one behind a desk agent with delay.

Delay is added to every message, both ways, so 50 ms means 100 ms for a command and its answer. The card itself takes no
time: what is shown is what the way costs. The floor of a row is the time of the local reader, and one round trip for
each answer that something after it depends on, counted from the protocols (`_trips`) and not from our code.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from card_profiles.iso7816.connection import Connection, CountingConnection
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from issuer import samples
from tests.benchmarks.bench_card import EVERY_SERVICE, ShortConnection, _endorse

sys.path.insert(0, str(Path(__file__).parents[1] / "simulator"))
import issuing  # the desk of the tests
from agent_lines import Line, line

DELAYS = (0.0, 0.020, 0.050)
MOST = 30.0  # seconds at 50 ms: the target
RECORD = 200  # bytes of ISO/IEC 19794-5 and ICAO 9303-10 around the picture, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One act over one way. `trips` are requests to the agent; for the local reader, commands."""

    act: str
    way: str
    extended: bool
    commands: int
    trips: int
    seconds: float
    floor: float


def photo() -> bytes:
    """A drawn portrait, as good as fits: JPEG of a little less than 15,000 bytes."""
    picture = Image.open(Path(samples.__file__).parent / "01-chen-xiaowen.jpg").convert("RGB")
    best = b""
    for width in range(360, 900, 20):
        for quality in range(60, 97, 4):
            out = BytesIO()
            picture.resize((width, width * 4 // 3)).save(out, "JPEG", quality=quality)
            if len(best) < out.tell() <= PROFILE.identity.file("DG2").size - RECORD:
                best = out.getvalue()
    return best


def _trips(*, act: str) -> int:
    """Answers that something depends on, and so round trips, at the least.

    An SCP03 session: SELECT goes with INITIALIZE UPDATE, then EXTERNAL AUTHENTICATE: 2. PACE by 9303-11: EF.CardAccess
    with SELECT, MSE with the nonce, mapping, agreement, tokens: 5. Chip Authentication: both its commands, 1.
    """
    session, pace, chip = 2, 5, 1
    powered = 2  # up and down
    check = pace + 2 + chip + 1  # SELECT with EF.Active; MSO with EF.NS.permit; afterwards the sector's file
    identify = limits = keys = own = write = rest = activate = 1
    if act == "endorse":  # read and judged; what the check did not read; written, compared, made to count, judged again
        return powered + identify + check + pace + rest + limits + session + write + pace + rest + session + 1 + check
    written = identify + limits + session + keys + session + own + write + session + write
    return powered + written + check + 2 + pace + rest + session + activate  # identity: the heads, then what they tell


def main(write: Callable[[str], object] = print) -> None:
    """The table."""
    picture = photo()
    write(f"DG2 with a picture of {len(picture)} bytes; delay is each way; the card itself takes no time")
    write(f"{'act':8} {'length':9} {'way':22} {'commands':>8} {'trips':>6} {'floor':>6} {'seconds':>8} {'floor':>7}")
    worst = 0.0
    original = issuing.small_photo
    issuing.small_photo = lambda: picture
    try:
        for row in rows():
            length = "extended" if row.extended else "short"
            trips = _trips(act=row.act) if row.way != "local reader" else row.commands
            write(
                f"{row.act:8} {length:9} {row.way:22} {row.commands:8} {row.trips:6} {trips:6}"
                f" {row.seconds:8.2f} {row.floor:7.2f}"
            )
            if row.act == "issue" and row.way.endswith("50 ms"):
                worst = max(worst, row.seconds)
    finally:
        issuing.small_photo = original
    write(f"longest write and read back at 50 ms: {worst:.1f} s; to reach was {MOST:.0f} s")


def rows() -> Iterator[Row]:
    """Issue and endorse, through readers of both lengths."""
    for extended in (True, False):
        local: dict[str, float] = {}
        for row in _local(extended=extended):
            local[row.act] = row.seconds
            yield row
        for delay in DELAYS:
            with line(delay=delay) as desk, TemporaryDirectory() as directory:
                if not extended:
                    desk.reader.wrap = ShortConnection
                yield from _over(desk, Path(directory), delay, local, extended=extended)


def _local(*, extended: bool) -> Iterator[Row]:
    with TemporaryDirectory() as directory:
        world, image = issuing.World(issuing.authority_home(Path(directory))), issuing.blank()

        def opened() -> CountingConnection:
            inner: Connection = issuing.power_up(image)
            return CountingConnection(inner if extended else ShortConnection(inner))

        for act in ("issue", "endorse"):
            counting = opened()
            seconds = _timed(act, world, counting)
            commands = counting.commands
            yield Row(
                act=act,
                way="local reader",
                extended=extended,
                commands=commands,
                trips=commands,
                seconds=seconds,
                floor=seconds,
            )


def _over(desk: Line, directory: Path, delay: float, local: dict[str, float], *, extended: bool) -> Iterator[Row]:
    world, image = issuing.World(issuing.authority_home(directory)), issuing.blank()
    desk.reader.insert(image)
    for act in ("issue", "endorse"):
        desk.connection().close()  # the link is up
        before, begun = desk.proxy.requests, time.monotonic()
        counting = CountingConnection(desk.connection())
        _timed(act, world, counting)
        counting.close()
        seconds = time.monotonic() - begun
        yield Row(
            act=act,
            way=f"agent, {delay * 1000:.0f} ms",
            extended=extended,
            commands=counting.commands,
            trips=desk.proxy.requests - before,
            seconds=seconds,
            floor=local[act] + _trips(act=act) * 2 * delay,
        )


def _timed(act: str, world: issuing.World, connection: Connection) -> float:
    begun = time.monotonic()
    if act == "issue":
        world.issue(connection, tree=issuing.applicant(entitlements=EVERY_SERVICE))
    else:
        _endorse(world, connection)
    return time.monotonic() - begun
