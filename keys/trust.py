"""What a counter trusts: CSCA and link certificates, signers, CRLs, status lists and the service catalogue, as files.

    csca/*.der  link/*.der  removed/*.der  signers/*.der  crl/*.crl  status/*.cwt  catalogue.json

Reading is light: signers are found by `kid` without `cryptography.x509`, which loads when the first chain is checked.
Nothing here is believed because of where it lies: a signer is handed out by one call only, and it checks the chain.
A status list lies in a file named after its URI (`status_file_name`), so that one lookup reads one file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec

from . import status_list
from .algorithms import Purpose
from .envelopes import cose
from .errors import DecodeError
from .files import read_regular
from .spki import MAX_CERTIFICATE, certificate_spki, key_id, load_public_key

if TYPE_CHECKING:
    from .chain import ChainValidator
    from .mapped_status import MappedStatusList

MAX_FILES = 4096
"""Files in one folder: signers of a province over ten years, with room."""
MAX_CRL = 1 << 20
MAX_CATALOGUE = 1 << 20

_CSCA, _LINK, _SIGNERS, _CRL, _STATUS, _CATALOGUE = "csca", "link", "signers", "crl", "status", "catalogue.json"
_REMOVED = "removed"
_NO_GRACE = timedelta(0)


class TrustReason(StrEnum):
    """Why a trust store cannot be used, or does not help."""

    NOT_FOUND = "not_found"
    UNREADABLE = "unreadable"
    MALFORMED = "malformed"
    TOO_MANY = "too_many"
    NO_ROOT = "no_root"
    UNKNOWN_SIGNER = "unknown_signer"
    WRONG_SIGNER = "wrong_signer"
    """The certificate offered is not the one that the kid names."""
    NO_STATUS_LIST = "no_status_list"


class TrustError(Exception):
    """The trust store fails for `reason`; `path` is the file within the store, when one is to blame."""

    def __init__(self, message: str, *, reason: TrustReason, path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.reason = reason
        self.path = path


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedSigner:
    """A signer whose chain held for the purpose and moments asked."""

    kid: bytes
    """8 bytes: the start of SHA-256 over the SubjectPublicKeyInfo."""
    certificate: bytes
    """DER."""
    public_key: ec.EllipticCurvePublicKey


class TrustStore:
    """An immutable set of trust material. `load` reads a directory, the constructor takes bytes.

    `status` maps each list's URI to its signed bytes. Raises `TrustError` when a file cannot be taken for what its
    place says, or no CSCA certificate is there. Certificates are DER.
    """

    def __init__(
        self,
        *,
        csca: Iterable[bytes],
        links: Iterable[bytes] = (),
        removed: Iterable[bytes] = (),
        signers: Iterable[bytes] = (),
        crls: Iterable[bytes] = (),
        status: Mapping[str, bytes] | None = None,
        catalogue: bytes | None = None,
    ) -> None:
        self.removed = tuple(removed)
        """CSCA certificates whose key is compromised: neither a root nor a link may bring it back."""
        kids = {_kid(certificate, f"{_REMOVED}/") for certificate in self.removed}
        self.csca, self.links = (
            tuple(one for one in given if not kids or _kid(one, "") not in kids) for given in (csca, links)
        )
        self.crls = tuple(crls)
        self.catalogue = catalogue
        """The service catalogue as it came; None when the store has none."""
        if not self.csca:
            raise TrustError("no CSCA certificate", reason=TrustReason.NO_ROOT)
        self.signers: dict[bytes, tuple[bytes, ...]] = {}
        """Signer certificates by kid. More than one when a key was certified again."""
        for certificate in signers:
            kid = _kid(certificate, f"{_SIGNERS}/")
            self.signers[kid] = (*self.signers.get(kid, ()), certificate)
        self._status = dict(status or {})
        self._status_directory: str | None = None
        self._mapped_directory: str | None = None
        self.published: datetime | None = None
        """When the authority signed the release that this store came with: until then all of it was its newest word."""
        self._verified_lists: dict[str, tuple[status_list.StatusList, bytes]] = {}
        self._chains: ChainValidator | None = None
        self._forgiven = b""

    @classmethod
    def load(
        cls, directory: str | os.PathLike[str], *, mapped: str | None = None, published: datetime | None = None
    ) -> TrustStore:
        """Read a directory of the layout above. Status lists are read when asked for.

        `mapped` is a directory of status lists that were verified when they arrived (`mapped_status`): those are used
        as they are. `published` is when the release in the directory was signed. Both come from synchronisation only.
        """
        root = os.fspath(directory)
        if not os.path.isdir(root):
            raise TrustError(f"no trust directory at {root}", reason=TrustReason.NOT_FOUND)
        catalogue = _read(root, _CATALOGUE, MAX_CATALOGUE) if os.path.lexists(os.path.join(root, _CATALOGUE)) else None
        store = cls(
            csca=_read_all(root, _CSCA, ".der", MAX_CERTIFICATE),
            links=_read_all(root, _LINK, ".der", MAX_CERTIFICATE),
            removed=_read_all(root, _REMOVED, ".der", MAX_CERTIFICATE),
            signers=_read_all(root, _SIGNERS, ".der", MAX_CERTIFICATE),
            crls=_read_all(root, _CRL, ".crl", MAX_CRL),
            catalogue=catalogue,
        )
        store._status_directory, store._mapped_directory, store.published = root, mapped, published
        return store

    def knows(self, kid: bytes) -> bool:
        """Whether a certificate of this key is in the store: if so, EF.SignerCert need not be read from the card."""
        return kid in self.signers

    def signer(
        self,
        kid: bytes,
        *,
        purpose: Purpose,
        at: datetime,
        now: datetime,
        offered: bytes | None = None,
        crl_grace: timedelta = _NO_GRACE,
    ) -> TrustedSigner:
        """The signer `kid`, if it may have signed for `purpose` at the moment `at` as seen `now`.

        `offered` is a certificate (DER) that came with the data, such as EF.SignerCert; it is used when the store has
        none, must be of the same key, and must chain like any other. Raises `TrustError` (UNKNOWN_SIGNER, WRONG_SIGNER,
        MALFORMED) or `ChainError`.
        """
        certificates = self.signers.get(kid, ())
        if not certificates and offered is not None:
            if _kid(offered, "") != kid:
                raise TrustError("certificate is of another key", reason=TrustReason.WRONG_SIGNER)
            certificates = (offered,)
        if not certificates:
            raise TrustError(f"no certificate of signer {kid.hex()}", reason=TrustReason.UNKNOWN_SIGNER)
        from .chain import ChainError

        failure: ChainError | None = None
        for certificate in certificates:
            try:
                self.validate(certificate, purpose=purpose, at=at, now=now, crl_grace=crl_grace)
            except ChainError as error:
                failure = failure or error
            else:
                return TrustedSigner(kid=kid, certificate=certificate, public_key=_ec_key(certificate))
        assert failure is not None
        try:
            raise failure
        finally:
            del failure  # as in `chain`: an exception must not keep its own frame alive

    def validate(
        self,
        certificate: bytes,
        *,
        purpose: Purpose,
        at: datetime,
        now: datetime,
        document_type: str | None = None,
        crl_grace: timedelta = _NO_GRACE,
    ) -> None:
        """Check the chain of a certificate that came with the data, such as EF.SOD's; `ChainError` unless it holds.

        What a removed CSCA issued is refused as revoked.
        """
        from .chain import ChainError, ChainReason

        try:
            self._validator().validate(
                certificate, purpose=purpose, at=at, now=now, document_type=document_type, crl_grace=crl_grace
            )
        except ChainError as error:
            if error.reason is ChainReason.UNKNOWN_ISSUER and self._is_of_removed(certificate):
                raise ChainError("its CSCA is compromised", reason=ChainReason.REVOKED) from error
            raise

    def despite_revocation(self, kid: bytes) -> TrustStore:
        """The same store, to which the signer `kid` counts as if it had not been revoked.

        Never at a counter: for the desk that signs such cards anew, and asks for other proof that they are its own.
        """
        store = copy(self)
        store._forgiven, store._chains, store._verified_lists = kid, None, {}
        return store

    def certificates(self) -> tuple[bytes, ...]:
        """All signer certificates (DER): candidates for an EF.SOD that embeds none."""
        return tuple(certificate for known in self.signers.values() for certificate in known)

    def status_list(
        self, uri: str, *, now: datetime, crl_grace: timedelta = _NO_GRACE
    ) -> status_list.StatusList | MappedStatusList:
        """The verified status list of `uri`, signed by a status signer whose chain held when it was issued.

        A mapped list was verified against the revocation lists that are in the store, and is used as it is. Otherwise
        the envelope is checked once and remembered, the chain at each call. `TrustError` (NO_STATUS_LIST) without one;
        `DecodeError`, `SignatureError`, `StatusListError`, `ChainError` as the check failed. How old is too old is
        policy.
        """
        if (mapped := self._mapped(uri)) is not None:
            return mapped
        known = self._verified_lists.get(uri)
        if known is not None:
            verified, kid = known
            self.signer(kid, purpose=Purpose.STATUS_SIGNER, at=verified.iat, now=now, crl_grace=crl_grace)
            return verified
        raw = self._status_bytes(uri)
        kid = cose.parse(raw, max_size=status_list.MAX_SIZE, tagged=True).kid or b""
        # The moment of signing stands inside what is signed: the signature first, then the chain at that moment.
        for certificate in self.signers.get(kid, ()):
            verified = status_list.verify(raw, _ec_key(certificate), uri)
            self.signer(kid, purpose=Purpose.STATUS_SIGNER, at=verified.iat, now=now, crl_grace=crl_grace)
            self._verified_lists[uri] = (verified, kid)
            return verified
        raise TrustError(f"no certificate of status signer {kid.hex()}", reason=TrustReason.UNKNOWN_SIGNER)

    def crl_time(self) -> datetime | None:
        """thisUpdate of the newest CRL that a trusted CSCA signed: how old the knowledge about signers is."""
        return self._validator().newest_crl()

    def status_time(self, uri: str, *, now: datetime) -> datetime:
        """iat of the status list of `uri`: how old the knowledge about cards is. Raises as `status_list`."""
        return self.status_list(uri, now=now).iat

    def as_of(self, signed: datetime | None) -> datetime | None:
        """The moment up to which something `signed` then is known to be current: the release repeated it."""
        return max(signed, self.published) if signed is not None and self.published is not None else signed

    def _mapped(self, uri: str) -> MappedStatusList | None:
        if self._mapped_directory is None:
            return None
        from .mapped_status import SUFFIX, open_list

        name = status_file_name(uri).removesuffix(".cwt") + SUFFIX
        try:
            return open_list(os.path.join(self._mapped_directory, name), uri)
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = TrustReason.UNREADABLE
            raise TrustError(error.strerror or "unreadable", reason=reason, path=name) from error

    def _is_of_removed(self, certificate: bytes) -> bool:
        from .parsed_certificate import is_signed_by, read_certificate

        return any(is_signed_by(read_certificate(certificate), read_certificate(one)) for one in self.removed)

    def _validator(self) -> ChainValidator:
        if self._chains is None:
            from .chain import ChainValidator

            forgiven = frozenset(self.signers.get(self._forgiven, ()))
            self._chains = ChainValidator(roots=self.csca, links=self.links, crls=self.crls, forgiven=forgiven)
        return self._chains

    def _status_bytes(self, uri: str) -> bytes:
        raw = self._status.get(uri)
        if raw is None and self._status_directory is not None:
            name = os.path.join(_STATUS, status_file_name(uri))
            if os.path.lexists(os.path.join(self._status_directory, name)):
                return _read(self._status_directory, name, status_list.MAX_SIZE)
        if raw is None:
            raise TrustError(f"no status list of {uri!r:.160}", reason=TrustReason.NO_STATUS_LIST)
        return raw


def status_file_name(uri: str) -> str:
    """File name of a status list within `status/`: the first 8 bytes of SHA-256 over its URI, in hex, and `.cwt`."""
    return f"{sha256(uri.encode()).digest()[:8].hex()}.cwt"


def _kid(certificate: bytes, path: str) -> bytes:
    try:
        return key_id(certificate_spki(certificate))
    except DecodeError as error:
        raise TrustError(f"no certificate: {error}", reason=TrustReason.MALFORMED, path=path) from error


@lru_cache(maxsize=64)
def _ec_key(certificate: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_public_key(certificate_spki(certificate))
    except DecodeError as error:
        raise TrustError(f"signer's key: {error}", reason=TrustReason.MALFORMED) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TrustError("signer's key is not on an elliptic curve", reason=TrustReason.MALFORMED)
    return key


def _read_all(root: str, folder: str, suffix: str, limit: int) -> list[bytes]:
    try:
        names = sorted(name for name in os.listdir(os.path.join(root, folder)) if name.endswith(suffix))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise TrustError(error.strerror or "unreadable", reason=TrustReason.UNREADABLE, path=folder) from error
    if len(names) > MAX_FILES:
        raise TrustError(f"more than {MAX_FILES} files", reason=TrustReason.TOO_MANY, path=folder)
    files = [_read(root, os.path.join(folder, name), limit) for name in names]
    if suffix == ".der":
        for name, data in zip(names, files, strict=True):
            _kid(data, os.path.join(folder, name))
    return files


def _read(root: str, name: str, limit: int) -> bytes:
    try:
        data, _ = read_regular(os.path.join(root, name), limit=limit)
    except DecodeError as error:
        raise TrustError(str(error), reason=TrustReason.MALFORMED, path=name) from error
    except OSError as error:
        raise TrustError(error.strerror or "unreadable", reason=TrustReason.UNREADABLE, path=name) from error
    return data
