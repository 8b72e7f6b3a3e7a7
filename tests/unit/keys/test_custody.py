"""Keys in files: encrypted, private, never overwritten; and the keys of cards."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.cmac import CMAC

from keys.custody import CardKeys, Custody, CustodyError, CustodyReason
from keys.custody.software import ScryptCost, SoftwareCardMasterKey, SoftwareCustody
from tests import pki

CHEAP = ScryptCost(log2_n=4, r=1, p=1)
SERIAL = bytes.fromhex("52505631000000000001")


@pytest.fixture
def custody(tmp_path: Path) -> SoftwareCustody:
    return SoftwareCustody(tmp_path, b"correct horse", cost=CHEAP)


def test_it_is_a_custody(custody: SoftwareCustody) -> None:
    seam: Custody = custody
    key = seam.generate("file:a.p8", ec.SECP256R1())
    assert seam.private_key("file:a.p8").private_numbers() == key.private_numbers()


def test_nothing_readable_is_written(custody: SoftwareCustody, tmp_path: Path) -> None:
    key = custody.generate("file:a.p8", ec.SECP256R1())
    custody.store_card_keys("file:t.key", CardKeys(enc=b"E" * 16, mac=b"M" * 16, dek=b"D" * 16))
    secret = key.private_numbers().private_value.to_bytes(32, "big")
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
        assert secret not in file.read_bytes()
        assert b"EEEE" not in file.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.p8", "t.key"]


def test_the_umask_does_not_open_a_key(custody: SoftwareCustody, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        custody.generate("file:a.p8", ec.SECP256R1())
    finally:
        os.umask(before)
    assert (tmp_path / "a.p8").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.BrainpoolP256R1()])
def test_openssl_reads_the_key_file(custody: SoftwareCustody, tmp_path: Path, curve: ec.EllipticCurve) -> None:
    key = custody.generate("file:a.p8", curve)
    arguments = ["pkey", "-in", str(tmp_path / "a.p8"), "-inform", "DER", "-outform", "DER", "-pubout"]
    public = pki.openssl(*arguments, "-passin", "pass:correct horse").stdout
    assert pki.key_id(public) == pki.kid(key.public_key())
    assert pki.openssl(*arguments, "-passin", "pass:wrong", check=False).returncode != 0
    assert b"scrypt" in pki.openssl("asn1parse", "-inform", "DER", "-in", tmp_path / "a.p8").stdout


def test_openssl_reads_the_default_cost(tmp_path: Path, scrypt_cost: dict[str, int]) -> None:
    """OpenSSL refuses scrypt over 32 MB: the default must stay below, or a key could not be rescued with it."""
    assert scrypt_cost["log2_n"] >= 14
    SoftwareCustody(tmp_path, b"p", cost=ScryptCost(**scrypt_cost)).generate("file:a.p8", ec.SECP256R1())
    pki.openssl("pkey", "-in", tmp_path / "a.p8", "-inform", "DER", "-noout", "-passin", "pass:p")


@pytest.mark.parametrize("make", ["generate", "generate_card_master_key", "store_card_keys"])
def test_an_existing_key_stays(custody: SoftwareCustody, tmp_path: Path, make: str) -> None:
    (tmp_path / "k").write_bytes(b"old")
    arguments: dict[str, tuple[object, ...]] = {
        "generate": (ec.SECP256R1(),),
        "generate_card_master_key": (),
        "store_card_keys": (CardKeys(enc=bytes(16), mac=bytes(16), dek=bytes(16)),),
    }
    with pytest.raises(CustodyError) as caught:
        getattr(custody, make)("file:k", *arguments[make])
    assert caught.value.reason is CustodyReason.ALREADY_EXISTS
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("k", b"old")]


def _spoil(path: Path) -> None:
    path.write_bytes(b"\x30\x03\x02\x01\x00")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def _swell(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(5000))


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


BAD: dict[str, tuple[Callable[[Path], None], CustodyReason]] = {
    "gone": (Path.unlink, CustodyReason.NOT_FOUND),
    "spoilt": (_spoil, CustodyReason.DAMAGED),
    "swollen": (_swell, CustodyReason.DAMAGED),
    "a link": (_link, CustodyReason.DAMAGED),
    "a pipe": (_pipe, CustodyReason.DAMAGED),
    "open to others": (lambda path: path.chmod(0o640), CustodyReason.OPEN_PERMISSIONS),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(custody: SoftwareCustody, tmp_path: Path, name: str) -> None:
    damage, reason = BAD[name]
    custody.generate("file:a.p8", ec.SECP256R1())
    custody.generate_card_master_key("file:m.key")
    for file, read in (("a.p8", custody.private_key), ("m.key", custody.card_master_key)):
        damage(tmp_path / file)
        with pytest.raises(CustodyError) as caught:
            read(f"file:{file}")
        assert caught.value.reason is reason


@pytest.mark.parametrize("damage", [_cut, _flip])
def test_a_torn_or_flipped_container_is_not_opened(
    custody: SoftwareCustody, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    custody.generate_card_master_key("file:m.key")
    damage(tmp_path / "m.key")
    with pytest.raises(CustodyError):
        custody.card_master_key("file:m.key")


def test_the_cost_in_a_container_cannot_be_raised_to_hang_us(custody: SoftwareCustody, tmp_path: Path) -> None:
    custody.generate_card_master_key("file:m.key")
    data = bytearray((tmp_path / "m.key").read_bytes())
    data[5] = 40
    (tmp_path / "m.key").write_bytes(data)
    with pytest.raises(CustodyError) as caught:
        custody.card_master_key("file:m.key")
    assert caught.value.reason is CustodyReason.DAMAGED


def test_wrong_passphrase(custody: SoftwareCustody, tmp_path: Path) -> None:
    custody.generate("file:a.p8", ec.SECP256R1())
    custody.generate_card_master_key("file:m.key")
    wrong = SoftwareCustody(tmp_path, b"incorrect horse")
    for read, uri in ((wrong.private_key, "file:a.p8"), (wrong.card_master_key, "file:m.key")):
        with pytest.raises(CustodyError) as caught:
            read(uri)
        assert caught.value.reason is CustodyReason.WRONG_PASSPHRASE
        assert "horse" not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["", "a.p8", "file:", "file:../a", "file:/etc/passwd", "file:.a", "file:a/b", "file:a\0b", "pkcs11:object=a"]
)
def test_uris_that_are_none_of_ours(custody: SoftwareCustody, uri: str) -> None:
    with pytest.raises(CustodyError) as caught:
        custody.private_key(uri)
    assert caught.value.reason is CustodyReason.UNSUPPORTED_URI


def test_an_empty_passphrase_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        SoftwareCustody(tmp_path, b"")


def test_diversified_keys_are_those_of_openssl(custody: SoftwareCustody) -> None:
    """An independent SP 800-108: `openssl kdf KBKDF` with CMAC."""
    master = bytes(range(32))
    keys = SoftwareCardMasterKey(master).diversify(SERIAL)
    for label, key in (("SCP03 ENC", keys.enc), ("SCP03 MAC", keys.mac), ("SCP03 DEK", keys.dek)):
        options = [
            "mac:CMAC",
            "cipher:AES-256-CBC",
            f"hexkey:{master.hex()}",
            f"salt:{label}",
            f"hexinfo:{SERIAL.hex()}",
        ]
        arguments = [word for option in options for word in ("-kdfopt", option)]
        assert pki.openssl("kdf", "-keylen", "16", "-binary", *arguments, "KBKDF").stdout == key


def test_diversified_keys_by_hand() -> None:
    master = hashlib.sha256(b"master").digest()
    mac = CMAC(AES256(master))
    mac.update(b"\0\0\0\1" + b"SCP03 MAC" + b"\0" + SERIAL + b"\0\0\0\x80")
    assert SoftwareCardMasterKey(master).diversify(SERIAL).mac == mac.finalize()


def test_each_card_and_each_use_has_its_own_key(custody: SoftwareCustody) -> None:
    master = custody.generate_card_master_key("file:m.key")
    one, other = master.diversify(SERIAL), master.diversify(SERIAL[::-1])
    assert len({one.enc, one.mac, one.dek, other.enc, other.mac, other.dek}) == 6
    assert custody.card_master_key("file:m.key").diversify(SERIAL) == one
    for serial in (b"", SERIAL[:9], SERIAL + b"\0"):
        with pytest.raises(ValueError):
            master.diversify(serial)


def test_card_keys_come_back(custody: SoftwareCustody) -> None:
    keys = CardKeys(enc=b"E" * 32, mac=b"M" * 32, dek=b"D" * 32)
    custody.store_card_keys("file:t.key", keys)
    assert custody.card_keys("file:t.key") == keys


def test_secrets_do_not_print(custody: SoftwareCustody) -> None:
    keys = CardKeys(enc=b"E" * 16, mac=b"M" * 16, dek=b"D" * 16)
    shown = repr(keys) + repr(custody) + repr(SoftwareCardMasterKey(b"S" * 16))
    assert not any(secret in shown for secret in ("EEE", "MMM", "DDD", "SSS", "horse"))


@pytest.mark.parametrize("sizes", [(16, 16, 24), (15, 15, 15), (0, 0, 0)])
def test_card_keys_are_three_aes_keys(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError):
        CardKeys(enc=bytes(sizes[0]), mac=bytes(sizes[1]), dek=bytes(sizes[2]))
