"""Step 9b: full passive authentication of the identity application (9303-11 §5.1), and that it belongs to this permit.

Imported only when the identity application was read: EF.SOD needs asn1crypto.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from card_profiles.entitlements.mso import MobileSecurityObject
from card_profiles.entitlements.sector_files import PermitData
from card_profiles.lds import com, dg1, dg14, sod
from card_profiles.lds.mrz import Mrz
from card_profiles.protocols.security_infos import SecurityInfos
from keys.algorithms import Purpose
from keys.envelopes import cms
from keys.errors import DecodeError
from keys.trust import TrustStore

from ..evidence import Evidence
from ..reason import Reason
from ..verdict import Step
from . import signed_data
from .signers import signer_reason

NUMBER = "9b"
OPTIONAL_DATA_2 = 11  # characters of the middle line; a longer permit number has no sure place in the MRZ
_COM, _SOD = "EF.COM", "EF.SOD"


class _Failed(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def check(
    evidence: Evidence,
    mso: MobileSecurityObject,
    permit: PermitData,
    trust: TrustStore,
    *,
    now: datetime,
    crl_grace: timedelta,
) -> Step:
    """Signature and digests first; what the data groups say is read afterwards."""
    if _SOD not in evidence.identity:
        return Step.not_checked(NUMBER, "EF.SOD was not read")
    try:
        signed, listed = _security_object(evidence.identity[_SOD])
        _data_groups(evidence, listed)
        zone = dg1.decode(_group(evidence, 1))
        _signer(signed, zone, trust, now, crl_grace)
        _chip(evidence, mso)
        _holder(zone, permit)
    except _Failed as failed:
        return Step.failed(NUMBER, failed.reason, str(failed))
    except DecodeError as error:
        return Step.failed(NUMBER, Reason.MALFORMED, str(error))
    return Step.passed(NUMBER, f"data groups {', '.join(map(str, listed.data_group_hashes))}")


def _security_object(raw: bytes) -> tuple[cms.Verified, sod.LdsSecurityObject]:
    try:
        content_info = sod.unwrap(raw)
        signed_data.check(content_info)
        # The embedded certificate only: ours must not stand in for one that was tampered with.
        verified = cms.parse(content_info).verify()
        if verified.content_type != sod.LDS_SECURITY_OBJECT_OID:
            raise _Failed(Reason.SECURITY_OBJECT_INVALID, f"content type {verified.content_type}")
        return verified, sod.decode(verified.content)
    except DecodeError as error:
        raise _Failed(Reason.SECURITY_OBJECT_INVALID, str(error)) from error
    except Exception as error:
        if signer_reason(error) is None:
            raise
        raise _Failed(Reason.SECURITY_OBJECT_INVALID, str(error)) from error


def _data_groups(evidence: Evidence, listed: sod.LdsSecurityObject) -> None:
    """Every file against its digest; every group listed is there, every group there is listed."""
    numbers = set(listed.data_group_hashes)
    read = {int(name[2:]) for name in evidence.identity if name.startswith("DG")}
    announced = set(_announced(evidence.identity.get(_COM, b"")))
    if extra := (read | announced) - numbers:
        raise _Failed(Reason.DATA_GROUP_NOT_LISTED, f"DG{min(extra)}")
    if absent := numbers - (read & announced):
        raise _Failed(Reason.DATA_GROUP_MISSING, f"DG{min(absent)}")
    for number in sorted(numbers):
        if not listed.matches(number, _group(evidence, number)):
            raise _Failed(Reason.DATA_GROUP_MISMATCH, f"DG{number}")


def _announced(raw: bytes) -> tuple[int, ...]:
    """The data groups in EF.COM. Nothing signs it, so its versions have to be those that the profile writes."""
    announced = com.decode(raw).data_groups
    if raw != com.encode(com.Com(data_groups=announced)):
        raise _Failed(Reason.MALFORMED, "EF.COM is of another version")
    return announced


def _group(evidence: Evidence, number: int) -> bytes:
    raw = evidence.identity.get(f"DG{number}")
    if raw is None:
        raise _Failed(Reason.DATA_GROUP_MISSING, f"DG{number}")
    return raw


def _signer(signed: cms.Verified, zone: Mrz, trust: TrustStore, now: datetime, crl_grace: timedelta) -> None:
    """The document signer was allowed to sign this kind of document then, for the country in DG1."""
    if signed.signing_time is None:
        raise _Failed(Reason.SECURITY_OBJECT_INVALID, "no signing time")
    try:
        trust.validate(
            signed.certificate,
            purpose=Purpose.DOCUMENT_SIGNER,
            at=signed.signing_time,
            now=now,
            document_type=zone.document_code,
            crl_grace=crl_grace,
        )
    except Exception as error:
        reason = signer_reason(error)
        if reason is None:
            raise
        raise _Failed(reason, str(error)) from error
    countries = _mrz_countries(signed.certificate)
    if zone.issuing_state not in countries:
        raise _Failed(Reason.COUNTRY_MISMATCH, f"signer of {', '.join(countries) or 'no country'}")


def _mrz_countries(certificate: bytes) -> tuple[str, ...]:
    """L in the directory names of SubjectAltName: the country as the MRZ writes it (9303-12 §7.1.1.2)."""
    from cryptography import x509

    parsed = x509.load_der_x509_certificate(certificate)
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    localities = (
        attribute.value
        for name in names.get_values_for_type(x509.DirectoryName)
        for attribute in name.get_attributes_for_oid(x509.NameOID.LOCALITY_NAME)
    )
    return tuple(value for value in localities if isinstance(value, str))


def _chip(evidence: Evidence, mso: MobileSecurityObject) -> None:
    """One chip, and PACE as it was signed: EF.CardAccess is not signed, its copy in DG14 is."""
    infos = dg14.decode(_group(evidence, 14))
    keys = infos.chip_authentication_keys
    if len(keys) != 1 or keys[0].public_key.encode() != mso.device_key:
        raise _Failed(Reason.CHIP_KEY_MISMATCH, "DG14 and deviceKey")
    if not infos.confirms(SecurityInfos.decode(evidence.card_access)):
        raise _Failed(Reason.CARD_ACCESS_MISMATCH, "DG14 and EF.CardAccess")


def _holder(zone: Mrz, permit: PermitData) -> None:
    born = permit.birth_date.strftime("%y%m%d")
    # Unknown parts of a date of birth are fillers in the MRZ (9303-3 §4.8).
    same_birth = all(mine in ("<", theirs) for mine, theirs in zip(zone.birth_date, born, strict=True))
    # The card's document number and the permit's number differ; the issuer repeats the latter where the MRZ has room.
    numbers = (zone.document_number, zone.optional_data_1, zone.optional_data_2)
    same_number = permit.number in numbers or len(permit.number) > OPTIONAL_DATA_2
    if not same_number or not same_birth or zone.sex != permit.sex:
        raise _Failed(Reason.HOLDER_MISMATCH, "number, birth date or sex")
    theirs, mine = _letters(permit.name_latin), _letters(f"{zone.primary}{zone.secondary}")
    whole = mine == theirs
    truncated = zone.name_may_be_truncated and theirs.startswith(_letters(zone.primary.split(" ")[0]))
    if not whole and not truncated:
        raise _Failed(Reason.HOLDER_MISMATCH, "name")


def _letters(name: str) -> str:
    """A to Z only, as the MRZ would write them."""
    if not name.isascii():
        from card_profiles.lds.transliteration import TransliterationError, transliterate

        try:
            name = transliterate(name)
        except TransliterationError:
            return name
    return "".join(letter for letter in name.upper() if letter.isalpha())
