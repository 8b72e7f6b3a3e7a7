"""The description against the service (schemathesis): no 5xx, no undocumented answer, no unsupported method let
through, no endpoint that forgets who is asking. A bounded number of examples; with SOAK=1 many more, as everybody."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks

from issuer.acts import staff
from issuer.domain.roles import Role
from tests.service import house as houses
from tests.service.house import ROLES, House
from tests.store.conftest import _sqlite_template

SOAK = bool(os.environ.get("SOAK"))
EXAMPLES = int(os.environ.get("SOAK_EXAMPLES", "40")) if SOAK else 3
EVERYBODY = (None, *ROLES)
WANTED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
load_all_checks()
schemathesis.openapi.media_type("image/jpeg", st.sampled_from([b"\xff\xd8\xff", b"", b"GIF89a"]))
schemathesis.openapi.media_type("image/jp2", st.sampled_from([b"\x00\x00\x00\x0cjP  ", b""]))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One office for all examples: what one leaves behind, the next one meets."""
    import shutil

    directory: Path = tmp_path_factory.mktemp("described")
    database = shutil.copy(_sqlite_template(), directory / "issuer.db")
    with pytest.MonkeyPatch.context() as patch, houses.opened(directory, f"sqlite:///{database}") as opened:
        patch.setattr(staff, "_hasher", lambda: houses.CHEAP)
        opened.blanks("aa" * 10)
        opened.approved(1)
        yield opened


def _operations(house: House) -> list[Any]:
    schema = schemathesis.openapi.from_dict(house.app.openapi())
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.timeout(4 * 3600 if SOAK else 300)
def test_answers_are_as_described(house: House) -> None:
    """Generated requests, each as an operator who may call the endpoint, and as one who may not."""
    checks = [check for check in CHECKS.get_all() if check.__name__ in WANTED]
    assert len(checks) == len(WANTED)
    operations = _operations(house)
    assert len(operations) > 55
    answered: Counter[int] = Counter()
    for operation in operations:
        if operation.path.endswith("/session") and operation.method.lower() == "delete":
            continue
        roles = operation.definition.raw["x-roles"]
        allowed = Role(roles[0]) if roles else None
        for role in EVERYBODY if SOAK else (allowed,):
            _exercise(house, operation, role, checks, answered)
    print(f"{sum(answered.values())} cases over {len(operations)} operations: {dict(sorted(answered.items()))}")
    assert sum(answered.values()) >= len(operations)


def _exercise(house: House, operation: Any, allowed: Role | None, checks: list[Any], answered: Counter[int]) -> None:
    """As `allowed`; in the short version also as somebody else. The soak has everybody in their turn."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=not SOAK,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), data=st.data())
    def run(case: Any, data: st.DataObject) -> None:
        mine = SOAK or allowed is None or data.draw(st.booleans())
        role = allowed if mine else data.draw(st.sampled_from(ROLES))
        client = house.client() if role is None else house.as_(role, "county", 5)
        kwargs = case.as_transport_kwargs(base_url="http://testserver")
        kwargs["headers"] = {**dict(kwargs.get("headers") or {}), **_authorization(client)}
        answer = client.request(**_for_httpx(kwargs))
        answered[answer.status_code] += 1
        case.validate_response(_response(answer), checks=checks)

    run()


def _authorization(client: Any) -> dict[str, str]:
    value = client.headers.get("Authorization")
    return {} if value is None else {"Authorization": value}


def _for_httpx(kwargs: dict[str, Any]) -> dict[str, Any]:
    known = {name: kwargs[name] for name in ("method", "url", "headers", "params", "json") if name in kwargs}
    if "data" in kwargs:
        known["content"] = kwargs["data"] if isinstance(kwargs["data"], bytes | str) else str(kwargs["data"])
    return known


def _response(answer: Any) -> Any:
    from schemathesis import Response

    return Response(
        status_code=answer.status_code,
        headers={name: [value] for name, value in answer.headers.items()},
        content=answer.content,
        request=requests.Request(answer.request.method, str(answer.request.url)).prepare(),
        elapsed=0.0,
        verify=False,
    )


def test_other_methods_are_refused(house: House) -> None:
    paths: dict[str, set[str]] = {
        path: {method.upper() for method in methods} for path, methods in house.app.openapi()["paths"].items()
    }
    client = house.as_(Role.REGISTRAR, "county", 5)
    for path in paths:
        concrete = path.replace("{", "").replace("}", "")
        fitting = [re.sub(r"\{[a-z]+\}", "[^/]+", other) for other in paths]
        methods = set().union(
            *(found for other, found in zip(fitting, paths.values(), strict=True) if re.fullmatch(other, concrete))
        )
        for method in ({"GET", "POST", "PUT", "PATCH", "DELETE"} - methods) | {"TRACE"}:
            answer = client.request(method, concrete)
            assert answer.status_code == 405, (method, path, answer.status_code)
            assert answer.json()["code"] == "method-not-allowed"
            assert answer.headers["allow"]
