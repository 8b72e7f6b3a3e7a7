"""A compromised CSCA leaves the trust directory: it is on no CRL, for whoever has its key would sign one without it.

    removed/CSCA-1.der   its certificate, for ever: counters that have it take no root and no link of that key any more

What goes: the root, links that lead to it, and links by which it vouched for others.
"""

from __future__ import annotations

import os

from ..files import PUBLIC, read_regular, replace, sync_directory
from ..parsed_certificate import is_signed_by, read_certificate
from ..spki import MAX_CERTIFICATE, certificate_spki, key_id

FOLDER = "removed"
_ROOTS, _LINKS = "csca", "link"


def announce(trust_dir: str, name: str, certificate: bytes) -> str:
    """Put the certificate (DER) among the removed ones; returns its file within the trust directory."""
    path = os.path.join(trust_dir, FOLDER, name)
    if not os.path.lexists(path):
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        replace(path, certificate, mode=PUBLIC)
    return f"{FOLDER}/{name}"


def remove(trust_dir: str, certificate: bytes) -> tuple[str, ...]:
    """Take out whatever makes a counter believe the key of `certificate`; the files that went. Run as often as you
    like."""
    lost, gone = read_certificate(certificate), []
    kid = key_id(certificate_spki(certificate))
    for folder in (_ROOTS, _LINKS):
        directory = os.path.join(trust_dir, folder)
        for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else ():
            path = os.path.join(directory, name)
            raw = read_regular(path, limit=MAX_CERTIFICATE)[0]
            found = read_certificate(raw)
            if key_id(certificate_spki(raw)) == kid or (folder == _LINKS and is_signed_by(found, lost)):
                os.unlink(path)
                gone.append(f"{folder}/{name}")
        if gone:
            sync_directory(directory)
    return tuple(gone)
