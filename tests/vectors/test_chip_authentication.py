"""Chip Authentication v1 with AES-128 as an Austrian passport did it, with its DG14 (explicit brainpoolP256r1).

Source: gmrtd, chip_auth_test.go, TestChipAuthAT, "extracted from actual session with AT passport".
"""

from __future__ import annotations

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.exchange import run
from card_profiles.iso7816.secure_messaging import SecureMessaging
from card_profiles.lds import dg14
from card_profiles.protocols import chip_authentication
from card_profiles.protocols.points import BRAINPOOL_P256R1
from card_profiles.protocols.security_infos import Oid, OpaqueSecurityInfo, PaceInfo, SecurityInfos

DG14 = bytes.fromhex(
    "6E82017E3182017A300D060804007F0007020202020101300F060A04007F000702020302020201013012060A04007F0007020204020202010202"
    "010D30820142060904007F000702020102308201333081EC06072A8648CE3D02013081E0020101302C06072A8648CE3D0101022100A9FB57DBA1"
    "EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377304404207D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B"
    "44F330B5D9042026DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B60441048BD2AEB9CB7E57CB2C4B482FFC81B7AF"
    "B9DE27E1E3BD23C23A4453BD9ACE3262547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997022100A9FB57DBA1EEA9"
    "BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7020101034200041983917269AC877C0B61544C2C022000D2A5ABA723E2D80141E6"
    "48B40911DC3459761F27480E4B57181A53D8FE1190EA86C939AC14363178CAFFC621F0F905C3"
)
PUBLIC_KEY = (
    "041983917269AC877C0B61544C2C022000D2A5ABA723E2D80141E648B40911DC34"
    "59761F27480E4B57181A53D8FE1190EA86C939AC14363178CAFFC621F0F905C3"
)
EPHEMERAL_PRIVATE = bytes.fromhex("80EBAFC8A51BECD4D90BB640EE38C9FD5C12748D28AAA37096B98C4533C4F5F5")
PACE_SESSION = ("524170DE3419B7AF2F23E45AD6EF9595", "97893F5FDC29A5C13A924FE7D8ED44FD")
PACE_SSC = bytes.fromhex("000000000000000000000000000000F0")
EXCHANGES = (
    ("0C2241A41D8711015D8F69B1EA365CCE4304970DB12421F38E085340D338128085E700", "990290008E083F5136E82A6C34779000"),
    (
        "0C860000608751019E18F1BA79D805379752BB560EB70AAC3CE3BC5AFE2FDD4AEB325CA8B578B4A93B9F66A5DF40005F8E878535251D33"
        "DD974AAF77FB858773E5799FA9DC1034E89B1150EC7F0BB3DB4BF37A1B9EA4458A9701008E089D204D950C0B95DB00",
        "8711010B0A5DFFC7432DE4DEB604291377A05B990290008E08B3384A1F5D1579739000",
    ),
)
AFTERWARDS = (
    "0CA4020C1D8711011B2EE500E84960DF7F37AFE7ADFF53838E084500F3B43E192A5700",
    "990290008E0803C4B125B4218CEF9000",
)
KS_ENC, KS_MAC = "C8E27260EFD3F318D18C080CBF11C7E6", "A942190365204A21409EB28B52BF9160"

SELECT_DG14 = CommandApdu(ins=0xA4, p1=0x02, p2=0x0C, data=b"\x01\x0e")


def test_dg14_with_explicit_parameters() -> None:
    infos = dg14.decode(DG14)
    assert len(infos.infos) == 4
    (key,) = infos.chip_authentication_keys
    assert key.key_id is None
    assert key.public_key.curve is BRAINPOOL_P256R1
    assert key.public_key.encode().hex().upper() == PUBLIC_KEY
    assert infos.pace == (PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=13),)
    assert [info.oid for info in infos.infos if isinstance(info, OpaqueSecurityInfo)] == [Oid.ID_TA]
    choice = chip_authentication.choose(infos)
    assert (choice.oid, choice.key_id) == (Oid.ID_CA_ECDH_AES_CBC_CMAC_128, None)


def test_dg14_confirms_what_stood_in_ef_card_access() -> None:
    infos = dg14.decode(DG14)
    assert infos.confirms(SecurityInfos.of(*infos.pace))
    downgraded = PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=12)
    assert not infos.confirms(SecurityInfos.of(downgraded))


def test_the_terminal_does_what_was_recorded() -> None:
    session = SecureMessaging("AES", *(bytes.fromhex(key) for key in PACE_SESSION), PACE_SSC)
    script = list(EXCHANGES)

    def send(command: CommandApdu) -> ResponseApdu:
        expected, answer = script.pop(0)
        assert session.wrap(command).encode().hex().upper() == expected
        return session.unwrap(ResponseApdu.parse(bytes.fromhex(answer)))

    result = run(
        chip_authentication.terminal(
            bytes.fromhex(PUBLIC_KEY), key_id=None, random=lambda _: EPHEMERAL_PRIVATE, curve=BRAINPOOL_P256R1
        ),
        send,
    )
    assert not script
    assert result.ephemeral_private == EPHEMERAL_PRIVATE
    _check_recorded_select(result.secure_messaging)


def test_replay_unwraps_what_was_recorded() -> None:
    _check_recorded_select(
        chip_authentication.replay(EPHEMERAL_PRIVATE, bytes.fromhex(PUBLIC_KEY), curve=BRAINPOOL_P256R1)
    )


def _check_recorded_select(session: SecureMessaging) -> None:
    by_the_book = SecureMessaging("AES", bytes.fromhex(KS_ENC), bytes.fromhex(KS_MAC))
    command, answer = AFTERWARDS
    assert session.wrap(SELECT_DG14).encode().hex().upper() == command
    assert by_the_book.wrap(SELECT_DG14).encode().hex().upper() == command
    assert session.unwrap(ResponseApdu.parse(bytes.fromhex(answer))) == ResponseApdu(sw=0x9000)
    assert session.ssc == bytes(15) + b"\x02"
