"""Every attack of the threat model, carried out on a card, before a counter that reads it and decides.

The card is whole and answers as a chip does; what is false about it is what the attacker changed. The tables below read
like docs/THREAT_MODEL.md: who does what, and the reason that the counter gives. `test_verify_*` try the same on
evidence, in more variants; here it has to come through the whole way. A card that never answers needs a real reader:
see tests/simulator/test_silent_card.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from typing import Any

import cbor2
import pytest
from PIL import Image

from card_profiles.entitlements.active import ActiveFile, ActiveSlot, encode_active
from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.mso import encode_mso
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.lds import com, dg1, dg2, dg14
from card_profiles.lds.mrz import mrz_information
from card_profiles.model import LifeCycle
from card_profiles.protocols.pace import Password
from card_profiles.protocols.security_infos import ChipAuthenticationInfo, Oid, PaceInfo, SecurityInfos
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import InProcessConnection
from card_profiles.softcard.image import CardState, MemoryImage
from keys.algorithms import Purpose
from keys.status_list import Status
from tests.factory import (
    DAY,
    NOW,
    STATUS_URI,
    IssuedPermit,
    Person,
    authority,
    issue,
    key,
    point,
    security_infos,
    sign_mso,
    sign_sod,
    write_files,
)
from tests.hostile.real_card import CounterDesk, Told, place
from tests.kept import kept_directory
from verifier.reason import Reason
from verifier.verdict import ExitCode, Outcome

CITY = authority()
FORGER = authority("forger")
MINE = issue()
OTHER = issue(
    person=Person(number="RP0555555", primary="LI", secondary="NA", portrait_shade=20),
    chip="other chip",
    status_index=8,
)
MAX_COMMANDS = 1000  # to a card that goes on and on; then a counter must have given up


# --- what an attacker does to a card


def card(permit: IssuedPermit = MINE, *, own_chip: str = "", **files: bytes) -> InProcessConnection:
    """A card that carries `permit`, with other files where named, and another chip key where named.

    EF.Active tells the lengths of what is there, as a forger would make it.
    """
    permit = replace(
        permit, permit={**permit.permit, **{name: raw for name, raw in files.items() if name in permit.permit}}
    )
    state = permit.card_state()
    state = replace(state, files={**state.files, **{place(name): raw for name, raw in files.items()}})
    if own_chip:
        state = replace(state, chip_key=key(own_chip).private_numbers().private_value.to_bytes(32))
    return power_up(state)


def power_up(state: CardState) -> InProcessConnection:
    return InProcessConnection(SoftCard(PROFILE, MemoryImage(state)))


def payload(change: Callable[[dict[str, Any]], None]) -> bytes:
    """An MSO such as no encoder of ours would write."""
    inner = cbor2.loads(cbor2.loads(encode_mso(MINE.mso)).value, tag_hook=lambda _, tag: tag)
    times = {"signed": MINE.mso.signed, "validFrom": MINE.mso.valid_from, "validUntil": MINE.mso.valid_until}
    inner["validityInfo"] = {
        name: cbor2.CBORTag(0, time.strftime("%Y-%m-%dT%H:%M:%SZ")) for name, time in times.items()
    }
    change(inner)
    return cbor2.dumps(cbor2.CBORTag(24, cbor2.dumps(inner)))


def stray_element() -> bytes:
    """An item about something that the MSO knows nothing of."""
    inner = cbor2.loads(cbor2.loads(MINE.permit["EF.NS.health"]).value)
    inner |= {"digestID": 13, "elementIdentifier": "surveillance", "elementValue": {}}
    return cbor2.dumps(cbor2.CBORTag(24, cbor2.dumps(inner)))


def own_dg14(chip: str) -> bytes:
    return dg14.encode(security_infos(PROFILE, point(key(chip).public_key()))[1])


def signed_identity(permit: IssuedPermit = MINE, **groups: bytes) -> dict[str, bytes]:
    """Data groups exchanged, and EF.SOD over them by the real document signer: the issuer's mistake or accomplice."""
    files = {**permit.identity, **groups}
    numbered = {int(name[2:]): raw for name, raw in files.items() if name.startswith("DG")}
    return {**groups, "EF.SOD": sign_sod(numbered, CITY.document_signer, at=NOW - 10 * DAY)}


def portrait(width: int, height: int, quality: int) -> bytes:
    """DG2 of somebody else, larger or smaller."""
    out = BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(out, "JPEG", quality=quality)
    return dg2.encode(dg2.Portrait(image=out.getvalue()))


SMALLER, LARGER = portrait(90, 120, 5), portrait(240, 320, 90)


def signer(purpose: Purpose, name: str, *, begin: int, use: int, life: int) -> Any:
    return CITY.signer(purpose, name, begin=NOW + begin * DAY, use=use * DAY, life=life * DAY)


# --- the tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One row: what is done, with which card, and what the counter says. `how` are options of the counter."""

    what: str
    card: Callable[[], Connection]
    reason: Reason
    how: dict[str, Any] = field(default_factory=dict)
    code: ExitCode = ExitCode.REFUSED


IDENTITY, PORTRAIT, STRANGER = {"identity": True}, {"portrait": True}, {"knows_signer": False}

FORGERIES = (
    # --- copies
    Attack(
        what="all files copied to a chip that has a key of its own",
        card=lambda: card(own_chip="clone"),
        reason=Reason.CHIP_NOT_PROVEN,
    ),
    Attack(
        what="the copy brings its own key in DG14 too",
        card=lambda: card(own_chip="clone", DG14=own_dg14("clone")),
        how={"identity": True, "portrait": True},
        reason=Reason.CHIP_NOT_PROVEN,
    ),
    Attack(
        what="the copy has its key in an MSO that the forger signed, with his certificate beside it",
        card=lambda: card(issue(FORGER, chip="clone")),
        reason=Reason.SIGNER_UNTRUSTED,
    ),
    Attack(
        what="the genuine chip, but DG14 names another key",
        card=lambda: card(DG14=own_dg14("clone")),
        how=IDENTITY,
        reason=Reason.DATA_GROUP_MISMATCH,
    ),
    Attack(
        what="the genuine chip, and an EF.SOD signed over a DG14 with another key",
        card=lambda: card(**signed_identity(DG14=own_dg14("clone"))),
        how=IDENTITY,
        reason=Reason.CHIP_KEY_MISMATCH,
    ),
    # --- parts of another holder's card
    Attack(
        what="the sector's file of another holder",
        card=lambda: card(**{"EF.NS.health": OTHER.permit["EF.NS.health"]}),
        reason=Reason.DIGEST_MISMATCH,
    ),
    Attack(
        what="another sector's file, of the same holder, in place of ours",
        card=lambda: card(**{"EF.NS.health": MINE.permit["EF.NS.education"]}),
        reason=Reason.ELEMENT_MISPLACED,
    ),
    Attack(
        what="name and class of another holder",
        card=lambda: card(**{"EF.NS.permit": OTHER.permit["EF.NS.permit"]}),
        reason=Reason.DIGEST_MISMATCH,
    ),
    Attack(
        what="all of another holder's permit, without his chip",
        card=lambda: card(replace(OTHER, chip_key=MINE.chip_key)),
        reason=Reason.CHIP_NOT_PROVEN,
    ),
    Attack(
        what="the portrait of another holder",
        card=lambda: card(DG2=OTHER.identity["DG2"]),
        how=PORTRAIT,
        reason=Reason.PORTRAIT_MISMATCH,
    ),
    Attack(
        what="a smaller portrait of another holder",
        card=lambda: card(DG2=SMALLER),
        how=PORTRAIT,
        reason=Reason.PORTRAIT_MISMATCH,
    ),
    Attack(
        what="a larger portrait of another holder",
        card=lambda: card(DG2=LARGER),
        how=PORTRAIT,
        reason=Reason.PORTRAIT_MISMATCH,
    ),
    Attack(
        what="the portrait of another holder, and only the identity is looked at",
        card=lambda: card(DG2=OTHER.identity["DG2"]),
        how=IDENTITY,
        reason=Reason.DATA_GROUP_MISMATCH,
    ),
    Attack(
        what="the whole identity application of another holder, well signed",
        card=lambda: card(**OTHER.identity),
        how=IDENTITY,
        reason=Reason.CHIP_KEY_MISMATCH,
    ),
    Attack(
        what="an EF.SOD signed over the data page of another holder",
        card=lambda: card(**signed_identity(DG1=dg1.encode(OTHER.person.mrz))),
        how=IDENTITY,
        reason=Reason.HOLDER_MISMATCH,
    ),
    # --- what the signer never signed
    Attack(
        what="an element that the MSO does not list",
        card=lambda: card(**{"EF.NS.health": stray_element()}),
        reason=Reason.ELEMENT_NOT_LISTED,
    ),
    Attack(
        what="a data group that EF.COM announces and EF.SOD does not list",
        card=lambda: card(**{"EF.COM": com.encode(com.Com(data_groups=(1, 2, 11, 12, 13, 14)))}),
        how=IDENTITY,
        reason=Reason.DATA_GROUP_NOT_LISTED,
    ),
    Attack(
        what="a data group taken away, and EF.COM says nothing of it",
        card=lambda: card(DG11=b"", **{"EF.COM": com.encode(com.Com(data_groups=(1, 2, 12, 14)))}),
        how=IDENTITY,
        reason=Reason.DATA_GROUP_MISSING,
    ),
    Attack(
        what="another docType, signed by the authority for another purpose",
        card=lambda: card(
            **{
                "EF.MSO": sign_mso(
                    payload(lambda mso: mso.update(docType="org.iso.18013.5.1.mDL")), CITY.entitlement_signer
                )
            }
        ),
        reason=Reason.DOC_TYPE_MISMATCH,
    ),
    Attack(
        what="PACE is offered in the open with an option that nobody signed",
        card=lambda: card(
            **{
                "EF.CardAccess": SecurityInfos.of(
                    PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=12),
                    PaceInfo(oid=Oid.ID_PACE_ECDH_GM_3DES_CBC_CBC, parameter_id=12),
                ).encode()
            }
        ),
        how=IDENTITY,
        reason=Reason.CARD_ACCESS_MISMATCH,
    ),
)

SIGNERS = (
    Attack(
        what="a signer that nobody knows, and no certificate on the card",
        card=lambda: card(**{"EF.SignerCert": b""}),
        how=STRANGER,
        reason=Reason.SIGNER_UNKNOWN,
    ),
    Attack(
        what="the root of another authority",
        card=lambda: card(issue(signer=FORGER.entitlement_signer)),
        reason=Reason.SIGNER_UNTRUSTED,
    ),
    Attack(
        what="another authority's certificate beside a signature of ours",
        card=lambda: card(**{"EF.SignerCert": FORGER.entitlement_signer.certificate}),
        how=STRANGER,
        reason=Reason.SIGNER_UNTRUSTED,
    ),
    Attack(
        what="a document signer signs entitlements",
        card=lambda: card(issue(signer=CITY.document_signer)),
        reason=Reason.SIGNER_WRONG_PURPOSE,
    ),
    Attack(
        what="the signer of the status list signs entitlements",
        card=lambda: card(issue(signer=CITY.status_signer)),
        reason=Reason.SIGNER_WRONG_PURPOSE,
    ),
    Attack(
        what="an entitlement signer signs the identity",
        card=lambda: card(issue(sod_signer=CITY.entitlement_signer)),
        how=IDENTITY,
        reason=Reason.SIGNER_WRONG_PURPOSE,
    ),
    Attack(
        what="a signer whose certificate had expired",
        card=lambda: card(
            issue(signer=signer(Purpose.ENTITLEMENT_SIGNER, "short", begin=-60, use=30, life=40), signed=NOW - 15 * DAY)
        ),
        reason=Reason.SIGNER_NOT_IN_PERIOD,
    ),
    Attack(
        what="a signer whose certificate was not yet valid",
        card=lambda: card(
            issue(signer=signer(Purpose.ENTITLEMENT_SIGNER, "young", begin=-5, use=30, life=400), signed=NOW - 15 * DAY)
        ),
        reason=Reason.SIGNER_NOT_IN_PERIOD,
    ),
    Attack(
        what="a stolen key, used after its private-key usage period",
        card=lambda: card(
            issue(signer=signer(Purpose.ENTITLEMENT_SIGNER, "late", begin=-60, use=30, life=400), signed=NOW - 15 * DAY)
        ),
        reason=Reason.SIGNER_KEY_PERIOD,
    ),
    Attack(
        what="a stolen document-signer key, used after its private-key usage period",
        card=lambda: card(issue(sod_signer=signer(Purpose.DOCUMENT_SIGNER, "late DS", begin=-60, use=30, life=400))),
        how=IDENTITY,
        reason=Reason.SIGNER_KEY_PERIOD,
    ),
    Attack(
        what="a signer that was revoked",
        card=card,
        how={"revoked": True},
        reason=Reason.SIGNER_REVOKED,
    ),
)

OUT_OF_FORCE = (
    Attack(
        what="the endorsement was missed",
        card=lambda: card(issue(valid_until=NOW - DAY)),
        reason=Reason.ENDORSEMENT_MISSED,
    ),
    Attack(
        what="the last second of the endorsement has passed",
        card=lambda: card(issue(valid_until=NOW)),
        reason=Reason.ENDORSEMENT_MISSED,
    ),
    Attack(
        what="the permit begins tomorrow",
        card=lambda: card(issue(valid_from=NOW + DAY)),
        reason=Reason.PERMIT_NOT_YET_VALID,
    ),
    Attack(
        what="a permit that was revoked, on its own genuine card",
        card=card,
        how={"status": Status.INVALID},
        reason=Reason.STATUS_REVOKED,
    ),
    Attack(
        what="a permit that is suspended",
        card=card,
        how={"status": Status.SUSPENDED},
        reason=Reason.STATUS_SUSPENDED,
    ),
)


def before_use(life_cycle: LifeCycle) -> InProcessConnection:
    return power_up(MINE.card_state(life_cycle=life_cycle))


def offering(content: bytes) -> InProcessConnection:
    """A card, or somebody between, with another EF.CardAccess."""
    return card(**{"EF.CardAccess": content})


def hidden(sw: str) -> Connection:
    return Meddler(card(), {0}, lambda _: bytes.fromhex(sw))


def pace_infos(oid: str, parameter_id: int) -> bytes:
    return SecurityInfos.of(PaceInfo(oid=Oid(oid), parameter_id=parameter_id)).encode()


NOT_LET_IN = (
    Attack(
        what="the CAN of another card",
        card=lambda: card(replace(MINE, can="000000")),
        reason=Reason.WRONG_PASSWORD,
        code=ExitCode.NOT_READ,
    ),
    Attack(
        what="the MRZ of another card",
        card=card,
        how={"mrz": mrz_information("RP0555555", "910314", "310520")},
        reason=Reason.WRONG_PASSWORD,
        code=ExitCode.NOT_READ,
    ),
    *(
        Attack(
            what=f"a card stolen {life_cycle.name.lower()}",
            card=lambda life_cycle=life_cycle: before_use(life_cycle),
            reason=Reason.TERMINATED if life_cycle is LifeCycle.TERMINATED else Reason.NOT_ACTIVATED,
            code=ExitCode.NOT_READ,
        )
        for life_cycle in (LifeCycle.BLANK, LifeCycle.PERSONALISING, LifeCycle.TERMINATED)
    ),
    *(
        Attack(
            what=f"EF.CardAccess is hidden, to force BAC: {sw}",
            card=lambda sw=sw: hidden(sw),
            reason=Reason.PACE_REQUIRED,
            code=ExitCode.NOT_READ,
        )
        for sw in ("6A82", "6982", "9000")
    ),
    *(
        Attack(
            what=f"PACE with weaker parameters only: {name}",
            card=lambda content=content: offering(content),
            reason=Reason.PACE_REQUIRED,
            code=ExitCode.NOT_READ,
        )
        for name, content in {
            "3DES": pace_infos(Oid.ID_PACE_ECDH_GM_3DES_CBC_CBC, 12),
            "a 192-bit curve": pace_infos(Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, 8),
            "an empty set": bytes.fromhex("3100"),
            "noise": bytes(range(22)),
            "cut short": MINE.card_access[:-1],
            "Chip Authentication in its place": SecurityInfos.of(
                ChipAuthenticationInfo(oid=Oid.ID_CA_ECDH_AES_CBC_CMAC_128, key_id=1)
            ).encode(),
        }.items()
    ),
)

ATTACKS = (*FORGERIES, *SIGNERS, *OUT_OF_FORCE, *NOT_LET_IN)


@cache
def counter(
    *,
    identity: bool = False,
    portrait: bool = False,
    knows_signer: bool = True,
    revoked: bool = False,
    status: Status | None = None,
) -> CounterDesk:
    files = CITY.trust_files(
        signers=knows_signer,
        crl=CITY.crl(CITY.entitlement_signer) if revoked else None,
        status=None if status is None else {STATUS_URI: CITY.status_list({MINE.mso.status_index: status})},
    )
    trust = write_files(kept_directory() / "trust", files)
    return CounterDesk(trust, identity=identity, portrait=portrait, now=NOW)


def assert_refused(told: Told, reason: Reason, code: ExitCode = ExitCode.REFUSED) -> None:
    assert told.code is code, told.reasons
    assert reason in told.reasons
    if told.checked is not None:
        verdict = told.checked.verdict
        assert not verdict.accepted
        assert Outcome.FAILED in (verdict.genuine.outcome, verdict.current.outcome)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_attack(attack: Attack) -> None:
    options = dict(attack.how)
    mrz = options.pop("mrz", None)
    desk = counter(**options)
    for limits in (None, Limits()):
        told = desk.check(attack.card(), password=Password.from_mrz(mrz) if mrz else None, limits=limits)
        assert_refused(told, attack.reason, attack.code)


def test_the_portraits_of_others_are_of_other_sizes() -> None:
    assert len(SMALLER) < len(MINE.identity["DG2"]) < len(LARGER)
    assert OTHER.identity["DG2"] != MINE.identity["DG2"]


@pytest.mark.parametrize("how", [{}, IDENTITY, PORTRAIT, STRANGER], ids=str)
def test_the_card_without_an_attack_is_accepted(how: dict[str, Any]) -> None:
    """Nor does the counter refuse for a reason that has nothing to do with the attack."""
    assert counter(**how).check(card()).code is ExitCode.ACCEPTED


# --- on the wire


class Meddler:
    """A card that answers other than it should, or somebody between it and the reader, at the commands in `at`."""

    def __init__(self, inner: Connection, at: set[int] | range, answer: Callable[[bytes], bytes]) -> None:
        self._inner = inner
        self._at = at
        self._answer = answer
        self.sent: list[bytes] = []
        self.answers: list[bytes] = []

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, command: bytes) -> bytes:
        number = len(self.sent)
        assert number < MAX_COMMANDS, "the counter never gives up"
        self.sent.append(command)
        true = self._inner.transmit(command)
        self.answers.append(true)
        return self._answer(true) if number in self._at else true

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()


@cache
def undisturbed() -> tuple[tuple[bytes, bytes], ...]:
    """The commands of a check with their answers."""
    wire = Meddler(card(), set(), bytes)
    assert counter().check(wire).code is ExitCode.ACCEPTED
    return tuple(zip(wire.sent, wire.answers, strict=True))


def secured() -> list[int]:
    """Numbers of the commands under secure messaging."""
    found = [number for number, (command, _) in enumerate(undisturbed()) if command[0] == 0x0C]
    assert len(found) == 7
    return found


GIVEN_UP = {Reason.CARD_FAULT, Reason.CHIP_NOT_PROVEN, Reason.PACE_REQUIRED, Reason.OTHER_CARD}
MISBEHAVIOUR: dict[str, Callable[[bytes], bytes]] = {
    "too long, with a good status": lambda true: true[:-2] + bytes(300) + true[-2:],
    "too long, with noise at the end": lambda true: true + bytes(range(1, 200)),
    "far too long": lambda true: true[:-2] + bytes(60_000) + true[-2:],
    "one byte": lambda _: b"\x90",
    "no byte": lambda _: b"",
    "no data where some is due": lambda true: true[-2:] if len(true) > 2 else b"\x6f\x00",
    "half of it": lambda true: true[: len(true) // 2] if len(true) > 2 else b"\x6f\x00",
    "noise": lambda true: bytes(7 * n & 0xFF for n in range(len(true) + 1)),
    "an error": lambda _: b"\x6f\x00",
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_a_card_that_misbehaves_at_any_command(name: str) -> None:
    for number in range(len(undisturbed())):
        told = counter().check(Meddler(card(), {number}, MISBEHAVIOUR[name]))
        assert told.code in (ExitCode.REFUSED, ExitCode.NOT_READ), number
        assert set(told.reasons) & (GIVEN_UP | {Reason.CHIP_NAKED_RESPONSE, Reason.WRONG_PASSWORD}), number


def test_a_card_that_misbehaves_from_any_command_on() -> None:
    """It never comes to itself again: the counter gives up, and soon."""
    for answer in MISBEHAVIOUR.values():
        for number in range(len(undisturbed())):
            wire = Meddler(card(), range(number, MAX_COMMANDS), answer)
            told = counter().check(wire)
            assert told.code in (ExitCode.REFUSED, ExitCode.NOT_READ), number
            assert len(wire.sent) < 40, number


@pytest.mark.parametrize("part", [b"", bytes(8), bytes(208)], ids=len)
def test_a_card_that_has_always_more_to_say(part: bytes) -> None:
    """61xx without end, from any command on."""
    for number in range(len(undisturbed())):
        told = counter().check(Meddler(card(), range(number, MAX_COMMANDS), lambda _: part + b"\x61\x00"))
        assert told.code in (ExitCode.REFUSED, ExitCode.NOT_READ), number
        assert set(told.reasons) & GIVEN_UP, number


def naked_answers() -> Iterator[tuple[int, bytes]]:
    """At each command under secure messaging: what the card would say in the clear, and a bare status word."""
    files = [MINE.active, MINE.permit["EF.MSO"], MINE.permit["EF.NS.permit"], MINE.permit["EF.NS.health"]]
    for number in secured():
        yield number, b"\x90\x00"
        for content in files:
            yield number, content + b"\x90\x00"


def test_a_naked_response_at_any_command_under_secure_messaging() -> None:
    for number, answer in naked_answers():
        told = counter().check(Meddler(card(), {number}, lambda _, answer=answer: answer))
        assert_refused(told, Reason.CHIP_NAKED_RESPONSE)


def test_a_clone_that_answers_in_the_clear_from_any_command_on() -> None:
    """The whole of a genuine card's files, presented without proof."""
    contents = {
        bytes.fromhex("81"): MINE.active,
        bytes.fromhex("82"): MINE.permit["EF.MSO"],
        bytes.fromhex("83"): MINE.permit["EF.NS.permit"],
        bytes.fromhex("84"): MINE.permit["EF.NS.health"],
    }
    for first in secured():
        wire = Meddler(card(own_chip="clone"), set(), bytes)

        def answer(command: bytes, wire: Meddler = wire, first: int = first, plain: Any = wire.transmit) -> bytes:
            if len(wire.sent) < first or command[0] != 0x0C:
                return plain(command)
            wire.sent.append(command)
            return contents.get(command[2:3], b"") + b"\x90\x00"

        wire.transmit = answer  # type: ignore[method-assign]
        assert_refused(counter().check(wire), Reason.CHIP_NAKED_RESPONSE)


def test_no_bit_of_what_a_card_answers_can_be_changed_on_the_way() -> None:
    """Every third byte of each answer, fewer in the long ones: between PACE and the signatures nothing is left open."""
    tried = 0
    for number, (_, true) in enumerate(undisturbed()):
        for at in range(number % 3, len(true), 3 if len(true) < 200 else 37):
            told = counter().check(
                Meddler(
                    card(), {number}, lambda true, at=at: true[:at] + bytes((true[at] ^ 1 << at % 8,)) + true[at + 1 :]
                )
            )
            assert told.code in (ExitCode.REFUSED, ExitCode.NOT_READ), (number, at)
            assert told.reasons, (number, at)
            tried += 1
    assert tried > 100


def test_the_answers_of_an_earlier_check_are_worth_nothing() -> None:
    """Recorded and replayed: PACE and Chip Authentication are fresh each time."""
    recorded = undisturbed()
    for first in range(len(recorded)):
        answers = iter([answer for _, answer in recorded[first:]])
        wire = Meddler(card(), range(first, MAX_COMMANDS), lambda _, answers=answers: next(answers, b"\x6f\x00"))
        told = counter().check(wire)
        assert told.code in (ExitCode.REFUSED, ExitCode.NOT_READ), first
        assert set(told.reasons) & GIVEN_UP, first


def test_an_older_endorsement_brought_back() -> None:
    """The other slot holds the last one: whoever could switch back gets what it said, and that has ended."""
    old = issue(valid_until=NOW - DAY)
    state = MINE.card_state()
    lengths = tuple(len(old.permit[file.name.split("/")[0]]) for file in PROFILE.permit.slot_files(old.slot))
    files = {**old.card_state().files}
    files["permit", 0x0101] = encode_active(ActiveFile(slot=ActiveSlot.A, update_counter=9, lengths=lengths))
    told = counter().check(power_up(replace(state, files=files)))
    assert_refused(told, Reason.ENDORSEMENT_MISSED)


def test_one_sector_learns_nothing_of_another() -> None:
    """A counter reads its own sector's file and no other, and has nothing else in its evidence."""
    wire = Meddler(card(), set(), bytes)
    told = counter().check(wire)
    assert told.checked is not None
    others = [
        raw
        for name, raw in MINE.permit.items()
        if name.startswith("EF.NS.") and name not in ("EF.NS.permit", "EF.NS.health")
    ]
    captured = told.checked.evidence
    held = (captured.mso, captured.permit, captured.sector_item, *captured.identity.values())
    assert len(others) == len(PROFILE.sector_elements()) - 1
    assert not set(held) & set(others)
    assert captured.sector == Sector.HEALTH
    read = [command[2] & 0x1F for command in wire.sent if command[1] == 0xB0]
    assert read == [0x1C, 0x01, 0x02, 0x03, 0x04]
