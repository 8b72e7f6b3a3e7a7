"""The card master key on a token: the keys of each card are those that software derives, and OpenSSL."""

from __future__ import annotations

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute

from keys.custody import CardKeys, CustodyError, CustodyReason
from keys.custody.software import SoftwareCardMasterKey
from keys.custody.token_master import Pkcs11CardMasterKey
from keys.custody.token_session import TokenSession
from tests.pki import openssl
from tests.softhsm import SoftHsm, hsm_fixture

__all__ = ["hsm_fixture"]

SERIAL = bytes.fromhex("52505631000000000001")
KNOWN = bytes(range(32))


def session(hsm: SoftHsm) -> TokenSession:
    custody = hsm.custody()
    custody.token_inventory("permit")
    [opened] = custody._opened.values()
    return opened


def test_the_token_derives_what_software_and_openssl_derive(hsm: SoftHsm) -> None:
    """A known key, put on the token by the test alone (the custody refuses it), so that the outcome can be compared."""
    with session(hsm).use("test") as token:
        known = token.create_object(
            {
                Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: pkcs11.KeyType.AES,
                Attribute.VALUE: KNOWN,
                Attribute.SIGN: True,
            }
        )
        master = Pkcs11CardMasterKey("test", lambda message: known.sign(message, mechanism=pkcs11.Mechanism.AES_CMAC))
        derived = master.diversify(SERIAL)
    assert derived == SoftwareCardMasterKey(KNOWN).diversify(SERIAL)
    arguments = ["kdf", "-keylen", "16", "-binary", "-kdfopt", "mac:CMAC", "-kdfopt", "cipher:AES-256-CBC"]
    arguments += ["-kdfopt", f"hexkey:{KNOWN.hex()}", "-kdfopt", f"hexinfo:{SERIAL.hex()}", "-kdfopt", "salt:SCP03 MAC"]
    assert openssl(*arguments, "KBKDF").stdout == derived.mac


def test_each_card_and_each_use_has_its_own_key(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    master = custody.generate_card_master_key(hsm.uri("m"))
    one, two = master.diversify(SERIAL), master.diversify(SERIAL[:-1] + b"\x02")
    assert len({one.enc, one.mac, one.dek, two.enc, two.mac, two.dek}) == 6
    assert hsm.custody().card_master_key(hsm.uri("m")).diversify(SERIAL) == one
    for wrong in (b"", SERIAL[:-1], SERIAL + b"\x00"):
        with pytest.raises(ValueError):
            master.diversify(wrong)


def test_two_master_keys_differ(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    one, two = (custody.generate_card_master_key(hsm.uri(name)) for name in ("m-1", "m-2"))
    assert one.diversify(SERIAL) != two.diversify(SERIAL)


def test_the_master_key_does_nothing_but_cmac(hsm: SoftHsm) -> None:
    hsm.custody().generate_card_master_key(hsm.uri("m"))
    with session(hsm).use("test") as token:
        [master] = token.get_objects({Attribute.LABEL: "m"})
        allowed = {
            name
            for name in ("SIGN", "VERIFY", "ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "DERIVE", "MODIFIABLE")
            if master[Attribute[name]]
        }
    assert allowed == {"SIGN"}


def test_a_master_key_that_was_outside_is_refused(hsm: SoftHsm) -> None:
    with session(hsm).use("test") as token:
        token.create_object(
            {
                Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: pkcs11.KeyType.AES,
                Attribute.TOKEN: True,
                Attribute.LABEL: "m",
                Attribute.SENSITIVE: True,
                Attribute.EXTRACTABLE: False,
                Attribute.VALUE: KNOWN,
                Attribute.SIGN: True,
            }
        )
    with pytest.raises(CustodyError) as caught:
        hsm.custody().card_master_key(hsm.uri("m"))
    assert caught.value.reason is CustodyReason.UNPROTECTED


def test_a_token_without_cmac_holds_no_master_key(hsm: SoftHsm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TokenSession, "mechanisms", lambda self: frozenset({int(pkcs11.Mechanism.AES_ECB)}))
    with pytest.raises(CustodyError) as caught:
        hsm.custody().generate_card_master_key(hsm.uri("m"))
    assert caught.value.reason is CustodyReason.MECHANISM_MISSING


def test_destroyed(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    master = custody.generate_card_master_key(hsm.uri("m"))
    custody.destroy(hsm.uri("m"))
    for use in (lambda: master.diversify(SERIAL), lambda: custody.card_master_key(hsm.uri("m"))):
        with pytest.raises(CustodyError) as caught:
            use()
        assert caught.value.reason is CustodyReason.NOT_FOUND


def test_one_kind_of_key_is_not_taken_for_another(hsm: SoftHsm) -> None:
    custody = hsm.custody()
    custody.generate_card_master_key(hsm.uri("m"))
    custody.generate(hsm.uri("k"), ec.SECP256R1())
    for use, name in ((custody.private_key, "m"), (custody.card_master_key, "k"), (custody.card_keys, "k")):
        with pytest.raises(CustodyError) as caught:
            use(hsm.uri(name))
        assert caught.value.reason is CustodyReason.INCOMPLETE


@pytest.mark.parametrize("size", [16, 32])
def test_card_keys_come_back(hsm: SoftHsm, size: int) -> None:
    keys = CardKeys(enc=b"\x00" * size, mac=b"\x01" * size, dek=b"\x02" * size)
    hsm.custody().store_card_keys(hsm.uri("t"), keys)
    assert hsm.custody().card_keys(hsm.uri("t")) == keys
    custody = hsm.custody()
    custody.destroy(hsm.uri("t"))
    with pytest.raises(CustodyError) as caught:
        custody.card_keys(hsm.uri("t"))
    assert caught.value.reason is CustodyReason.NOT_FOUND
