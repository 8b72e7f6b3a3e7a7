"""Making a small authority: its keys, certificates, first CRL and status list, complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from . import certificates, registry, signed_lists
from .algorithms import Purpose
from .authority_file import AuthoritySettings
from .certificates import CertificationAuthority, Periods
from .custody.software import ScryptCost, SoftwareCustody
from .files import PUBLIC, sync_directory, write_new
from .registry import SIGNERS, AuthorityError, AuthorityReason, KeyRecord, Registry
from .spki import certificate_spki, key_id
from .trust import TrustStore, status_file_name

MASTER_URI = "file:card-master-1.key"
TRANSPORT_URI = "file:transport-1.key"


def found(
    home: str,
    settings: AuthoritySettings,
    passphrase: bytes,
    *,
    catalogue: bytes | None,
    now: datetime,
    random: Callable[[int], bytes],
    cost: ScryptCost | None,
) -> None:
    """Make an authority at `home`, which must not exist or be an empty directory; `AuthorityError` (EXISTS) otherwise.

    Everything is made in `home`.partial, checked through a verifier's eyes, and moved into place by one rename. What an
    interrupted run left there has signed nothing that anyone saw, so the next run starts over.
    """
    _require_free(home)
    partial = f"{home}.partial"
    os.makedirs(partial, mode=0o700, exist_ok=True)
    with registry.locked(partial):
        for name in os.listdir(partial):
            _remove(os.path.join(partial, name))
        _Founding(partial, settings, passphrase, now, random, cost).run(catalogue)
        _require_free(home)
        try:
            os.rename(partial, home)
        except OSError as error:
            raise AuthorityError(f"{home} exists", reason=AuthorityReason.EXISTS, detail=home) from error
        sync_directory(os.path.dirname(home))


class _Founding:
    """One run in an empty directory."""

    def __init__(
        self,
        home: str,
        settings: AuthoritySettings,
        passphrase: bytes,
        now: datetime,
        random: Callable[[int], bytes],
        cost: ScryptCost | None,
    ) -> None:
        self._home, self._settings, self._now, self._random = home, settings, now, random
        self._trust = os.path.join(home, "trust")
        for folder in ("csca", "link", "signers", "crl", "status"):
            os.makedirs(os.path.join(self._trust, folder), mode=0o755)
        os.mkdir(os.path.join(home, "keys"), 0o700)
        self._custody = SoftwareCustody(os.path.join(home, "keys"), passphrase, cost=cost, random=random)

    def run(self, catalogue: bytes | None) -> None:
        settings = self._settings
        root, issuer = self._csca()
        keys = (root, *(self._certify(purpose, issuer) for purpose in SIGNERS))
        if catalogue is not None:
            self._put("catalogue.json", catalogue)
        self._custody.generate_card_master_key(MASTER_URI)
        if settings.transport_keys is not None:
            self._custody.store_card_keys(TRANSPORT_URI, settings.transport_keys)
        self._check(keys)
        complete = Registry(settings=settings, keys=keys, own_transport_keys=settings.transport_keys is not None)
        write_new(os.path.join(self._home, registry.FILE_NAME), registry.encode(complete), mode=PUBLIC)

    def _csca(self) -> tuple[KeyRecord, CertificationAuthority]:
        settings = self._settings
        record = KeyRecord(purpose=Purpose.CSCA, generation=1, uri="file:csca-1.p8", certificate="csca/CSCA-1.der")
        key = self._custody.generate(record.uri, ec.SECP384R1())
        # The CSCA outlives the last card of the last signer that it certified.
        root = certificates.csca(
            settings.names,
            common_name=f"CSCA {settings.mrz_country}",
            private_key=key,
            periods=self._periods(settings.validity.csca_key_days, beyond=settings.validity.signer_key_days),
            serial=certificates.serial_number(self._random),
        )
        der = root.public_bytes(Encoding.DER)
        self._put(record.certificate, der)
        crl = signed_lists.crl(settings, certificate=der, private_key=key, number=1, now=self._now, revoked={})
        self._put(f"crl/{settings.mrz_country}.crl", crl)
        return record, CertificationAuthority(certificate=root, private_key=key)

    def _certify(self, purpose: Purpose, issuer: CertificationAuthority) -> KeyRecord:
        settings, label = self._settings, SIGNERS[purpose]
        record = KeyRecord(
            purpose=purpose, generation=1, uri=f"file:{purpose}-1.p8", certificate=f"signers/{label}-1.der"
        )
        key = self._custody.generate(record.uri, ec.SECP256R1())
        periods = self._periods(settings.validity.signer_key_days)
        # Short, for it may lie on the card; eight random octets do not repeat among an authority's signers.
        serial = certificates.serial_number(self._random, 8)
        if purpose is Purpose.DOCUMENT_SIGNER:
            certificate = certificates.document_signer(
                settings.names,
                issuer=issuer,
                common_name=f"{label} 1",
                public_key=key.public_key(),
                periods=periods,
                serial=serial,
                document_types=settings.document_types,
            )
        else:
            certificate = certificates.purpose_signer(
                settings.names,
                purpose=purpose,
                issuer=issuer,
                common_name=f"{label} 1",
                public_key=key.public_key(),
                periods=periods,
                serial=serial,
            )
        der = certificate.public_bytes(Encoding.DER)
        self._put(record.certificate, der)
        if purpose is Purpose.STATUS_SIGNER:
            kid = key_id(certificate_spki(der))
            shard = signed_lists.status(settings, {}, kid=kid, private_key=key, now=self._now)
            self._put(f"status/{status_file_name(settings.status_uri)}", shard)
        return record

    def _periods(self, key_days: int, *, beyond: int = 0) -> Periods:
        key_use_until = self._now + timedelta(days=key_days)
        return Periods(
            not_before=self._now,
            key_use_until=key_use_until,
            not_after=key_use_until + timedelta(days=beyond + self._settings.validity.longest_card_days),
        )

    def _check(self, keys: tuple[KeyRecord, ...]) -> None:
        """Look at what was made as a counter will: every signer chains for its purpose, the status list verifies."""
        store = TrustStore.load(self._trust)
        for key in keys:
            if key.purpose in SIGNERS:
                with open(os.path.join(self._trust, key.certificate), "rb") as file:
                    store.validate(file.read(), purpose=key.purpose, at=self._now, now=self._now)
        store.status_list(self._settings.status_uri, now=self._now)

    def _put(self, name: str, data: bytes) -> None:
        write_new(os.path.join(self._trust, name), data, mode=PUBLIC)


def _require_free(home: str) -> None:
    if os.path.lexists(home) and (os.path.islink(home) or not os.path.isdir(home) or os.listdir(home)):
        raise AuthorityError(f"{home} exists", reason=AuthorityReason.EXISTS, detail=home)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
