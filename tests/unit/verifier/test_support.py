"""Support files: sealed to the authority, opened by it and by openssl, and the same verdict from them later."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from keys import cli as keys_cli
from keys.authority import support_keys
from keys.authority.authority import Authority, custody_at
from keys.envelopes import enveloped
from keys.errors import DecodeError
from keys.publication.layout import Kind, kind_of
from keys.publication.targets import collect
from keys.status_list import Status
from keys.support_key import FOLDER, SupportKeyError, SupportKeyReason, recipient
from keys.trust import TrustStore
from tests.factory import CAN, DAY, NOW, STATUS_URI, Person, authority, decide, issue, key, write_files
from tests.key_home import ALONE, CHEAP, PASSPHRASE
from tests.key_home import Home as KeyHome
from tests.printed_codes import text
from verifier import cli, evidence, printed, printed_evidence, support
from verifier.printed_evidence import PrintedEvidence
from verifier.reason import Reason
from verifier.support import MAX_NOTE, Report, SupportReason, SupportRefused
from verifier.support_texts import LABELS, REASONS
from verifier.verdict import ExitCode

CARD = issue(person=Person(number="RP9182736"))
REVOKED = authority().trust(status={STATUS_URI: authority().status_list({7: Status.INVALID})})
VERDICT = decide(CARD.evidence(), REVOKED)


class Home(KeyHome):
    """One authority, opened once."""

    @cached_property
    def authority(self) -> Authority:
        return self.open()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    custody = custody_at(str(made.path), PASSPHRASE, cost=CHEAP)
    support_keys.make(made.authority, custody, now=NOW, actor=ALONE)
    return made


def trust_of(home: Home) -> TrustStore:
    return TrustStore.load(home.authority.trust_dir)


def sealed(home: Home, report: Report | None = None) -> bytes:
    return support.seal(
        report or support.report_of(CARD.evidence(), VERDICT, note="holder came twice"),
        trust_directory=home.authority.trust_dir,
        trust=trust_of(home),
        now=NOW,
        random=os.urandom,
    )


def passphrase_file(folder: Path) -> Path:
    path = folder / "passphrase"
    path.write_bytes(PASSPHRASE + b"\n")
    path.chmod(0o600)
    return path


# --- from the counter to the authority


def test_the_authority_opens_it_and_nobody_else(home: Home) -> None:
    raw = sealed(home)
    custody = custody_at(str(home.path), PASSPHRASE)
    report = support.decode(support_keys.open_file(home.authority, custody, raw))
    assert report.evidence == CARD.evidence()
    assert report.reasons == (Reason.STATUS_REVOKED,)
    assert report.note == "holder came twice"
    with pytest.raises(DecodeError):
        enveloped.open_sealed(raw, key("stranger"))


def test_openssl_opens_it_too(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file.cms").write_bytes(sealed(home))
    (certificate,) = (Path(home.authority.trust_dir) / FOLDER).iterdir()
    pem = x509.load_der_x509_certificate(certificate.read_bytes()).public_bytes(Encoding.PEM)
    (tmp_path / "recipient.pem").write_bytes(pem)
    command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-binary", "-in", str(tmp_path / "file.cms")]
    command += ["-recip", str(tmp_path / "recipient.pem"), "-inkey", str(home.path / "keys" / "support-1.p8")]
    command += ["-keyform", "DER", "-passin", f"pass:{PASSPHRASE.decode()}", "-out", str(tmp_path / "opened")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert support.decode((tmp_path / "opened").read_bytes()).evidence == CARD.evidence()


def test_nothing_of_the_holder_can_be_seen(home: Home) -> None:
    raw = sealed(home)
    captured = CARD.evidence()
    for secret in (
        b"RP9182736",
        "陈晓梅".encode(),
        CAN.encode(),
        captured.permit,
        captured.sector_item,
        captured.mso[:24],
    ):
        assert secret not in raw
    assert CAN.encode() not in support.encode(support.report_of(captured, VERDICT))


def test_each_file_has_its_own_key(home: Home) -> None:
    report = support.report_of(CARD.evidence(), VERDICT)
    one, other = sealed(home, report), sealed(home, report)
    assert one != other
    assert len(one) == len(other) < len(support.encode(report)) + 500


def test_what_was_changed_does_not_open(home: Home) -> None:
    raw = sealed(home)
    (certificate,) = support_keys.published(home.authority.trust_dir)
    key = custody_at(str(home.path), PASSPHRASE).private_key("file:support-1.p8")
    assert enveloped.recipient_of(raw) == certificate.subject_key_identifier
    for place in (*range(0, 400), *range(400, len(raw), 7)):
        changed = raw[:place] + bytes((raw[place] ^ 1,)) + raw[place + 1 :]
        try:
            enveloped.open_sealed(changed, key)
        except DecodeError:
            continue
        assert enveloped.recipient_of(changed) != enveloped.recipient_of(raw)  # only who is meant, and that is us


@given(st.binary(max_size=300))
def test_opening_is_total(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        enveloped.open_sealed(raw, key("anybody"))
    with pytest.raises(DecodeError):
        support.decode(raw)
    with pytest.raises(DecodeError):
        printed_evidence.decode(raw)


# --- what goes in, and what does not


def refusal(note: str = "", *, accepted: bool = False) -> SupportReason:
    verdict = decide(CARD.evidence()) if accepted else VERDICT
    with pytest.raises(SupportRefused) as refused:
        support.report_of(CARD.evidence(), verdict, note=note)
    return refused.value.reason


@pytest.mark.parametrize("note", [CAN, f"the CAN is {CAN}", "617 203", "61-72-03", "tel 13800001111", "6 1 7 2 0 3"])
def test_no_can_in_a_note(note: str) -> None:
    assert refusal(note) is SupportReason.NOTE_HAS_DIGITS


def test_notes_have_a_measure() -> None:
    assert refusal("x" * (MAX_NOTE + 1)) is SupportReason.NOTE_TOO_LONG
    report = support.report_of(CARD.evidence(), VERDICT, note=" 持卡人\x1b[31m\n称 5 月已补办 ")
    assert report.note == "持卡人[31m 称 5 月已补办"
    assert support.decode(support.encode(report)) == report


def test_of_an_accepted_card_nothing_is_saved() -> None:
    assert refusal(accepted=True) is SupportReason.NOT_REFUSED


def test_the_largest_evidence_fits(home: Home) -> None:
    whole = replace(
        CARD.evidence(identity=True, certificate=True), active=bytes(evidence.MAX_FILE), mso=bytes(evidence.MAX_FILE)
    )
    raw = sealed(home, support.report_of(whole, VERDICT, note="长" * MAX_NOTE))
    assert len(raw) <= enveloped.MAX_SIZE
    with pytest.raises(SupportRefused) as refused:
        sealed(
            home,
            support.report_of(replace(whole, permit=bytes(evidence.MAX_FILE), atr=bytes(evidence.MAX_FILE)), VERDICT),
        )
    assert refused.value.reason is SupportReason.TOO_LARGE


# --- whom to encrypt to


def choose(home: Home, **changes: object) -> x509.Certificate:
    trust = trust_of(home)
    options: dict[str, object] = {"authorities": trust.csca, "crls": trust.crls, "now": NOW} | changes
    found = recipient(home.authority.trust_dir, **options)  # type: ignore[arg-type]
    return x509.load_der_x509_certificate(found.der)


def why_not(home: Home, **changes: object) -> SupportKeyReason:
    with pytest.raises(SupportKeyError) as refused:
        choose(home, **changes)
    return refused.value.reason


def test_the_newest_is_taken_and_the_old_one_still_opens(home: Home) -> None:
    custody = custody_at(str(home.path), PASSPHRASE, cost=CHEAP)
    before = sealed(home)
    support_keys.make(home.authority, custody, now=NOW + timedelta(seconds=1), actor=ALONE)
    later = choose(home, now=NOW + DAY)
    assert "SUPPORT-2" in later.subject.rfc4514_string()
    assert support.decode(support_keys.open_file(home.authority, custody, before)).evidence == CARD.evidence()
    assert [one.name for one in support_keys.standing(home.authority)] == ["SUPPORT-1", "SUPPORT-2"]


def test_a_certificate_that_was_put_there_is_not_used(home: Home) -> None:
    folder = Path(home.authority.trust_dir) / FOLDER
    (genuine,) = folder.iterdir()
    stranger = Home(folder.parents[2] / "elsewhere", documents_per_key=99_999)  # another authority
    support_keys.make(
        stranger.authority, custody_at(str(stranger.path), PASSPHRASE, cost=CHEAP), now=NOW + DAY, actor=ALONE
    )
    (theirs,) = (Path(stranger.authority.trust_dir) / FOLDER).iterdir()
    shutil.copy(theirs, folder / "SUPPORT-9.der")
    (folder / "junk.der").write_bytes(b"\x30\x03abc")
    assert choose(home, now=NOW + 2 * DAY) == x509.load_der_x509_certificate(genuine.read_bytes())
    genuine.unlink()
    assert why_not(home, now=NOW + 2 * DAY) is SupportKeyReason.UNTRUSTED


def test_a_signer_of_the_authority_is_no_support_key(home: Home) -> None:
    trust = Path(home.authority.trust_dir)
    shutil.rmtree(trust / FOLDER)
    assert why_not(home) is SupportKeyReason.MISSING
    (trust / FOLDER).mkdir()
    for signer in (trust / "signers").iterdir():
        shutil.copy(signer, trust / FOLDER / signer.name)
    shutil.copy(next((trust / "csca").iterdir()), trust / FOLDER)
    assert why_not(home) is SupportKeyReason.UNTRUSTED


def test_neither_before_nor_after_its_time_nor_revoked(home: Home) -> None:
    assert why_not(home, now=NOW - DAY) is SupportKeyReason.EXPIRED
    assert why_not(home, now=NOW + support_keys.LIFE + DAY) is SupportKeyReason.EXPIRED
    assert why_not(home, authorities=[authority().trust().csca[0]]) is SupportKeyReason.UNTRUSTED


def test_it_is_published_like_any_target(home: Home) -> None:
    (name,) = (name for name in collect(home.authority.trust_dir) if name.startswith(FOLDER))
    assert kind_of(name) is Kind.SUPPORT


def test_it_is_noted_and_needs_no_place_among_the_signers(home: Home) -> None:
    assert [event.kind for event in home.authority.registry.events()][-1] == "support-key"
    assert isinstance(custody_at(str(home.path), PASSPHRASE).private_key("file:support-1.p8").curve, ec.SECP256R1)


# --- the commands


def verifier(*arguments: str) -> int:
    return cli.main([*arguments, "--lang", "en"], now=lambda: NOW)


@pytest.fixture
def counter(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A counter where the card is revoked, with the authority's support key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERMIT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PERMIT_TRUST", str(tmp_path / "trust"))
    status = {STATUS_URI: authority().status_list({7: Status.INVALID})}
    write_files(tmp_path / "trust", authority().trust_files(status=status))
    for folder in ("csca", FOLDER, "crl"):
        for path in (Path(home.authority.trust_dir) / folder).iterdir():
            (tmp_path / "trust" / folder).mkdir(exist_ok=True)
            shutil.copy(path, tmp_path / "trust" / folder / f"home-{path.name}")
    (tmp_path / "evidence").write_bytes(evidence.encode(CARD.evidence()))
    (tmp_path / "code.txt").write_text(text())
    passphrase_file(tmp_path)
    return tmp_path


def opened(home: Home, name: str = "file.cms") -> int:
    arguments = [
        "support",
        "open",
        name,
        "--out",
        "report",
        "--home",
        str(home.path),
        "--passphrase-file",
        "passphrase",
    ]
    return keys_cli.main(arguments, clock=lambda: NOW)


def test_from_a_refused_card_to_the_same_verdict(counter: Path, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert verifier("support", "--evidence", "evidence", "--out", "file.cms", "--note", "came twice") == 0
    assert (counter / "file.cms").stat().st_mode & 0o777 == 0o600
    assert opened(home) == 0
    capsys.readouterr()
    assert verifier("replay", "--evidence", "report") == ExitCode.REFUSED
    out = capsys.readouterr().out
    assert LABELS["same"][1] in out
    assert "came twice" in out
    assert verifier("replay", "--evidence", "report", "--json") == ExitCode.REFUSED
    assert json.loads(capsys.readouterr().out)["reasons"] == [Reason.STATUS_REVOKED]


def test_a_verdict_that_changed_since_is_said_to_have(
    counter: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verifier("support", "--evidence", "evidence", "--out", "file.cms") == 0
    assert opened(home) == 0
    write_files(counter / "trust", authority().trust_files())
    assert verifier("replay", "--evidence", "report") == ExitCode.ACCEPTED
    assert LABELS["different"][1] in capsys.readouterr().out


def test_printed_codes_have_evidence_too(counter: Path, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    refused = verifier("check-code", "--sector", "culture", "--text", "code.txt", "--evidence", "evidence")
    assert refused == ExitCode.REFUSED
    assert verifier("replay", "--evidence", "evidence") == ExitCode.REFUSED
    assert verifier("support", "--evidence", "evidence", "--out", "file.cms") == 0
    assert opened(home) == 0
    capsys.readouterr()
    assert verifier("replay", "--evidence", "report", "--json") == ExitCode.REFUSED
    tree = json.loads(capsys.readouterr().out)
    assert (tree["assurance"], tree["reasons"]) == ("printed", [Reason.STATUS_REVOKED])


def test_refusals_tell_what_to_do(counter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verifier("support", "--evidence", "evidence", "--out", "file.cms", "--note", CAN) == 1
    assert REASONS[SupportReason.NOTE_HAS_DIGITS][1] in capsys.readouterr().err
    shutil.rmtree(counter / "trust" / FOLDER)
    assert verifier("support", "--evidence", "evidence", "--out", "file.cms") == 1
    assert REASONS[SupportReason.KEY_MISSING][1] in capsys.readouterr().err
    assert not (counter / "file.cms").exists()
    (counter / "evidence").write_bytes(b"none")
    assert verifier("support", "--evidence", "evidence", "--out", "file.cms") == ExitCode.NOT_READ
    assert REASONS.keys() == set(SupportReason)


def test_the_authority_is_told_what_is_no_file_of_its_own(
    counter: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert opened(home, "code.txt") == 1
    assert "code.txt" in capsys.readouterr().err


def test_the_authority_hears_when_a_new_key_is_due(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["support", "list", "--home", str(home.path), "--lang", "en"]
    assert keys_cli.main(arguments, clock=lambda: NOW + DAY) == 0
    assert keys_cli.main(arguments, clock=lambda: NOW + support_keys.LIFE - DAY) == 3
    assert "SUPPORT-1" in capsys.readouterr().out


def test_evidence_of_a_code_goes_there_and_back() -> None:
    captured = PrintedEvidence(captured=NOW, sector="culture", code=printed.envelope([text()]))
    assert printed_evidence.decode(printed_evidence.encode(captured)) == captured
