"""Checks an audit export, with nothing of this project's: verifier.py EXPORT PUBLIC-KEY.pem (docs/DOMAIN.md)."""

import hashlib
import json
import sys
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

key = load_pem_public_key(Path(sys.argv[2]).read_bytes())
lines = Path(sys.argv[1]).read_bytes().split(b"\n")
assert lines.pop() == b"", "the last line is not complete"
word, version, seq, last = lines.pop(0).decode().split(" ")
assert (word, version) == ("audit", "1")
seq, records, checkpoints = int(seq), 0, 0
for line in lines[:-1]:
    kind, first, rest = line.split(b" ", 2)
    if kind == b"record":
        record = json.loads(rest)
        assert (record["seq"], record["previous"]) == (seq + 1, last), f"record {seq + 1} does not follow"
        seq, records, last = seq + 1, records + 1, hashlib.sha256(rest).hexdigest()
        assert last == first.decode(), f"record {seq} was changed"
    else:
        assert kind == b"checkpoint", "an unknown line"
        protected, _, payload, signature = cbor2.loads(bytes.fromhex(rest.decode())).value
        signed = cbor2.dumps(["Signature1", protected, b"", payload])
        r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
        key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
        said = json.loads(payload)
        assert (said["seq"], said["hash"]) == (seq, last), f"the checkpoint says something else of record {seq}"
        checkpoints += 1
assert lines[-1] == f"end {records} {last}".encode(), "cut off"
print(f"{records} records, {checkpoints} checkpoints")
