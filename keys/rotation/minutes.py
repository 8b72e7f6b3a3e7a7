"""Minutes of a ceremony: who was there, what was answered, which keys there are now and by which software; signed.

Three files: the minutes as JSON, the same bytes in a COSE_Sign1 by the audit signer, and a text in both languages for
the folder on the shelf. The history's last digest stands in them, so that signed minutes witness all that came before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ..algorithms import Purpose
from ..authority.authority import Authority
from ..commands.messages import LANGUAGES, purpose_name
from ..envelopes import cose
from ..envelopes.errors import SignatureError
from ..errors import DecodeError
from ..files import PUBLIC, read_regular, replace
from ..foresight.timeline_picture import STATES
from ..registry.lifecycle import KeyState
from .ceremony import CeremonyError, CeremonyReason, Record, Script, filled

FOLDER = "minutes"
MAX_MINUTES = 1 << 20
_ANCHOR = ("publication", "roots", "1.root.json")
TYPE = "application/residence-permit-minutes+json"

_WORDS: Mapping[str, tuple[str, str]] = {
    "minutes": ("密钥仪式纪要", "Minutes of a key ceremony"),
    "begun": ("开始", "begun"),
    "ended": ("结束", "ended"),
    "people": ("到场人员", "people"),
    "steps": ("步骤", "steps"),
    "keys": ("密钥指纹", "fingerprints of keys"),
    "software": ("软件", "software"),
    "script": ("脚本 SHA-256", "script SHA-256"),
    "events": ("登记簿事件", "events in the registry"),
    "history": ("登记簿摘要", "digest of the history"),
    "anchor": ("柜台信任起点 SHA-256", "SHA-256 of the counters' first root"),
    "signature": ("签名栏", "signatures"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where the minutes lie."""

    json: str
    cose: str
    text: str


def write(authority: Authority, script: Script, record: Record, *, ended: datetime) -> Files:
    """Write and sign the minutes into `minutes/` of the authority's home."""
    members = _members(authority, script, record, ended)
    payload = (json.dumps(members, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    signer = authority.signer(Purpose.AUDIT_SIGNER)
    signed = cose.sign1(payload, sign=signer.raw_signer(), kid=signer.kid)
    folder = os.path.join(authority.home, FOLDER)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    stem = os.path.join(folder, f"{record.begun:%Y-%m-%d-%H%M%S}-{script.name}")
    files = Files(json=f"{stem}.json", cose=f"{stem}.cose", text=f"{stem}.txt")
    replace(files.json, payload, mode=PUBLIC)
    replace(files.cose, signed, mode=PUBLIC)
    replace(files.text, _text(members, script, record).encode(), mode=PUBLIC)
    return files


def verify(authority: Authority, raw: bytes) -> Mapping[str, Any]:
    """The content of signed minutes, if an audit signer of this authority signed them; `CeremonyError` (NO_MINUTES)."""
    try:
        envelope = cose.parse(raw, max_size=MAX_MINUTES)
        for key in authority.registry.keys:
            if key.kid == envelope.kid and key.purpose is Purpose.AUDIT_SIGNER and key.certificate:
                public_key = authority.certificate(key).public_key
                assert isinstance(public_key, ec.EllipticCurvePublicKey)
                envelope.verify(public_key)
                members = json.loads(envelope.payload)
                assert isinstance(members, dict)
                return members
        raise DecodeError("signed by no audit signer of this authority")
    except (DecodeError, SignatureError, ValueError) as error:
        raise CeremonyError(str(error), reason=CeremonyReason.NO_MINUTES, detail=str(error)) from error


def software() -> dict[str, str]:
    """Version of the distribution, and SHA-256 over the source files of `keys`, each with its name."""
    try:
        release = version("residence-permit")
    except PackageNotFoundError:
        release = "unknown"
    root, digest = os.path.dirname(os.path.abspath(__file__)), sha256()
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            if name.endswith((".py", ".json")):
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    content = file.read()
                digest.update(f"{os.path.relpath(path, root)}\0{len(content)}\0".encode() + content)
    return {"version": release, "sha256": digest.hexdigest()}


def _members(authority: Authority, script: Script, record: Record, ended: datetime) -> dict[str, Any]:
    events = authority.registry.events()
    return {
        "type": TYPE,
        "ceremony": script.name,
        "title": dict(script.title),
        "script": script.digest,
        "authority": {"zh": authority.settings.name_zh, "en": authority.settings.name_en},
        "begun": record.begun.isoformat(),
        "ended": ended.isoformat(),
        "people": dict(record.people),
        "parameters": dict(record.parameters),
        "steps": [
            {"step": one.step, "at": one.at.isoformat(), "present": list(one.present), "answer": one.answer}
            for one in record.answers
        ],
        "keys": [
            {
                "name": key.name,
                "purpose": key.purpose,
                "state": key.state,
                "kid": key.kid.hex(),
                "uri": key.uri,
                "certificate": sha256(authority.certificate(key).der).hexdigest() if key.certificate else "",
                "signatures": key.signatures,
            }
            for key in authority.registry.keys
            if key.state is not KeyState.DESTROYED
        ],
        "events": [
            {
                "number": event.number,
                "at": event.at.isoformat(),
                "key": event.key,
                "kind": event.kind,
                "operator": event.actor.operator,
                "witness": event.actor.witness,
            }
            for event in events
            if event.number > record.event
        ],
        "history": events[-1].digest.hex() if events else "",
        "software": software(),
        "anchor": _anchor(authority.home),
    }


def _anchor(home: str) -> str:
    """SHA-256 of the first root of the publication, in hex: what every counter begins with. Empty without one."""
    try:
        return sha256(read_regular(os.path.join(home, *_ANCHOR), limit=MAX_MINUTES)[0]).hexdigest()
    except FileNotFoundError:
        return ""


def _text(members: Mapping[str, Any], script: Script, record: Record) -> str:
    pages = []
    for half, language in enumerate(LANGUAGES):

        def word(name: str, half: int = half) -> str:
            return _WORDS[name][half]

        values = {**record.parameters, **record.people}
        texts = {step.id: filled(step.text[language], values) for step in script.steps}
        lines = [f"{word('minutes')}: {script.title[language]}", members["authority"][language], ""]
        lines += [f"{word('begun')}: {members['begun']}", f"{word('ended')}: {members['ended']}", ""]
        lines += [word("people")]
        lines += [f"  {script.roles[role][language]}: {name}" for role, name in record.people.items()]
        lines += ["", word("steps")]
        for number, one in enumerate(members["steps"], 1):
            lines += [f"  {number}. {texts[one['step']]}", f"     {one['at']}  {one['answer']}"]
        lines += ["", word("keys")]
        for key in members["keys"]:
            state = STATES[KeyState(key["state"])][half]
            lines += [f"  {key['name']}  {purpose_name(Purpose(key['purpose']), language)}  {state}  kid {key['kid']}"]
            lines += [f"     {key['certificate']}"] if key["certificate"] else []
        lines += ["", word("events")]
        lines += [f"  {event['number']}  {event['at']}  {event['kind']} {event['key']}" for event in members["events"]]
        lines += ["", f"{word('history')}: {members['history']}", f"{word('script')}: {members['script']}"]
        lines += [f"{word('anchor')}: {members['anchor']}"] if members["anchor"] else []
        lines += [f"{word('software')}: {members['software']['version']}  {members['software']['sha256']}", ""]
        lines += [f"{word('signature')}:"]
        lines += [f"  {name}  ______________________" for name in record.people.values()]
        pages.append("\n".join(lines))
    return ("\n\n" + "─" * 40 + "\n\n").join(pages) + "\n"
