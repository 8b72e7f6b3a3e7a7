"""Readers of claim 169 that others wrote, over our printed code: PyPI claim169 and npm @mosip/pixelpass; zxing-cpp.

Run by ``make oracles``. PixelPass unwraps and does not verify; claim169 verifies signature and time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import claim169
import pytest
import zxingcpp

from card_profiles import printed_code
from card_profiles.printed_code import PrintedCode
from issuer import application, code_image
from issuer.assemble import latin_name
from keys.envelopes import cose
from tests.permit_material import KID, SIGNER, STATUS_URI, point

ROOT = Path(__file__).parents[2]
SAMPLES, SCRIPTS, BUILD = (
    ROOT / "issuer" / "samples",
    ROOT / "tests" / "vectors" / "oracles",
    ROOT / "build" / "oracles",
)
NOW = datetime.now(UTC).replace(microsecond=0)  # the libraries look at the clock
GENDERS = {"M": 1, "F": 2, "X": 3}
KEY = point(SIGNER)


def code_of(path: Path, **changes: Any) -> PrintedCode:
    """The code of a sample applicant, as it is printed."""
    asked = application.parse(path.read_bytes(), today=NOW.date())
    code = PrintedCode(
        document_number=asked.document_number,
        birth_date=asked.birth_date,
        expiry_date=asked.expiry_date,
        name_latin=latin_name(asked.primary, asked.secondary),
        name_native=asked.name_native,
        sex=asked.sex,
        permit_number=asked.permit_number,
        permit_class=asked.permit_class,
        services={code: until for code, until in asked.entitlements if code in printed_code.OPEN_SERVICES},
        signed=NOW - timedelta(minutes=1),
        valid_from=NOW - timedelta(minutes=1),
        valid_until=NOW + timedelta(days=365),
        status_index=204_711,
        status_uri=STATUS_URI,
    )
    return printed_code.fitted(replace(code, **changes), kid=KID)


def print_(code: PrintedCode) -> str:
    return printed_code.encode(code, sign=cose.raw_signer(SIGNER), kid=KID)


CODES = {path.stem: code_of(path) for path in sorted(SAMPLES.glob("[0-9][0-9]-*.json"))}
TEXTS = {name: print_(code) for name, code in CODES.items()}


@pytest.mark.parametrize("name", CODES)
def test_claim169_verifies_and_reads(name: str) -> None:
    code = CODES[name]
    read = claim169.decode_with_ecdsa_p256(TEXTS[name], KEY)
    assert read.is_verified()
    assert read.detected_compression == "zlib"
    found = read.claim169
    assert (found.id, found.full_name) == (code.document_number, code.name_latin)
    assert found.secondary_full_name == (code.name_native or None)
    assert found.date_of_birth == code.birth_date.isoformat().replace("-", "")
    assert found.gender == GENDERS[code.sex]
    assert (read.cwt_meta.issued_at, read.cwt_meta.expires_at) == (
        int(code.signed.timestamp()),
        int(code.valid_until.timestamp()),
    )
    assert claim169.inspect(TEXTS[name]).key_id == KID
    assert claim169.inspect(TEXTS[name]).algorithm == "ES256"


def test_claim169_refuses_what_we_refuse() -> None:
    path = next(iter(sorted(SAMPLES.glob("[0-9][0-9]-*.json"))))
    past = code_of(
        path,
        signed=NOW - timedelta(days=9),
        valid_from=NOW - timedelta(days=9),
        valid_until=NOW - timedelta(days=1),
    )
    with pytest.raises(claim169.Claim169Exception):
        claim169.decode_with_ecdsa_p256(print_(past), KEY)
    raw = bytearray(printed_code.unwrap(TEXTS[path.stem]))
    raw[-1] ^= 1
    with pytest.raises(claim169.SignatureError):
        claim169.decode_with_ecdsa_p256(printed_code.wrap(bytes(raw)), KEY)


def test_we_unwrap_what_claim169_wraps_only_if_it_is_ours() -> None:
    """A code of another issuer's, well formed as MOSIP has it, is of another kind to us and raises nothing else."""
    meta = claim169.CwtMetaInput(issuer="elsewhere", expires_at=int(NOW.timestamp()) + 1000)
    theirs = claim169.encode_with_ecdsa_p256(
        claim169.Claim169Input(id="1", full_name="A"), meta, SIGNER.private_numbers().private_value.to_bytes(32)
    )
    with pytest.raises(ValueError, match="PrintedCode"):
        printed_code.decode(str(theirs[0] if isinstance(theirs, tuple) else theirs))


@pytest.fixture(scope="session")
def pixelpass() -> dict[str, dict[str, Any]]:
    """What @mosip/pixelpass makes of each text: the COSE_Sign1 in hex, and the claims that cbor-web finds in it."""
    npm, node = shutil.which("npm"), shutil.which("node")
    assert npm, "node and npm are needed"
    assert node
    BUILD.mkdir(parents=True, exist_ok=True)
    for script in SCRIPTS.iterdir():
        shutil.copy(script, BUILD / script.name)
    install = [npm, "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(install, cwd=BUILD, check=True, timeout=300)
    (BUILD / "pixelpass.json").write_text(json.dumps({"texts": TEXTS}))
    run = [node, "pixelpass.mjs", "pixelpass.json"]
    done = subprocess.run(run, cwd=BUILD, check=True, timeout=120, stdout=subprocess.PIPE)
    read: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return read


@pytest.mark.parametrize("name", CODES)
def test_pixelpass_reads(pixelpass: dict[str, dict[str, Any]], name: str) -> None:
    code, read = CODES[name], pixelpass[name]
    assert bytes.fromhex(read["payload"]) == printed_code.encode_claims(code)
    assert read["mapped"]["ID"] == code.document_number
    assert read["mapped"]["Full Name"] == code.name_latin
    assert read["exp"] == int(code.valid_until.timestamp())


@pytest.mark.parametrize("name", CODES)
def test_zxing_reads_what_is_drawn(name: str) -> None:
    from io import BytesIO

    from PIL import Image

    picture = Image.open(BytesIO(code_image.render(TEXTS[name], ".png"))).convert("L")
    (found,) = zxingcpp.read_barcodes(picture)
    assert found.text == TEXTS[name]
    assert found.ec_level == printed_code.QR_ERROR
    assert picture.size == (292, 292)
