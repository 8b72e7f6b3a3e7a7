"""The usage log: sums that name nobody and link no two visits, a chain, and power cuts at any write."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from card_profiles.entitlements.catalogue import Sector, load
from keys.status_list import Status
from tests.factory import DAY, NOW, STATUS_URI, Person, authority, decide, issue, jpeg
from tests.printed_codes import decide as decide_code
from tests.printed_codes import text
from verifier import cli, usage_log
from verifier.reason import Reason
from verifier.usage_log import FEWEST, KEPT_MONTHS, RARE, Kind, UsageLog, encode
from verifier.usage_report import Fault, import_json, totals, verify
from verifier.usage_texts import FAULTS, LABELS
from verifier.verdict import ServiceEntitlement, Verdict

CATALOGUE = load()
HOUR = timedelta(hours=1)
GOOD = decide(issue().evidence())
HOLDER = Person(number="RP9182736", name_native="欧阳若曦", primary="OUYANG", secondary="RUOXI", address="长乐路 91 号")


def visits(log: UsageLog, verdicts: Iterable[Verdict]) -> None:
    for verdict in verdicts:
        log.note(verdict, CATALOGUE)


def at(moment: datetime, verdict: Verdict = GOOD) -> Verdict:
    return replace(verdict, at=moment)


def of_services(*codes: str) -> Verdict:
    """An accepted card with these health services."""
    entitlements = tuple(ServiceEntitlement(code=code, until=NOW.date(), zh="", en="", reason=None) for code in codes)
    return replace(GOOD, services=entitlements)


def written(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def records(directory: Path) -> list[dict[str, object]]:
    found = verify(str(directory))
    assert found.findings == ()
    return list(found.records)


# --- what is in it


def test_an_hour_a_day_a_month(tmp_path: Path) -> None:
    log = UsageLog(str(tmp_path))
    visits(log, [at(NOW + turn * timedelta(minutes=1)) for turn in range(FEWEST + 1)])
    assert records(tmp_path) == []
    log.close(NOW + HOUR)
    (hour,) = records(tmp_path)
    assert (hour["kind"], hour["period"], hour["sector"]) == (Kind.HOUR, "2026-06-01T10", "health")
    assert hour["checks"] == FEWEST + 1
    assert hour["counts"] == {
        "assurance:chip": 6,
        "outcome:accepted": 6,
        "entitled:H01": 6,
        "entitled:H02": 6,
        "not-entitled:H03": 6,
    }
    log.close(NOW + 40 * DAY)
    assert [record["kind"] for record in records(tmp_path)] == [Kind.HOUR, Kind.DAY, Kind.MONTH]


def test_failures_and_printed_codes_are_counted_with_their_reasons(tmp_path: Path) -> None:
    log = UsageLog(str(tmp_path))
    for _ in range(FEWEST):
        log.note_failure(Sector.HEALTH, Reason.WRONG_PASSWORD, at=NOW)
        log.note(decide_code(text(), sector="health"), CATALOGUE)
    log.close(NOW + HOUR)
    (hour,) = records(tmp_path)
    assert hour["counts"] == {
        "assurance:chip": FEWEST,
        "assurance:printed": FEWEST,
        "outcome:accepted": FEWEST,
        "outcome:not-read": FEWEST,
        "reason:wrong-password": FEWEST,
        "entitled:H05": FEWEST,
    }


def test_what_is_rare_is_told_of_the_day_or_the_month_or_not_by_name(tmp_path: Path) -> None:
    log = UsageLog(str(tmp_path))
    refused = decide(
        issue().evidence(), authority().trust(status={STATUS_URI: authority().status_list({7: Status.INVALID})})
    )
    for hour in range(FEWEST):  # one an hour: none of them alone
        visits(log, [at(NOW + hour * HOUR, of_services("H02"))])
    visits(log, [at(NOW, refused), at(NOW, of_services("H08"))])
    log.close(NOW + 40 * DAY)
    by_kind = {kind: [one["counts"] for one in records(tmp_path) if one["kind"] == kind] for kind in Kind}
    assert all(counts == {} for counts in by_kind[Kind.HOUR])
    (day,), (month,) = by_kind[Kind.DAY], by_kind[Kind.MONTH]
    assert day["entitled:H02"] == FEWEST
    assert month == {"outcome:refused": 1, "reason:status-revoked": 1, RARE: month[RARE]}
    assert not any("H08" in name for counts in (day, month) for name in counts)


def test_sums_lose_nothing(tmp_path: Path) -> None:
    """Carried or not, each check is in the sum of the month exactly once."""
    log, random = UsageLog(str(tmp_path)), Random(6)
    moments = sorted(NOW + random.randrange(0, 20 * 24) * HOUR for _ in range(200))
    visits(log, [at(moment) for moment in moments])
    log.close(NOW + 40 * DAY)
    (total,) = totals(verify(str(tmp_path)).records)
    assert total.checks == 200
    assert total.counts["entitled:H01"] == total.counts["outcome:accepted"] == 200
    assert sum(total.by_hour.values()) == 200


# --- nobody's name, and no two visits together


def test_no_byte_of_the_holder_is_in_it(tmp_path: Path) -> None:
    """Nor a digest of one, nor the number of the card in the status list, nor minute or second."""
    permit = issue(person=HOLDER, status_index=918)
    moment = NOW + timedelta(minutes=47, seconds=53)
    log = UsageLog(str(tmp_path))
    for sector in (Sector.HEALTH, Sector.HOUSEHOLD):
        evidence = permit.evidence(sector, portrait=True)
        verdict = decide(evidence, authority().trust(), now=moment)
        assert verdict.accepted
        assert verdict.holder is not None
        for _ in range(FEWEST):
            log.note(verdict, CATALOGUE)
    told = [HOLDER.number, HOLDER.name_native, HOLDER.primary, HOLDER.secondary, HOLDER.address, HOLDER.mrz.information]
    told += [HOLDER.birth_date.isoformat(), HOLDER.birth_date.strftime("%y%m%d"), HOLDER.authority_name, "918", "47"]
    told += [verdict.valid_until.date().isoformat() if verdict.valid_until else "?", STATUS_URI]
    secrets = [name.encode() for name in told]
    secrets += [json.dumps(name)[1:-1].encode() for name in told]
    files = (
        *permit.permit.values(),
        *permit.identity.values(),
        permit.serial,
        jpeg(HOLDER.portrait_shade),
        permit.can.encode(),
    )
    for raw in (*files, *[name.encode() for name in told[:6]]):
        secrets += [raw, raw.hex().encode(), sha256(raw).digest(), sha256(raw).hexdigest().encode()]
    for state in ("running", "closed"):
        if state == "closed":
            log.close(NOW + 40 * DAY)
        for name, content in written(tmp_path).items():
            without = content
            for line in content.split(b"\n"):  # hashes of our own records may hold any digits
                for word in line.replace(b'"', b" ").split():
                    if len(word) == 64:
                        without = without.replace(word, b"")
            assert not [secret for secret in secrets if secret and secret in without], name
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert (tmp_path / "open.json").stat().st_mtime % 3600 == 0


def history(directory: Path, verdicts: Iterable[Verdict]) -> dict[str, bytes]:
    log = UsageLog(str(directory))
    visits(log, verdicts)
    log.close(NOW + 40 * DAY)
    return written(directory)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_sums_give_the_same_bytes_whoever_came(tmp_path: Path, seed: int) -> None:
    """The log is a function of sums: another order, other holders, other combinations of services of the same sums, and
    one holder twice or two holders once cannot be told apart, by anybody, whatever else they know."""
    random = Random(seed)
    others = [decide(issue(person=replace(HOLDER, number=f"RP000000{n}"), status_index=n).evidence()) for n in range(3)]
    first = [at(NOW + random.randrange(3) * HOUR, others[0]) for _ in range(9)]
    first += [at(NOW, of_services("H01", "H02")), at(NOW, of_services("H05"))]
    second = [replace(random.choice(others), at=verdict.at) for verdict in first[:9]]
    second += [at(NOW, of_services("H01")), at(NOW, of_services("H02", "H05"))]
    first, second = ([*sorted(some, key=lambda one: (one.at, random.random()))] for some in (first, second))
    assert history(tmp_path / "first", first) == history(tmp_path / "second", second)


def test_one_who_alone_has_a_service_leaves_no_trail(tmp_path: Path) -> None:
    """Month after month one holder is the only one with H08: no record tells in which hour, day or month."""
    log = UsageLog(str(tmp_path))
    for month in range(6):
        visits(log, [at(NOW + month * 30 * DAY, of_services("H01"))] * 20)
        if month % 2:
            visits(log, [at(NOW + month * 30 * DAY, of_services("H01", "H08"))] * (month % 3 + 1))
    log.close(NOW + 400 * DAY)
    assert b"H08" not in b"".join(content for name, content in written(tmp_path).items() if name.endswith(".log"))


def test_a_card_cannot_write_into_it(tmp_path: Path) -> None:
    """A service code that the catalogue does not have is not copied, though it be signed."""
    log = UsageLog(str(tmp_path))
    visits(log, [of_services("H77", "RP9182736")] * 10)
    assert b"H77" not in b"".join(written(tmp_path).values())
    assert b"RP918" not in b"".join(written(tmp_path).values())


# --- the chain


def full(directory: Path) -> None:
    log = UsageLog(str(directory))
    visits(log, [at(NOW + turn * HOUR) for turn in range(60) for _ in range(FEWEST)])
    log.close(NOW + 40 * DAY)


def lines(directory: Path) -> list[bytes]:
    return (directory / "2026-06.log").read_bytes().splitlines(keepends=True)


CHANGES: dict[str, tuple[Callable[[list[bytes]], object], set[Fault]]] = {
    "a digit": (lambda all_: all_.__setitem__(3, all_[3].replace(b'"checks":5', b'"checks":4')), {Fault.MALFORMED}),
    "a record taken out": (lambda all_: all_.pop(5), {Fault.GAP, Fault.LINK}),
    "two exchanged": (lambda all_: all_.insert(4, all_.pop(5)), {Fault.GAP, Fault.LINK}),
    "one twice": (lambda all_: all_.insert(4, all_[4]), {Fault.GAP, Fault.LINK}),
    "one made up": (
        lambda all_: all_.insert(4, encode({"seq": 5, "prev": "0" * 64, "kind": "hour"}).encode()),
        {Fault.GAP, Fault.LINK},
    ),
    "the first": (lambda all_: all_.pop(0), set()),  # as when its month is over: what it follows is believed
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_done_to_the_records_shows(tmp_path: Path, change: str) -> None:
    full(tmp_path)
    assert verify(str(tmp_path)).findings == ()
    changed = lines(tmp_path)
    act, faults = CHANGES[change]
    act(changed)
    (tmp_path / "2026-06.log").write_bytes(b"".join(changed))
    found = {finding.fault for finding in verify(str(tmp_path)).findings}
    assert found >= faults
    assert bool(found) == bool(faults)


def test_every_byte_is_covered(tmp_path: Path) -> None:
    full(tmp_path)
    good = (tmp_path / "2026-06.log").read_bytes()
    for place in range(0, len(good), 97):
        (tmp_path / "2026-06.log").write_bytes(good[:place] + bytes((good[place] ^ 1,)) + good[place + 1 :])
        assert verify(str(tmp_path)).findings, place


def test_an_end_cut_off_is_told_by_a_kept_hash_and_by_the_log_itself(tmp_path: Path) -> None:
    full(tmp_path)
    head = verify(str(tmp_path)).head
    assert verify(str(tmp_path), head=head).findings == ()
    kept = lines(tmp_path)[:-2]
    (tmp_path / "2026-06.log").write_bytes(b"".join(kept))
    assert [finding.fault for finding in verify(str(tmp_path), head=head).findings] == [Fault.HEAD]
    (tmp_path / "2026-07.log").unlink(missing_ok=True)


def test_months_are_forgotten_in_their_time(tmp_path: Path) -> None:
    log = UsageLog(str(tmp_path))
    for month in range(KEPT_MONTHS + 6):
        visits(log, [at(NOW + month * 31 * DAY)])
    log.close(NOW + 31 * (KEPT_MONTHS + 6) * DAY)
    assert len(usage_log.months(str(tmp_path))) == KEPT_MONTHS
    found = verify(str(tmp_path))
    assert found.findings == ()
    assert found.first > 1


# --- power cuts and worse


class PowerCut(BaseException):
    pass


def cut_at(monkeypatch: pytest.MonkeyPatch, operation: int, torn: float) -> None:
    """Power goes at the n-th durable write; of a line that is being appended, a part may be there."""
    left = [operation]
    good_replace = usage_log.replace
    good_pending = UsageLog._write_pending

    def due() -> bool:
        left[0] -= 1
        return left[0] == 0

    def replaced(path: str, data: bytes, *, mode: int) -> None:
        if due():
            raise PowerCut
        good_replace(path, data, mode=mode)

    def pending(self: UsageLog, state: usage_log._Open) -> None:
        if due():
            path, data = Path(self._path(state.month)), "".join(state.pending).encode()
            with path.open("ab") as stream:
                stream.write(data[: int(len(data) * torn)])
            raise PowerCut
        good_pending(self, state)

    monkeypatch.setattr(usage_log, "replace", replaced)
    monkeypatch.setattr(UsageLog, "_write_pending", pending)


@pytest.mark.parametrize("torn", [0.0, 0.3, 0.99, 1.0])
def test_power_cut_at_any_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: float) -> None:
    """No line is lost or doubled, no check but the one under way is missing."""
    moments = [NOW + turn * 60 * HOUR for turn in range(15)]  # over days and a month's end
    for operation in range(1, 70, 3):
        directory = tmp_path / str(operation)
        counted = 0
        with monkeypatch.context() as patch:
            cut_at(patch, operation, torn)
            log = UsageLog(str(directory))
            try:
                for moment in moments:
                    log.note(at(moment), CATALOGUE)
                    counted += 1
            except PowerCut:
                pass
        log = UsageLog(str(directory))
        for moment in moments[counted:]:
            log.note(at(moment), CATALOGUE)
        log.close(NOW + 90 * DAY)
        found = verify(str(directory))
        assert found.findings == ()
        assert sum(total.checks for total in totals(found.records)) in (len(moments), len(moments) + 1)


def test_a_torn_tail_that_is_not_ours_is_cut_off_and_noted(tmp_path: Path) -> None:
    log = UsageLog(str(tmp_path))
    visits(log, [at(NOW), at(NOW + HOUR)])
    with (tmp_path / "2026-06.log").open("ab") as stream:
        stream.write(b'{"seq":9,"half a rec')
    visits(log, [at(NOW + HOUR)])
    found = verify(str(tmp_path))
    assert found.findings == ()
    assert [record["kind"] for record in found.records] == [Kind.HOUR, Kind.REPAIRED]


@pytest.mark.parametrize("cut", [1, 40, 10_000])
def test_a_log_that_became_shorter_says_so(tmp_path: Path, cut: int) -> None:
    log = UsageLog(str(tmp_path))
    visits(log, [at(NOW + turn * HOUR) for turn in range(5)])
    path = tmp_path / "2026-06.log"
    path.write_bytes(path.read_bytes()[:-cut] if cut < path.stat().st_size else b"")
    visits(log, [at(NOW + 5 * HOUR)])
    assert Fault.LOST in {finding.fault for finding in verify(str(tmp_path)).findings}


@pytest.mark.parametrize("content", [None, b"", b"{}", b"{}\n" + b"0" * 64 + b"\n"])
def test_running_counts_that_are_gone_are_a_record(tmp_path: Path, content: bytes | None) -> None:
    log = UsageLog(str(tmp_path))
    visits(log, [at(NOW), at(NOW + HOUR), at(NOW + HOUR)])
    if content is None:
        (tmp_path / "open.json").unlink()
    else:
        (tmp_path / "open.json").write_bytes(content)
    visits(log, [at(NOW + 2 * HOUR)])
    log.close(NOW + 3 * HOUR)
    found = verify(str(tmp_path))
    assert [finding.fault for finding in found.findings] == [Fault.LOST]
    assert [record["kind"] for record in found.records] == [Kind.HOUR, Kind.LOST, Kind.HOUR]


def test_two_processes_share_one_log(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def work(_: int) -> None:
        visits(UsageLog(str(tmp_path)), [at(NOW)] * 20)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    UsageLog(str(tmp_path)).close(NOW + HOUR)
    (hour,) = records(tmp_path)
    assert hour["checks"] == 80


def test_a_clock_that_jumps_loses_nothing(tmp_path: Path) -> None:
    log = UsageLog(str(tmp_path))
    visits(log, [at(NOW), at(NOW + 4000 * DAY), at(NOW), at(NOW - HOUR)])
    log.close(NOW + 40 * DAY)
    assert sum(total.checks for total in totals(verify(str(tmp_path)).records)) == 4


# --- the commands


def run(*arguments: str, now: datetime = NOW + 40 * DAY) -> int:
    return cli.main(["usage", *arguments], now=lambda: now)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    full(tmp_path / "usage")
    return tmp_path


def test_verify_tells(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", "--state", str(state), "--lang", "en") == 0
    head = capsys.readouterr().out.split()[-1]
    assert run("verify", "--state", str(state), "--head", head, "--lang", "zh") == 0
    assert LABELS["whole"][0] in capsys.readouterr().out
    path = state / "usage" / "2026-06.log"
    path.write_bytes(path.read_bytes().replace(b'"checks":5', b'"checks":9', 1))
    assert run("verify", "--state", str(state), "--lang", "en") == 1
    assert FAULTS[Fault.MALFORMED][1] in capsys.readouterr().out
    assert run("verify", "--state", str(state), "--json") == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["fault"] == Fault.MALFORMED


def test_no_log_is_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", "--state", str(tmp_path), "--lang", "en") == 0
    assert LABELS["none"][1] in capsys.readouterr().out
    assert not (tmp_path / "usage").exists()


def test_exports_of_a_district_add_up(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, district in (("a", "520103"), ("b", "520103"), ("c", "520115")):
        assert run("export", "--state", str(state), "--district", district, "--out", str(state / name)) == 0
    capsys.readouterr()
    paths = [str(state / name) for name in "abc"]
    assert run("totals", "--csv", *paths) == 0
    rows = capsys.readouterr().out.splitlines()
    assert "520103,2026-06,health,checks,600" in rows
    assert "520115,2026-06,health,checks,300" in rows
    assert run("totals", *paths, "--lang", "zh") == 0
    assert LABELS["district"][0] in capsys.readouterr().out
    (total,) = import_json((state / "c").read_bytes())
    assert total.counts["outcome:accepted"] == 300
    assert run("export", "--csv", "--state", str(state)) == 0
    assert "checks,300" in capsys.readouterr().out


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"format":1,"totals":[{}]}', b'{"format":1,"totals":[5]}', b"{" * 9])
def test_exports_that_are_none(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "export").write_bytes(raw)
    assert run("totals", str(tmp_path / "export")) == 2


def test_every_fault_has_a_text() -> None:
    assert FAULTS.keys() == set(Fault)
    assert os.linesep == "\n"
