"""docs/API.md, made from what the service is: `python -m issuer.service.api_page > docs/API.md`; a test compares."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from ..domain.reasons import Reason
from .day.steps import COMMANDS, FIRST, LATER, VALIDITY, YEAR, Step
from .problem_texts import TEXTS, Code
from .problems import STATUS

_HEAD = """# The API of the issuing service

Made by `python -m issuer.service.api_page`; a test compares. The machine-readable description, with every
field, example and answer, is at `/api/v1/openapi.json` of a running service.

## Rules for all of it

- **Signing in.** `POST /api/v1/session`. A program sends `"program": true` and gets a token for `Authorization:
  Bearer`. A browser gets a cookie that scripts cannot read (`HttpOnly`, `SameSite=Strict`, over TLS `__Host-`
  and `Secure`) and sends `X-CSRF-Token` with everything but GET. A session ends after 10 hours, or 30 minutes
  without a request. After five failures in a row the account is locked: 30 seconds, twice as long with each
  failure, 15 minutes at most.
- **Who may.** Every endpoint declares its roles and its scope; the tables below are those declarations.
  *district*: the thing must lie in the operator's district or below. *within*: a list holds what lies there.
  *city*: only who works for the whole city. *session*: whoever has signed in with the role. *open*: anybody.
- **Once.** Each act takes an `Idempotency-Key` (8 to 64 letters, digits, `. _ : -`), new for each act. A
  request that was not answered is sent again with its key: it is carried out once, and the answer is the same,
  with `"replayed": true`.
- **Nobody is overwritten.** What can change is answered with an `ETag`. Given as `If-Match`, an act on
  something that has changed since is refused with 412. Of two desks at the same moment one is done, the other
  gets 409.
- **Refusals** are `application/problem+json` (RFC 9457): `title`, `detail` and `action` (what to do) in Chinese
  or English by `Accept-Language`, `code` for programs, `errors` for what is wrong where, `instance` for the
  line in the log. `type` leads to a page, `/problems/<code>`.
- **Lists** are read page by page: `limit`, and `next` of one page as `after` of the following.
- **Bodies** are JSON of 64 kB at most; photos `image/jpeg` or `image/jp2` up to 2 MB, rule sets up to 1 MB.

"""
_DAY = """## A day with curl

The same steps run as `python -m issuer.service.day`. From the directory of the project, with `.venv/bin` in the PATH:

```sh
"""
_SHELL = """# A member out of an answer: … | get '["data"]["holder"]'
get() { python3 -c "import json,sys; print(json.load(sys.stdin)$1)"; }
key() { python3 -c "import uuid; print(uuid.uuid4())"; }
JSON='Content-Type: application/json'
API=http://127.0.0.1:8080/api/v1
"""
READY = "curl -sS --retry 100 --retry-delay 1 --retry-connrefused http://127.0.0.1:8080/readyz"
HERE, SAMPLES = "build/day", "issuer/samples"


def page() -> str:
    """The whole page."""
    return _HEAD + _day() + _tables() + _problems()


# --- the day


def _day() -> str:
    lines = [_DAY.rstrip("\n")]
    lines += [
        f"mkdir -p {HERE}",
        f"head -c 16 /dev/urandom | xxd -p > {HERE}/passphrase",
        f"printf '%s\\n' {quoted('paper-lantern-and-9-oars')} > {HERE}/password",
        f"export PERMIT_HOME={HERE}/authority PERMIT_PASSPHRASE_FILE={HERE}/passphrase",
        f"export PERMIT_READERS='desk-1=image:{HERE}/card-1.img;desk-2=image:{HERE}/card-2.img'",
        "# Signing keys that serve for a year, so that the second half needs no new ones.",
        f"sed '1a \"validity\": {json.dumps(VALIDITY)},' {SAMPLES}/authority.json > {HERE}/authority.json",
        *(command.format(here=HERE, samples=HERE) for command in COMMANDS),
        "permit-issuer serve & SERVICE=$!",
        READY,
        "```",
        "",
        "```sh",
        _SHELL.rstrip("\n"),
        "",
    ]
    for step in FIRST:
        lines += curl(step)
    lines += [
        "```",
        "",
        f"The endorsement is due in the month before the full year: the service is started again, {YEAR} days ahead;",
        "it agrees to that only on loopback and with the keys of a demonstration.",
        "",
        "```sh",
        f"kill $SERVICE; wait $SERVICE; permit-issuer serve --days-ahead {YEAR} & SERVICE=$!",
        READY,
        f"YESTERDAY=$(date -u -d '+{YEAR - 1} days' +%F)",
        "",
    ]
    for step in LATER:
        lines += curl(step)
    lines += ["kill $SERVICE; wait $SERVICE; permit-issuer audit verify", "```", "", ""]
    return "\n".join(lines)


def curl(step: Step) -> list[str]:
    """A step as lines of shell."""
    parts = ["curl -sS"]
    if step.method != "GET":
        parts.append(f"-X {step.method}")
    url = _variables(step.path)
    parts.append(f'"$API{url}"')
    if step.who:
        parts.append(f'-H "Authorization: Bearer ${step.who.upper()}"')
        if step.method != "GET":
            parts.append('-H "Idempotency-Key: $(key)"')
    if step.photo is not None:
        parts += ["-H 'Content-Type: image/jpeg'", f"--data-binary @{SAMPLES}/{step.photo}"]
    elif step.body is not None:
        parts += ['-H "$JSON"', f"-d {_body(step.body)}"]
    command = " \\\n  ".join(_wrapped(parts))
    comment = f"# {step.title}" + (f" ({step.status})" if step.status >= 400 else "")
    if step.until is not None:
        name, value = step.until
        return [comment, f'until {command} | grep -q \'"{name}":"{value}"\'; do sleep 1; done', ""]
    if not step.take:
        return [comment, command, ""]
    names = [name for name, _ in step.take.items()]
    if len(names) == 1:
        return [comment, f"{names[0].upper()}=$({command} \\\n  | get {quoted(_path(step.take[names[0]]))})", ""]
    lines = [comment, f"ANSWER=$({command})"]
    lines += [f'{name.upper()}=$(echo "$ANSWER" | get {quoted(_path(path))})' for name, path in step.take.items()]
    return [*lines, ""]


def quoted(text: str) -> str:
    """In single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


def _wrapped(parts: list[str]) -> Iterator[str]:
    line = ""
    for part in parts:
        if line and len(line) + len(part) > 100:
            yield line
            line = part
        else:
            line = f"{line} {part}".strip()
    yield line


def _body(body: Mapping[str, Any]) -> str:
    """JSON in double quotes where something is filled in, else in single ones."""
    text = json.dumps(body, ensure_ascii=False)
    text = text.replace('"{city}"', "{city}")
    if not re.search(r"\{[a-z]+\}", text):
        return quoted(text)
    return '"' + _variables(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _variables(text: str) -> str:
    return re.sub(r"\{([a-z]+)\}", lambda match: "$" + match[1].upper(), text)


def _path(path: str) -> str:
    return "".join(f"[{part}]" if part.isdigit() else f'["{part}"]' for part in path.split("."))


# --- the tables


def _tables() -> str:
    from .app import ROUTERS

    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    tree = app.openapi()
    sections: dict[str, list[str]] = {}
    for path, methods in tree["paths"].items():
        for method, operation in methods.items():
            roles = ", ".join(operation["x-roles"]) or "anybody"
            row = f"| `{method.upper()} {path}` | {operation['summary']} | {roles} | {operation['x-scope']} |"
            sections.setdefault(operation["tags"][0], []).append(row)
    lines = ["## Endpoints", ""]
    for tag, rows in sections.items():
        lines += [f"### {tag.capitalize()}", "", "| | | who | scope |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines) + "\n"


def _problems() -> str:
    lines = ["## Problems", "", "| code | status | what happened | 说明 | what to do |", "|---|---|---|---|---|"]
    for code in (*Reason, *Code):
        text = TEXTS[code]
        lines.append(f"| `{code.value}` | {STATUS[code]} | {text.title[1]} | {text.title[0]} | {text.action[1]} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
