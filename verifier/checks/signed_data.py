"""The parts of an EF.SOD that no signature covers, in the one form that the profile writes.

CMS signs neither its version numbers nor the list of digest algorithms (RFC 5652 §5.1, §5.4), and readers ignore them.
So whoever changes them changes nothing that is believed; still, an EF.SOD is either as it was written or it is refused.
"""

from __future__ import annotations

from keys import der
from keys.errors import DecodeError

_EXPLICIT_0 = 0xA0
_PATH = "EF.SOD/SignedData"


def check(content_info: bytes) -> None:
    """ContentInfo in DER: SignedData v3, certificates embedded, one SignerInfo v1 with the digest algorithm listed.

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
    signed.element(_EXPLICIT_0)
    signers = signed.enter(der.SET)
    signed.finish()
    signer = signers.enter(der.SEQUENCE)
    signers.finish()
    _version(signer, 1)
    signer.element(der.SEQUENCE)
    if signer.element(der.SEQUENCE) != listed:
        raise DecodeError("digestAlgorithms are not the signer's", path=f"{_PATH}/digestAlgorithms")


def _version(reader: der.Reader, wanted: int) -> None:
    offset = reader.offset
    if reader.unsigned() != wanted:
        raise DecodeError(f"not version {wanted}", offset=offset, path=f"{_PATH}/version")
