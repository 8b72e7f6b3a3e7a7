"""SCP03 against whole recorded sessions.

Source: osmocom pySim (gitea.osmocom.org/sim-card/pysim), tests/unittests/test_globalplatform.py, classes
SCP03_Test_AES128_33, _AES192_33, _AES256_33 and SCP03_KCV_Test: sessions with an eUICC, i = 70, level 33. That the card
challenge is pseudo-random over the AID of the ISD-R (GSMA SGP.02) was found by recomputing it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.protocols import scp03
from card_profiles.protocols.scp03 import CardIdentification, CardScp03, StaticKeys
from card_profiles.protocols.scp03_keys import card_challenge
from tests.wire import fixed

ISD_R = bytes.fromhex("A0000005591010FFFFFFFF8900000100")
PLAIN = ["80E2910006BF3E035C015A00", "80F22002", "80CA006600", "80F220020A4F0212345C054F9F70C5", "80F28002024F0000"]
GET_EID_DATA = bytes.fromhex("bf3e125a1089882119900000000000000000000005")


def _keys(size: int, version: int) -> StaticKeys:
    first, second, third = (bytes((16 * n + i) for i in range(16)) for n in range(3))
    return StaticKeys(
        enc=(first + first)[:size], mac=(second + second)[:size], dek=(third + third)[:size], version=version
    )


@dataclass(frozen=True, kw_only=True)
class Session:
    keys: StaticKeys
    initialize_update: str
    answer: str
    external_authenticate: str
    wrapped: tuple[str, ...]
    get_eid_answer: str

    @property
    def host_challenge(self) -> bytes:
        return bytes.fromhex(self.initialize_update)[5:13]


SESSIONS = [
    Session(
        keys=_keys(16, 0x30),
        initialize_update="8050300008fdf38259a1e0de4400",
        answer="000000000000000000003003703b1aca81e821f219081cdc01c26b372d000003",
        external_authenticate="84823300108c36f96bcc00724a4e13ad591d7da3f0",
        wrapped=(
            "84e2910018267a85dfe4a98fca6fb0527e0dfecce4914e40401433c87f00",
            "84f2200208ac6a59024bed84cc",
            "84ca006608409912ad8fb7aed000",
            "84f22002185f3dafc3ac14c381536a488bf44e06d056df9d74dbd21e5a",
            "84f280021865165105be3373347d0424d4400af2ac393f569ec779389e00",
        ),
        get_eid_answer="f3ba2b1013aa6224f5e1c138d71805c569e5439b47576260b75fc021b25097cb2e68f8a0144975b9",
    ),
    Session(
        keys=_keys(24, 0x31),
        initialize_update="80503100089b3f2eef0e8c937400",
        answer="00000000000000000000310370f6bb305a15bae1a68f79fb08212fbed7000002",
        external_authenticate="84823300109100bc22d58b45b86a26365ce39ff3cf",
        wrapped=(
            "84e29100188f7f946c84f70d17994bc6e8791251bb1bb1bf02cf8de58900",
            "84f2200208d5d97754b6b3d2ba",
            "84ca006608516c82b8e30adbeb00",
            "84f2200218cc247f4761e6944277a4e0d6e32e44025b1e31537e2fc668",
            "84f2800218ba22b63d509bef5d093b43e5eaed03ed23144ab2d9cb51de00",
        ),
        get_eid_answer="c05176c1b6f72aae50c32cbee63b0e95998928fd4dfb2be9f27ffde8c8476f5909b4805cc4039599",
    ),
    Session(
        keys=_keys(32, 0x32),
        initialize_update="805032000897b2055fe58599fd00",
        answer="00000000000000000000320370a8439a22cedf045fa9f1903b2834f26e000002",
        external_authenticate="8482330010508a0fd959d2e547c6b33154a6be2057",
        wrapped=(
            "84e29100187a5ef717eaf1e135ae92fe54429d0e465decda65f5fe5aea00",
            "84f2200208bcc5c17275545d93",
            "84ca00660804806aba9d543bb600",
            "84f2200218717222491556ec81a45f49ce48be33320024801a1c4cb0e0",
            "84f2800218561f105bccd3a1642904b251ccc1228beb80a82370a8637000",
        ),
        get_eid_answer="ea90dbfa648a67c5eb6abc57f8530b97d0cd5647c5e8732016b55203b078dd2ace7f8bc5d1c1cd99",
    ),
]

pytestmark = pytest.mark.parametrize("session", SESSIONS, ids=["AES-128", "AES-192", "AES-256"])


def test_writer(session: Session) -> None:
    seen: list[CardIdentification] = []

    def keys_for(identification: CardIdentification) -> StaticKeys:
        seen.append(identification)
        return session.keys

    exchange = scp03.terminal(keys_for, fixed([session.host_challenge]), key_version=session.keys.version, aid=ISD_R)
    assert next(exchange).encode().hex() == session.initialize_update
    command = exchange.send(ResponseApdu(data=bytes.fromhex(session.answer), sw=0x9000))
    assert command.encode().hex() == session.external_authenticate
    with pytest.raises(StopIteration) as stop:
        exchange.send(ResponseApdu(sw=0x9000))
    channel = stop.value.value
    assert seen[0].serial == bytes(10)
    assert seen[0].encode().hex() == session.answer

    assert channel.wrap(CommandApdu.parse(bytes.fromhex(PLAIN[0]))).encode().hex() == session.wrapped[0]
    answer = channel.unwrap(ResponseApdu(data=bytes.fromhex(session.get_eid_answer), sw=0x9000))
    assert answer == ResponseApdu(data=GET_EID_DATA, sw=0x9000)
    for plain, wrapped in zip(PLAIN[1:], session.wrapped[1:], strict=True):
        assert channel.wrap(CommandApdu.parse(bytes.fromhex(plain))).encode().hex() == wrapped


def test_card(session: Session) -> None:
    keys = session.keys
    counter = CardIdentification.parse(bytes.fromhex(session.answer)).sequence_counter
    assert counter is not None
    card = CardScp03({keys.version: keys}.get, serial=bytes(10), sequence_counter=counter - 1, aid=ISD_R)
    answer = card.initialize_update(CommandApdu.parse(bytes.fromhex(session.initialize_update)))
    assert answer.data.hex() == session.answer
    assert card.sequence_counter == counter - 1
    card.external_authenticate(CommandApdu.parse(bytes.fromhex(session.external_authenticate)))
    assert (card.open, card.key_version, card.sequence_counter) == (True, keys.version, counter)

    plain = card.unwrap_command(CommandApdu.parse(bytes.fromhex(session.wrapped[0])))
    assert plain == CommandApdu.parse(bytes.fromhex(PLAIN[0]))
    wrapped = card.wrap_response(ResponseApdu(data=GET_EID_DATA, sw=0x9000))
    assert wrapped.data.hex() == session.get_eid_answer
    for text, protected in zip(PLAIN[1:], session.wrapped[1:], strict=True):
        assert card.unwrap_command(CommandApdu.parse(bytes.fromhex(protected))) == CommandApdu.parse(
            bytes.fromhex(text)
        )


def test_card_challenge(session: Session) -> None:
    answer = CardIdentification.parse(bytes.fromhex(session.answer))
    assert answer.sequence_counter is not None
    assert card_challenge(session.keys.enc, answer.sequence_counter, ISD_R) == answer.challenge
