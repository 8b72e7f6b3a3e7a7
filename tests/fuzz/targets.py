"""What is fuzzed: each decoder, whole verdicts, and a counter before a card that answers as the input says.

A target takes any bytes and returns, or raises one of the errors that it declares. Anything else is a find; so is an
input that takes too long or too much memory (`engine`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from card_profiles import printed_code
from card_profiles.entitlements import catalogue as services
from card_profiles.entitlements.active import decode_active
from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.issuer_signed import issuer_signed
from card_profiles.entitlements.mso import decode_mso, encode_mso
from card_profiles.entitlements.sector_files import decode_item
from card_profiles.errors import CardMisbehaved, Misuse
from card_profiles.iso7816 import commands, tlv
from card_profiles.iso7816.apdu import CommandApdu
from card_profiles.iso7816.connection import Channel, Limits
from card_profiles.iso7816.secure_messaging import SecureMessaging
from card_profiles.lds import com, dg1, dg2, dg11, dg12, dg14, image_header, mrz, sod
from card_profiles.protocols.security_infos import SecurityInfos
from keys import cbor, mapped_status, spki, status_list
from keys.algorithms import Purpose
from keys.envelopes import cms, cose
from keys.envelopes.errors import SignatureError
from keys.errors import DecodeError
from keys.parsed_certificate import read_certificate, read_crl
from keys.status_list import StatusListError
from keys.trust import TrustStore
from tests.factory import NOW, STATUS_URI, authority, decide, policy
from tests.printed_codes import CODE
from tests.printed_codes import text as code_text
from tests.wire import FunctionConnection
from verifier import evidence, printed, sync_record
from verifier.read_failed import ReadFailed
from verifier.reason import Reason
from verifier.verdict import Verdict

from .hostile_card import MAX_COMMANDS, check, good_permit, scripts
from .own_files import OWN_FILES
from .target import NO_ERROR, Seeds, Target


@cache
def permit() -> Mapping[str, bytes]:
    """A good card's files by name."""
    made = good_permit()
    return {
        **made.identity,
        **made.permit,
        "EF.CardAccess": made.card_access,
        "EF.Active": made.active,
        "MSO": encode_mso(made.mso),
        "evidence": evidence.encode(made.evidence(identity=True, certificate=True)),
        "small evidence": evidence.encode(made.evidence()),
    }


def file(*names: str) -> Seeds:
    """Files of the good card."""
    return lambda: tuple(permit()[name] for name in names)


@cache
def trust() -> TrustStore:
    return authority().trust()


# --- targets that are more than one call


def verdict_on_evidence(raw: bytes) -> None:
    """Evidence as a file, then everything that decides over it; nothing but the good file is accepted."""
    captured = evidence.decode(raw)
    try:
        sector = Sector(captured.sector)
    except ValueError:
        return
    if sector is Sector.PERMIT:
        return
    verdict = decide(captured, trust())
    if verdict.accepted:
        _require_genuine(captured)
    _shown(verdict)


def _require_genuine(captured: evidence.Evidence) -> None:
    """What was accepted consists of signed bytes, and a proof by the chip over the sector's file."""
    good = permit()
    assert captured.mso == good["EF.MSO"]
    assert captured.permit == good["EF.NS.permit"]
    assert captured.sector_item in (good[f"EF.NS.{sector}"] for sector in Sector if sector is not Sector.PERMIT)


def _shown(verdict: Verdict) -> None:
    from verifier import report
    from verifier.texts import Language

    report.human(verdict, report.Style(language=Language.ZH), None)
    report.json_tree(verdict, None)


def verdict_on_files(raw: bytes) -> None:
    """Files of the good card exchanged before the decision: first byte which, then the content."""
    names = ("mso", "permit", "sector_item", "signer_certificate", "card_access", "active", "DG1", "EF.SOD", "DG14")
    if not raw:
        return
    name, content = names[raw[0] % len(names)], raw[1:]
    good = _good_evidence()
    if name in names[:6]:
        changed = replace(good, **{name: content})
    else:
        changed = replace(good, identity={**good.identity, name: content})
    verdict = decide(changed, trust())
    if verdict.accepted:
        assert {name: content} == {name: getattr(good, name, good.identity.get(name))} or name in (
            "signer_certificate",
            "card_access",
            "active",
        ), name


@cache
def _good_evidence() -> evidence.Evidence:
    return good_permit().evidence(identity=True)


def _files_seeds() -> tuple[bytes, ...]:
    good = permit()
    names = ("EF.MSO", "EF.NS.permit", "EF.NS.health", "EF.SignerCert", "EF.CardAccess", "EF.Active", "DG1", "EF.SOD")
    return tuple(bytes((at,)) + good[name] for at, name in enumerate((*names, "DG14")))


def code(raw: bytes) -> None:
    """What a scanner typed, to the verdict."""
    try:
        found = printed.envelope([raw.decode("latin-1")])
    except ReadFailed as failed:
        if failed.reason is not Reason.CODE_OF_OTHER_KIND:
            raise
        return
    _code_verdict(found)


def code_envelope(raw: bytes) -> None:
    """The COSE_Sign1 of a code, wrapped as it should be."""
    _code_verdict(printed.envelope([printed_code.wrap(raw)]))


def _code_verdict(found: bytes) -> None:
    verdict = printed.verify(found, trust(), policy(Sector.CULTURE), now=NOW)
    _shown(verdict)
    if verdict.accepted:
        assert cose.parse(found).payload == printed_code.encode_claims(CODE)
        cose.parse(found).verify(authority().entitlement_signer.private_key.public_key())


@cache
def _code() -> str:
    return code_text()


def certificate(raw: bytes) -> None:
    spki.certificate_spki(raw)
    read_certificate(raw)


def public_key(raw: bytes) -> None:
    spki.load_public_key(raw)


def offered_signer(raw: bytes) -> None:
    """A certificate from the card: only the authority's own leads to a root."""
    known = authority().entitlement_signer
    try:
        _bare().signer(known.kid, purpose=Purpose.ENTITLEMENT_SIGNER, at=NOW, now=NOW, offered=raw)
    except Exception as error:
        from verifier.checks.signers import signer_reason

        if signer_reason(error) is None:
            raise
        return
    assert spki.certificate_spki(raw) == spki.certificate_spki(known.certificate)


@cache
def _bare() -> TrustStore:
    return authority().trust(signers=False)


def shard(raw: bytes) -> None:
    status_list.claimed(raw)
    status_list.verify(raw, authority().status_signer.private_key.public_key(), STATUS_URI)


def shard_claims(raw: bytes) -> None:
    """Behind the signature: claims that an authority's slip might sign."""
    signer = authority().status_signer.private_key
    signed = cose.sign1(
        raw,
        sign=cose.raw_signer(signer),
        kid=authority().status_signer.kid,
        tagged=True,
        protected_extra={16: "application/statuslist+cwt"},
    )
    status_list.verify(signed, signer.public_key(), STATUS_URI)


def _shard_claims() -> tuple[bytes, ...]:
    return (cose.parse(authority().status_list(), protected_labels=frozenset({1, 16})).payload,)


def mapped(raw: bytes) -> None:
    import os
    from pathlib import Path

    from tests.fuzz.workspace import directory

    path = Path(directory()) / "list.map"
    path.write_bytes(raw)
    try:
        found = mapped_status.open_list(os.fspath(path), STATUS_URI)
    finally:
        path.unlink()
    for index in (0, 7, 1023, 1 << 20):
        try:
            found.lookup(index)
        except StatusListError:
            continue


def _mapped() -> tuple[bytes, ...]:
    raw = authority().status_list(size=64)
    verified = status_list.verify(raw, authority().status_signer.private_key.public_key(), STATUS_URI)
    return (mapped_status.encode(verified, signed=raw),)


def tuf_metadata(raw: bytes) -> None:
    """One role's metadata on a stick, as the updater reads it; signed by nobody we know unless it is unchanged."""
    from tests.fuzz.repository import refuse

    refuse(raw)


def _tuf() -> tuple[bytes, ...]:
    from tests.fuzz.repository import metadata

    return tuple(bytes((at,)) + raw for at, raw in enumerate(metadata().values()))


def zone(raw: bytes) -> None:
    text = raw.decode("latin-1")
    mrz.decode(text)


def response(raw: bytes) -> None:
    """Answers of a card to one read: protected if the first byte is odd; then answers in turn (length, then bytes)."""
    parts, at = [], 1
    while at < len(raw) and len(parts) < 64:
        parts.append(raw[at + 1 : at + 1 + raw[at]])
        at += 1 + raw[at]
    turn = iter(parts)
    channel = Channel(FunctionConnection(lambda _: next(turn, b"\x6f\x00")), Limits())
    channel.secure = SecureMessaging("AES", bytes(16), bytes(16)) if raw[:1] and raw[0] % 2 else None
    data = commands.read_file(channel, 4, 300)
    assert channel.secure is None, "nobody knows the keys"
    assert len(data) == 300


def _responses() -> tuple[bytes, ...]:
    good = bytes((254,)) + bytes(252) + b"\x90\x00" + bytes((50,)) + bytes(48) + b"\x90\x00"
    chained = b"\x02\x61\x10" * 3
    return tuple(
        bytes((way,)) + one for way in (0, 1) for one in (good, chained, b"\x02\x6c\x05" + good, b"\x02\x67\x00" + good)
    )


def card(raw: bytes) -> None:
    """A counter before a card that answers as `raw` says: a reason or a verdict, and no acceptance of other bytes."""
    told = check(raw)
    assert told.commands <= MAX_COMMANDS
    if told.accepted is not None:
        _require_genuine(told.accepted)


def command(raw: bytes) -> None:
    CommandApdu.parse(raw)


def answer_to_reset(raw: bytes) -> None:
    Limits.from_atr(raw)
    try:
        Limits.from_atr_info(raw)
    except DecodeError:
        return


def catalogue(raw: bytes) -> None:
    services.parse(raw)


def _catalogue() -> tuple[bytes, ...]:
    """The head of the real one, closed, so that most changes fall on what is parsed."""
    from importlib.resources import files
    from json import dumps, loads

    tree = loads(files("card_profiles.entitlements").joinpath("services.json").read_bytes())
    return (dumps({name: value[:2] if isinstance(value, list) else value for name, value in tree.items()}).encode(),)


def joined(raw: bytes) -> None:
    """An item under the good MSO, or an MSO over the good item."""
    try:
        issuer_signed([raw], permit()["EF.MSO"])
    except DecodeError:
        issuer_signed([permit()["EF.NS.health"]], raw, x5chain=[permit()["EF.SignerCert"]])


def item(raw: bytes) -> None:
    """As whichever sector's; all of them may refuse it."""
    taken = 0
    for sector in (Sector.PERMIT, Sector.HEALTH, Sector.HOUSEHOLD):
        try:
            decode_item(raw, sector)
            taken += 1
        except DecodeError:
            continue
    if not taken:
        raise DecodeError("an item of no sector")


def _records() -> tuple[bytes, ...]:
    from datetime import timedelta

    record = sync_record.SyncRecord(
        root=1,
        timestamp=7,
        snapshot=7,
        targets=7,
        published=NOW,
        valid_until=NOW + timedelta(days=7),
        synced=NOW,
        watermark=NOW,
    )
    return (sync_record.encode(record),)


TARGETS: dict[str, Target] = {
    "tlv": Target(run=tlv.parse_sequence, seeds=file("EF.CardAccess", "DG14", "DG11", "EF.COM")),
    "command": Target(
        run=command, seeds=lambda: (bytes.fromhex("00B0840010"), bytes.fromhex("0CA4040C00000401020304"))
    ),
    "response": Target(run=response, seeds=_responses, errors=(CardMisbehaved, DecodeError, Misuse), weight=8),
    "answer to reset": Target(
        run=answer_to_reset, seeds=lambda: (good_permit().profile.atr, bytes.fromhex("3B8F8001"))
    ),
    "cbor": Target(
        run=lambda raw: cbor.decode(raw, max_size=4096, tags=frozenset({0, 18, 24, 1004})),
        seeds=file("EF.MSO", "EF.NS.health", "MSO"),
    ),
    "cose": Target(run=cose.parse, seeds=file("EF.MSO")),
    "mso": Target(run=decode_mso, seeds=file("MSO")),
    "item": Target(run=item, seeds=file("EF.NS.permit", "EF.NS.health", "EF.NS.household")),
    "issuer signed": Target(run=joined, seeds=file("EF.MSO", "EF.NS.health"), weight=4),
    "active": Target(run=decode_active, seeds=file("EF.Active"), weight=4),
    "security infos": Target(run=SecurityInfos.decode, seeds=file("EF.CardAccess")),
    "mrz": Target(run=zone, seeds=lambda: (mrz.encode(good_permit().person.mrz).encode(),)),
    "com": Target(run=com.decode, seeds=file("EF.COM"), weight=4),
    "dg1": Target(run=dg1.decode, seeds=file("DG1"), weight=6),
    "dg2": Target(run=dg2.decode, seeds=file("DG2")),
    "image": Target(run=image_header.read, seeds=lambda: (dg2.decode(permit()["DG2"]).image,)),
    "dg11": Target(run=dg11.decode, seeds=file("DG11")),
    "dg12": Target(run=dg12.decode, seeds=file("DG12")),
    "dg14": Target(run=dg14.decode, seeds=file("DG14")),
    "sod": Target(run=sod.decode, seeds=lambda: (cms.parse(sod.unwrap(permit()["EF.SOD"])).content,)),
    "cms": Target(run=cms.parse, seeds=lambda: (sod.unwrap(permit()["EF.SOD"]),), weight=6),
    "sod file": Target(run=lambda raw: cms.parse(sod.unwrap(raw)), seeds=file("EF.SOD"), weight=4),
    "certificate": Target(run=certificate, seeds=file("EF.SignerCert")),
    "public key": Target(run=public_key, seeds=lambda: (spki.certificate_spki(permit()["EF.SignerCert"]),)),
    "offered signer": Target(run=offered_signer, seeds=file("EF.SignerCert"), errors=NO_ERROR, weight=4),
    "crl": Target(run=read_crl, seeds=lambda: (authority().crl(authority().status_signer),)),
    "status list": Target(
        run=shard,
        seeds=lambda: (authority().status_list(size=64),),
        errors=(DecodeError, StatusListError, SignatureError),
    ),
    "status claims": Target(
        run=shard_claims, seeds=_shard_claims, errors=(DecodeError, StatusListError, SignatureError), weight=4
    ),
    "mapped list": Target(run=mapped, seeds=_mapped, errors=(DecodeError, StatusListError, OSError), weight=2),
    "catalogue": Target(run=catalogue, seeds=_catalogue, weight=2),
    "sync record": Target(run=sync_record.decode, seeds=_records, weight=4),
    "tuf": Target(run=tuf_metadata, seeds=_tuf, errors=NO_ERROR, weight=1),
    "evidence": Target(run=evidence.decode, seeds=file("small evidence"), weight=6),
    "claims": Target(run=printed_code.decode_claims, seeds=lambda: (printed_code.encode_claims(CODE),)),
    "code": Target(run=code, seeds=lambda: (_code().encode(),), errors=NO_ERROR),
    "code envelope": Target(
        run=code_envelope, seeds=lambda: (printed_code.unwrap(_code()),), errors=(ReadFailed,), weight=4
    ),
    "verdict on evidence": Target(run=verdict_on_evidence, seeds=file("small evidence"), weight=2),
    "verdict on files": Target(run=verdict_on_files, seeds=_files_seeds, errors=NO_ERROR, weight=2),
    "card": Target(run=card, seeds=scripts, errors=NO_ERROR, weight=1, most=512),
    **OWN_FILES,
}
