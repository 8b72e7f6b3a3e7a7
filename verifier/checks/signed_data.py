"""The parts of an EF.SOD that no signature covers, in the one form that the profile writes.

CMS signs neither its version numbers nor the list of digest algorithms (RFC 5652 §5.1, §5.4), and readers ignore them;
nor how the signer is named, and readers compare names without regard to case. So whoever changes these changes nothing
that is believed; still, an EF.SOD is either as it was written or it is refused.
"""

from __future__ import annotations

from keys import der
from keys.errors import DecodeError

_EXPLICIT_0 = 0xA0
_PATH = "EF.SOD/SignedData"


def check(content_info: bytes) -> None:
    """ContentInfo in DER: SignedData v3 with one certificate, one SignerInfo v1 with the digest algorithm listed, which
    names the signer by issuer and serial number as they stand in that certificate.

    Raises DecodeError. Everything else is `keys.envelopes.cms`' to check.
    """
    outer = der.Reader(content_info, path=_PATH)
    info = outer.enter(der.SEQUENCE)
    outer.finish()
    info.element(der.OBJECT_IDENTIFIER)
    explicit = info.enter(_EXPLICIT_0)
    info.finish()
    signed = explicit.enter(der.SEQUENCE)
    explicit.finish()
    _version(signed, 3)
    listed = signed.content(der.SET)
    signed.element(der.SEQUENCE)
    named = _issuer_and_serial(signed.enter(_EXPLICIT_0))
    signers = signed.enter(der.SET)
    signed.finish()
    signer = signers.enter(der.SEQUENCE)
    signers.finish()
    _version(signer, 1)
    if signer.content(der.SEQUENCE) != named:
        raise DecodeError("the signer is not named as in its certificate", path=f"{_PATH}/sid")
    if signer.element(der.SEQUENCE) != listed:
        raise DecodeError("digestAlgorithms are not the signer's", path=f"{_PATH}/digestAlgorithms")


def _issuer_and_serial(certificates: der.Reader) -> bytes:
    """The content of IssuerAndSerialNumber (RFC 5652 §10.2.4), from the one certificate (RFC 5280 §4.1)."""
    certificate = certificates.enter(der.SEQUENCE)
    certificates.finish()
    to_be_signed = certificate.enter(der.SEQUENCE)
    to_be_signed.element(_EXPLICIT_0)
    serial = to_be_signed.element(der.INTEGER)
    to_be_signed.element(der.SEQUENCE)
    return to_be_signed.element(der.SEQUENCE) + serial


def _version(reader: der.Reader, wanted: int) -> None:
    offset = reader.offset
    if reader.unsigned() != wanted:
        raise DecodeError(f"not version {wanted}", offset=offset, path=f"{_PATH}/version")
