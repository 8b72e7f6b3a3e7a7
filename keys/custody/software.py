"""Private keys in files: encrypted PKCS#8 (RFC 5958, PBES2 of RFC 8018) with scrypt (RFC 7914), readable by OpenSSL.

`BestAvailableEncryption` of pyca stops at 2,048 rounds of PBKDF2 and takes no parameters, so the envelope is made
here; pyca reads it. The card master key and card keys are no key pairs: they lie in a small authenticated container.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from .. import der
from ..algorithms import ecdsa
from ..errors import DecodeError
from ..files import PRIVATE, read_regular, sync_directory, write_new
from . import (
    LABEL_DEK,
    LABEL_ENC,
    LABEL_MAC,
    SELF_TEST,
    SERIAL_SIZE,
    CardKeys,
    CardMasterKey,
    CustodyError,
    CustodyReason,
    KeyInfo,
    KeyKind,
)

SCHEME = "file"
MAX_FILE = 4096

# RFC 8018 A.4, RFC 7914 §7.1, NIST CSOR.
_OID_PBES2 = "1.2.840.113549.1.5.13"
_OID_SCRYPT = "1.3.6.1.4.1.11591.4.11"
_OID_AES256_CBC = "2.16.840.1.101.3.4.1.42"

_MAGIC = b"RPSK1"
"""Container of symmetric keys: magic, log2 N, r, p (a byte each), salt 16, nonce 12, AES-256-GCM ciphertext, tag 16."""
_HEADER = len(_MAGIC) + 3 + 16
_NONCE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ScryptCost:
    """Cost of one guess at the passphrase. The default takes 16 MB (OpenSSL refuses 32) five times over."""

    log2_n: int = 14
    r: int = 8
    p: int = 5

    def __post_init__(self) -> None:
        if not (1 <= self.log2_n <= 20 and 1 <= self.r <= 16 and 1 <= self.p <= 16):
            raise ValueError("scrypt cost out of range")


class SoftwareCustody:
    """Keys in one directory, files of mode 0600, all under one passphrase. Implements `Custody` for `file:` URIs.

    `random` gives salts and nonces; the keys themselves come from OpenSSL and the system.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        passphrase: bytes,
        *,
        cost: ScryptCost | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if not passphrase:
            raise ValueError("a passphrase is needed")
        self._directory = os.fspath(directory)
        self._passphrase = passphrase
        self._cost = cost or ScryptCost()
        self._random = random

    def __repr__(self) -> str:
        return f"SoftwareCustody({self._directory!r})"

    def generate(self, uri: str, curve: ec.EllipticCurve, *, purpose: str = "") -> ec.EllipticCurvePrivateKey:
        """Make a key pair and keep it under `uri`. A PKCS#8 file has no room for `purpose`: the registry keeps it."""
        key = ec.generate_private_key(curve)
        plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self._write(uri, self._encrypt_pkcs8(plain))
        return key

    def private_key(self, uri: str) -> ec.EllipticCurvePrivateKey:
        """The key pair under `uri`."""
        raw = self._read(uri)
        try:
            key = load_der_private_key(raw, self._passphrase)
        except (ValueError, TypeError) as error:
            raise self._undecryptable(uri, raw) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CustodyError("not an elliptic-curve key", reason=CustodyReason.DAMAGED, uri=uri)
        return key

    def public_key(self, uri: str) -> ec.EllipticCurvePublicKey:
        """The public half of the key pair under `uri`."""
        return self.private_key(uri).public_key()

    def self_test(self, uri: str) -> None:
        """Open what lies under `uri`; of a key pair, also verify a signature."""
        if self._read(uri).startswith(_MAGIC):
            self._open(uri)
            return
        key = self.private_key(uri)
        message = SELF_TEST + self._random(16)
        try:
            key.public_key().verify(key.sign(message, ecdsa(key)), message, ecdsa(key))
        except InvalidSignature:
            raise CustodyError(
                f"key {uri} signs wrongly; do not use it", reason=CustodyReason.SELF_TEST_FAILED, uri=uri
            ) from None

    def destroy(self, uri: str) -> None:
        """Overwrite and remove the file. A disk may keep old blocks: the passphrase is what protects those."""
        size = len(self._read(uri))
        path = self._path(uri)
        with open(path, "r+b", buffering=0) as stream:
            stream.write(self._random(size))
            os.fsync(stream.fileno())
        os.unlink(path)
        sync_directory(self._directory)
        if os.path.lexists(path):
            raise CustodyError(f"key {uri} is still there", reason=CustodyReason.STILL_THERE, uri=uri)

    def inventory(self) -> tuple[KeyInfo, ...]:
        """The key files, told apart by their first bytes; none is opened."""
        found = []
        for name in sorted(os.listdir(self._directory)):
            try:
                raw = self._read(f"{SCHEME}:{name}")
            except CustodyError:
                raw = b""
            # The container seals 32 bytes of a master key, or three keys of 16, 24 or 32; GCM hides no length.
            sealed = len(raw) - _HEADER - _NONCE - 16
            kind = None
            if raw.startswith(_MAGIC):
                kind = KeyKind.CARD_MASTER_KEY if sealed == 32 else KeyKind.CARD_KEYS
            elif raw.startswith(b"\x30"):
                kind = KeyKind.KEY_PAIR
            found.append(KeyInfo(uri=f"{SCHEME}:{name}", kind=kind, purpose="", curve="", in_hardware=False))
        return tuple(found)

    def generate_card_master_key(self, uri: str) -> CardMasterKey:
        """Make an AES-256 card master key and keep it under `uri`."""
        key = self._random(32)
        self._write(uri, self._seal(key))
        return SoftwareCardMasterKey(key)

    def card_master_key(self, uri: str) -> CardMasterKey:
        """The card master key under `uri`."""
        return SoftwareCardMasterKey(self._open(uri))

    def store_card_keys(self, uri: str, keys: CardKeys) -> None:
        """Keep transport keys under `uri`."""
        self._write(uri, self._seal(keys.enc + keys.mac + keys.dek))

    def card_keys(self, uri: str) -> CardKeys:
        """The transport keys under `uri`."""
        secret = self._open(uri)
        third = len(secret) // 3
        try:
            return CardKeys(enc=secret[:third], mac=secret[third : 2 * third], dek=secret[2 * third :])
        except ValueError as error:
            raise CustodyError("not three card keys", reason=CustodyReason.DAMAGED, uri=uri) from error

    def _encrypt_pkcs8(self, plain: bytes) -> bytes:
        salt, iv = self._random(16), self._random(16)
        padder = padding.PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES256(self._stretch(salt, self._cost)), modes.CBC(iv)).encryptor()
        ciphertext = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
        kdf = der.encode(
            der.SEQUENCE,
            der.object_identifier(_OID_SCRYPT),
            der.encode(
                der.SEQUENCE,
                der.encode(der.OCTET_STRING, salt),
                der.integer(1 << self._cost.log2_n),
                der.integer(self._cost.r),
                der.integer(self._cost.p),
            ),
        )
        scheme = der.encode(der.SEQUENCE, der.object_identifier(_OID_AES256_CBC), der.encode(der.OCTET_STRING, iv))
        algorithm = der.encode(der.SEQUENCE, der.object_identifier(_OID_PBES2), der.encode(der.SEQUENCE, kdf, scheme))
        return der.encode(der.SEQUENCE, algorithm, der.encode(der.OCTET_STRING, ciphertext))

    def _seal(self, secret: bytes) -> bytes:
        salt, nonce = self._random(16), self._random(_NONCE)
        header = _MAGIC + bytes((self._cost.log2_n, self._cost.r, self._cost.p)) + salt
        return header + nonce + AESGCM(self._stretch(salt, self._cost)).encrypt(nonce, secret, header)

    def _open(self, uri: str) -> bytes:
        raw = self._read(uri)
        header, nonce, sealed = raw[:_HEADER], raw[_HEADER : _HEADER + _NONCE], raw[_HEADER + _NONCE :]
        try:
            if not header.startswith(_MAGIC) or len(sealed) <= 16:
                raise ValueError("not a container of symmetric keys")
            log2_n, r, p = header[len(_MAGIC) : len(_MAGIC) + 3]
            cost = ScryptCost(log2_n=log2_n, r=r, p=p)
        except ValueError as error:
            raise CustodyError(f"key {uri} is damaged", reason=CustodyReason.DAMAGED, uri=uri) from error
        try:
            return AESGCM(self._stretch(header[-16:], cost)).decrypt(nonce, sealed, header)
        except InvalidTag:
            raise _wrong_passphrase(uri) from None

    def _stretch(self, salt: bytes, cost: ScryptCost) -> bytes:
        return Scrypt(salt=salt, length=32, n=1 << cost.log2_n, r=cost.r, p=cost.p).derive(self._passphrase)

    def _path(self, uri: str) -> str:
        scheme, _, name = uri.partition(":")
        plain = name.replace("-", "").replace("_", "").replace(".", "")
        if scheme != SCHEME or name.startswith(".") or not (plain.isascii() and plain.isalnum()):
            raise CustodyError(
                f"{uri!r:.80} is no key of this custody", reason=CustodyReason.UNSUPPORTED_URI, uri=uri[:80]
            )
        return os.path.join(self._directory, name)

    def _write(self, uri: str, data: bytes) -> None:
        try:
            write_new(self._path(uri), data, mode=PRIVATE)
        except FileExistsError:
            raise CustodyError(f"key {uri} exists", reason=CustodyReason.ALREADY_EXISTS, uri=uri) from None

    def _read(self, uri: str) -> bytes:
        try:
            data, mode = read_regular(self._path(uri), limit=MAX_FILE)
        except FileNotFoundError:
            raise CustodyError(f"no key {uri}", reason=CustodyReason.NOT_FOUND, uri=uri) from None
        except DecodeError as error:
            raise CustodyError(f"key {uri}: {error}", reason=CustodyReason.DAMAGED, uri=uri) from None
        if mode & 0o077:
            raise CustodyError(
                f"key {uri} can be read by others (mode {mode:o})", reason=CustodyReason.OPEN_PERMISSIONS, uri=uri
            )
        return data

    @staticmethod
    def _undecryptable(uri: str, raw: bytes) -> CustodyError:
        try:
            outer = der.Reader(raw)
            content = outer.enter(der.SEQUENCE)
            outer.finish()
            content.element(der.SEQUENCE)
            content.element(der.OCTET_STRING)
            content.finish()
        except DecodeError:
            return CustodyError(f"key {uri} is damaged", reason=CustodyReason.DAMAGED, uri=uri)
        return _wrong_passphrase(uri)


class SoftwareCardMasterKey:
    """A card master key in memory: 16, 24 or 32 bytes of AES key. Implements `CardMasterKey`."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) not in {16, 24, 32}:
            raise ValueError("a card master key is an AES key")
        self._key = key

    def __repr__(self) -> str:
        return "SoftwareCardMasterKey(…)"

    def diversify(self, serial: bytes) -> CardKeys:
        """SP 800-108r1 §4.1, counter mode over AES-CMAC: [i]₃₂ ‖ label ‖ 00 ‖ serial ‖ [128]₃₂, a label per key."""
        if len(serial) != SERIAL_SIZE:
            raise ValueError("a card serial has 10 bytes")
        return CardKeys(
            enc=self._derive(LABEL_ENC, serial),
            mac=self._derive(LABEL_MAC, serial),
            dek=self._derive(LABEL_DEK, serial),
        )

    def _derive(self, label: bytes, context: bytes) -> bytes:
        kdf = KBKDFCMAC(
            algorithms.AES,
            Mode.CounterMode,
            length=16,
            rlen=4,
            llen=4,
            location=CounterLocation.BeforeFixed,
            label=label,
            context=context,
            fixed=None,
        )
        return kdf.derive(self._key)


def _wrong_passphrase(uri: str) -> CustodyError:
    # A CBC or GCM failure cannot tell a wrong passphrase from flipped bits; the first is what people can mend.
    return CustodyError(f"the passphrase does not open {uri}", reason=CustodyReason.WRONG_PASSPHRASE, uri=uri)
