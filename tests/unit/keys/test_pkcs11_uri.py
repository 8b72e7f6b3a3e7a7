"""URIs of keys on tokens (RFC 7512), and the way from a URI to its custody."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from keys.commands.messages import LANGUAGES, message
from keys.custody import CardKeys, Custody, CustodyByUri, CustodyError, CustodyReason, CustodyWarning, KeyKind
from keys.custody import print_warning as printed
from keys.custody.pkcs11 import Pkcs11Custody
from keys.custody.software import ScryptCost, SoftwareCustody
from keys.custody.token_uri import TokenUri
from tests.softhsm import SoftHsm, hsm_fixture

__all__ = ["hsm_fixture"]

CHEAP = ScryptCost(log2_n=4, r=1, p=1)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("pkcs11:token=permit;object=csca-1", TokenUri(token="permit", object="csca-1")),
        ("pkcs11:object=csca-1;token=permit", TokenUri(token="permit", object="csca-1")),
        ("pkcs11:token=My%20token;object=k", TokenUri(token="My token", object="k")),
        ("pkcs11:token=%E5%B1%85%E7%95%99;object=k", TokenUri(token="居留", object="k")),
        ("pkcs11:token=a%3Bb;serial=00ff;object=k", TokenUri(token="a;b", serial="00ff", object="k")),
    ],
)
def test_good(uri: str, expected: TokenUri) -> None:
    assert TokenUri.parse(uri) == expected
    assert TokenUri.parse(str(expected)) == expected


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "pkcs11",
        "pkcs11:",
        "file:token=permit;object=k",
        "PKCS11:token=permit;object=k",
        "pkcs11:token=permit",
        "pkcs11:object=k",
        "pkcs11:token=;object=k",
        "pkcs11:token=permit;object=",
        "pkcs11:token=permit;object=k;",
        "pkcs11:token=permit;object=k;object=k",
        "pkcs11:token=permit;object=k;type=private",
        "pkcs11:token=permit;object=../k",
        "pkcs11:token=permit;object=-k",
        "pkcs11:token=permit;object=k%00",
        "pkcs11:token=per%mit;object=k",
        "pkcs11:token=%ff;object=k",
        "pkcs11:token=per mit;object=k",
        "pkcs11:token=permit;object=" + "k" * 65,
        "pkcs11:token=" + "t" * 600 + ";object=k",
        "pkcs11:token=permit;object=k?module-path=/tmp/evil.so",
        "pkcs11:token=permit;object=k?pin-source=file:/etc/pin",
        "pkcs11:token=permit;object=k\n",
    ],
)
def test_bad(uri: str) -> None:
    with pytest.raises(CustodyError) as caught:
        TokenUri.parse(uri)
    assert caught.value.reason is CustodyReason.UNSUPPORTED_URI


@pytest.mark.parametrize("where", ["?pin-value=", ";pin-value=", ";pin%2Dvalue=", "?PIN=", ""])
def test_a_pin_in_a_uri_is_refused_and_not_repeated(where: str, hsm: SoftHsm) -> None:
    for uri in (f"pkcs11:token=permit;object=k{where}47110815;", f"pkcs12:{where}47110815"):
        for custody in (hsm.custody(), CustodyByUri({"pkcs11": hsm.custody})):
            with pytest.raises(CustodyError) as caught:
                custody.private_key(uri)
            assert caught.value.reason is CustodyReason.UNSUPPORTED_URI
            assert "47110815" not in f"{caught.value}{caught.value!r}{caught.value.uri}"


class Both:
    """Files and a token behind one seam, and the warnings that were given."""

    def __init__(self, hsm: SoftHsm, directory: Path) -> None:
        self.warnings: list[CustodyWarning] = []
        self.made: list[str] = []

        def files() -> Custody:
            self.made.append("file")
            return SoftwareCustody(directory, b"correct horse", cost=CHEAP)

        def token() -> Custody:
            self.made.append("pkcs11")
            return hsm.custody()

        self.custody: Custody = CustodyByUri({"file": files, "pkcs11": token}, warn=self.warnings.append)


@pytest.fixture
def both(hsm: SoftHsm, tmp_path: Path) -> Both:
    (tmp_path / "keys").mkdir()
    return Both(hsm, tmp_path / "keys")


@pytest.mark.parametrize("place", ["file:k-{}", "pkcs11:token=permit;object=k-{}"])
def test_one_seam_for_every_use(both: Both, place: str) -> None:
    custody = both.custody
    key = custody.generate(place.format(1), ec.SECP256R1(), purpose="csca")
    assert custody.private_key(place.format(1)).public_key() == key.public_key()
    assert custody.public_key(place.format(1)) == key.public_key()
    master = custody.generate_card_master_key(place.format(2))
    assert custody.card_master_key(place.format(2)).diversify(bytes(10)) == master.diversify(bytes(10))
    transport = CardKeys(enc=b"e" * 16, mac=b"m" * 16, dek=b"d" * 16)
    custody.store_card_keys(place.format(3), transport)
    assert custody.card_keys(place.format(3)) == transport
    kinds = [(info.uri, info.kind) for info in custody.inventory()]
    names = [place.format(number) for number in (1, 2, 3)]
    assert kinds == list(zip(names, (KeyKind.KEY_PAIR, KeyKind.CARD_MASTER_KEY, KeyKind.CARD_KEYS), strict=True))
    for uri in names:
        custody.self_test(uri)
        custody.destroy(uri)
        with pytest.raises(CustodyError) as caught:
            custody.destroy(uri)
        assert caught.value.reason is CustodyReason.NOT_FOUND
    assert custody.inventory() == ()


def test_keys_on_disk_are_warned_of_once(both: Both) -> None:
    both.custody.generate("file:a", ec.SECP256R1())
    both.custody.generate("file:b", ec.SECP256R1())
    assert both.warnings == [CustodyWarning.KEYS_ON_DISK]
    assert both.made == ["file"]


def test_a_token_gives_no_warning(both: Both) -> None:
    both.custody.generate("pkcs11:token=permit;object=k", ec.SECP256R1())
    assert both.warnings == []
    assert both.made == ["pkcs11"]


def test_the_warning_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    printed(CustodyWarning.KEYS_ON_DISK)
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1


def test_a_custody_is_made_from_the_environment(hsm: SoftHsm) -> None:
    custody = CustodyByUri({"pkcs11": lambda: Pkcs11Custody.from_environment(hsm.environment)})
    custody.generate(hsm.uri("k"), ec.SECP256R1())
    assert [info.uri for info in custody.inventory()] == [hsm.uri("k")]


def test_destroyed_files_leave_nothing_of_the_key(tmp_path: Path) -> None:
    custody = SoftwareCustody(tmp_path, b"correct horse", cost=CHEAP)
    custody.generate("file:k", ec.SECP256R1())
    (tmp_path / "copy").hardlink_to(tmp_path / "k")
    before = (tmp_path / "copy").read_bytes()
    custody.destroy("file:k")
    after = (tmp_path / "copy").read_bytes()
    assert len(after) == len(before)
    assert after != before


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_and_warning_has_a_text(language: str) -> None:
    texts = [message(reason, language, detail="X") for reason in (*CustodyReason, *CustodyWarning)]
    assert len(set(texts)) == len(texts)
    assert not any("{" in text for text in texts)
