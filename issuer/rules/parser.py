"""From the JSON of a rule set to `model.Rules`: strict, and it goes on after a mistake to report them all at once.

The form is described in docs/RULES.md. Whether the rules make sense is another question: `issuer.rules.lint`.
"""

# `return self._mistake(...)` notes a mistake and reads as None: the one line that each check needs.
# mypy: disable-error-code="func-returns-value"
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from card_profiles.entitlements.catalogue import Sector

from .facts import FACTS, INDEX, MAX_NUMBER, Fact, Kind, check_name, parse_date
from .faults import Fault, Mistake, RulesRefused
from .model import CLASSES, AllOf, AnyOf, ClassOrBetter, Comparison, Everyone, Node, Not, Rules, ServiceRule
from .needs import MAX_AGE, MAX_MONTHS, Children, Months, Need, OneOf, Range

FORMAT = "residence-permit-rules-1"
MAX_SIZE = 256 * 1024  # bytes
MAX_DEPTH = 12  # of conditions within conditions
MAX_TEXT = 400
_FIELDS = ("format", "version", "effective_from", "zh", "en", "definitions", "eligibility", "classes", "services")
_VERSION = re.compile(r"[0-9]{4}-[1-9][0-9]{0,2}", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_COMPARISONS = {
    Kind.PERIOD: ("at_least", "at_most", "between", "running"),
    Kind.BIRTH: ("at_least", "at_most", "between"),
    Kind.NUMBER: ("at_least", "at_most", "between"),
    Kind.LEVEL: ("at_least", "at_most", "between"),
    Kind.CHOICE: ("in",),
    Kind.CODE: ("in",),
    Kind.BIRTHS: ("any_aged",),
}


def parse(raw: bytes) -> Rules:
    """Read a rule set. Raises RulesRefused with every mistake found."""
    return _Reading().run(raw)


class _Reading:
    """One pass over a file, collecting mistakes. A node that is wrong reads as None."""

    def __init__(self) -> None:
        self._mistakes: list[Mistake] = []
        self._written: Mapping[str, Any] = {}
        self._definitions: dict[str, Node | None] = {}
        self._open: list[str] = []

    def run(self, raw: bytes) -> Rules:
        tree = self._tree(raw)
        self._known(tree, _FIELDS, ("definitions",), "")
        if "format" in tree and tree["format"] != FORMAT:
            self._mistake("format", Fault.WRONG_FORMAT, value=tree["format"], known=FORMAT)
        version = self._text(tree, "version", "")
        if version is not None and _VERSION.fullmatch(version) is None:
            self._mistake("version", Fault.NOT_A_VERSION, value=version)
        effective = self._date(tree, "effective_from")
        zh, en = self._text(tree, "zh", ""), self._text(tree, "en", "")
        self._written = self._object(tree.get("definitions", {}), "definitions") or {}
        for name in self._written:
            if _NAME.fullmatch(name) is None or name in INDEX:
                self._mistake(f"definitions/{name}", Fault.UNKNOWN_FIELD, value=name, known=_NAME.pattern)
            self._definition(name, "definitions")
        eligibility = self._node(tree["eligibility"], "eligibility", False) if "eligibility" in tree else None
        classes = self._classes(tree["classes"]) if "classes" in tree else {}
        services = self._services(tree["services"]) if "services" in tree else {}
        if self._mistakes or version is None or effective is None or zh is None or en is None or eligibility is None:
            raise RulesRefused(tuple(self._mistakes))
        return Rules(
            version=version,
            effective_from=effective,
            zh=zh,
            en=en,
            definitions={name: node for name, node in self._definitions.items() if node is not None},
            eligibility=eligibility,
            classes=classes,
            services=services,
        )

    # --- the parts of the file

    def _tree(self, raw: bytes) -> Mapping[str, Any]:
        if len(raw) > MAX_SIZE:
            raise RulesRefused((Mistake(path="", fault=Fault.TOO_LARGE, details={"known": str(MAX_SIZE)}),))
        try:
            tree = json.loads(raw, object_pairs_hook=self._unique)
        except (ValueError, RecursionError) as error:
            raise RulesRefused((Mistake(path="", fault=Fault.NOT_JSON, details={"value": str(error)}),)) from error
        if not isinstance(tree, dict):
            raise RulesRefused((Mistake(path="", fault=Fault.NOT_AN_OBJECT),))
        return tree

    def _unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for name, value in pairs:
            if name in tree:
                self._mistake(name, Fault.DUPLICATE, value=name)
            tree[name] = value
        return tree

    def _classes(self, tree: object) -> dict[int, Node]:
        found: dict[int, Node] = {}
        named = self._object(tree, "classes")
        if named is None:
            return found
        self._known(named, tuple(map(str, CLASSES)), (), "classes/")
        for permit_class in CLASSES:
            if str(permit_class) in named:
                node = self._node(named[str(permit_class)], f"classes/{permit_class}", False)
                found |= {permit_class: node} if node is not None else {}
        return found

    def _services(self, tree: object) -> dict[str, ServiceRule]:
        found: dict[str, ServiceRule] = {}
        for code, written in (self._object(tree, "services") or {}).items():
            path = f"services/{code}"
            try:
                Sector.of_code(code)
            except ValueError:
                self._mistake(path, Fault.NOT_A_CODE, value=code)
            service = self._object(written, path)
            if service is None:
                continue
            self._known(service, ("when", "note", "falling"), ("note", "falling"), path + "/")
            node = self._node(service["when"], f"{path}/when", True) if "when" in service else None
            note = self._text(service, "note", path + "/") if "note" in service else ""
            falling = self._falling(service.get("falling", []), f"{path}/falling")
            if node is not None:
                found[code] = ServiceRule(code=code, when=node, note=note or "", falling=falling)
        return found

    def _falling(self, names: object, path: str) -> frozenset[str]:
        for at, name in enumerate(self._list(names, path, empty=True)):
            if not isinstance(name, str):
                self._mistake(f"{path}/{at}", Fault.NOT_TEXT)
            elif (fault := check_name(name)) is not None:
                self._mistake(f"{path}/{at}", fault, value=name, known=", ".join(INDEX))
        return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()

    # --- conditions

    def _node(self, tree: object, path: str, classes: bool, negated: bool = False) -> Node | None:
        """`classes`: a permit class may be asked for here; not under a `not`, for a better class costs no service."""
        if path.count("/") > MAX_DEPTH * 2:
            return self._mistake(path, Fault.TOO_DEEP, known=MAX_DEPTH)
        named = self._object(tree, path)
        if named is None:
            return None
        if len(named) != 1:
            return self._mistake(path, Fault.NOT_ONE_KEY, value=", ".join(named) or "-")
        ((name, value),) = named.items()
        path = f"{path}/{name}"
        match name:
            case "everyone":
                return Everyone(path=path) if value is True else self._mistake(path, Fault.OUT_OF_RANGE, known="true")
            case "all_of" | "any_of":
                items = [
                    self._node(item, f"{path}/{at}", classes, negated)
                    for at, item in enumerate(self._list(value, path))
                ]
                sound = tuple(item for item in items if item is not None)
                return AllOf(path=path, items=sound) if name == "all_of" else AnyOf(path=path, items=sound)
            case "not":
                item = self._node(value, path, classes, True)
                return None if item is None else Not(path=path, item=item)
            case "see":
                return self._definition(value, path) if isinstance(value, str) else self._mistake(path, Fault.NOT_TEXT)
            case "permit_class":
                return self._class_or_better(value, path, classes and not negated)
        fault = check_name(name)
        if fault is not None:
            return self._mistake(path, fault, value=name, known=", ".join(INDEX))
        return self._comparison(FACTS[INDEX[name]], value, path)

    def _definition(self, name: str, path: str) -> Node | None:
        if name not in self._written:
            return self._mistake(path, Fault.UNKNOWN_DEFINITION, value=name, known=", ".join(self._written) or "-")
        if len(self._open) >= MAX_DEPTH:
            return self._mistake(path, Fault.TOO_DEEP, known=MAX_DEPTH)
        if name in self._open:
            return self._mistake(path, Fault.CIRCULAR, value=" > ".join((*self._open, name)))
        if name not in self._definitions:
            self._open.append(name)
            # A definition may stand under a `not` somewhere, so it never asks for a class.
            self._definitions[name] = self._node(self._written[name], f"definitions/{name}", False)
            self._open.pop()
        return self._definitions[name]

    def _class_or_better(self, value: object, path: str, allowed: bool) -> Node | None:
        if not allowed:
            return self._mistake(path, Fault.CLASS_HERE)
        named = self._object(value, path) or {}
        worst = named.get("at_most")
        if set(named) != {"at_most"} or type(worst) is not int or worst not in CLASSES[:-1]:
            return self._mistake(path, Fault.OUT_OF_RANGE, known='{"at_most": 1}, {"at_most": 2}')
        return ClassOrBetter(path=path, worst=worst)

    def _comparison(self, fact: Fact, value: object, path: str) -> Node | None:
        named = self._object(value, path)
        if named is None:
            return None
        if len(named) != 1:
            return self._mistake(path, Fault.NOT_ONE_KEY, value=", ".join(named) or "-")
        ((name, threshold),) = named.items()
        path = f"{path}/{name}"
        if name not in _COMPARISONS[fact.kind]:
            return self._mistake(path, Fault.UNKNOWN_COMPARISON, value=name, known=", ".join(_COMPARISONS[fact.kind]))
        need = self._need(fact, name, threshold, path)
        return None if need is None else Comparison(path=path, fact=INDEX[fact.name], need=need)

    def _need(self, fact: Fact, name: str, threshold: object, path: str) -> Need | None:
        if name == "running":
            if isinstance(threshold, bool):
                return Months(running=threshold)
            return self._mistake(path, Fault.OUT_OF_RANGE, known="true, false")
        if name == "in":
            return self._one_of(fact, threshold, path)
        if name == "any_aged":
            window = self._pair(threshold, path, 0, MAX_AGE)
            return None if window is None else Children(some=frozenset({window}))
        bounds: tuple[int | None, int | None] | None
        if name == "between":
            bounds = self._pair(threshold, path, *_bounds(fact)) if fact.kind is not Kind.LEVEL else None
            if fact.kind is Kind.LEVEL:
                names = self._list(threshold, path)
                ends = [self._bound(fact, end, f"{path}/{at}") for at, end in enumerate(names)]
                if len(ends) == 2 and ends[0] is not None and ends[1] is not None and ends[0] <= ends[1]:
                    bounds = (ends[0], ends[1])
                else:
                    self._mistake(path, Fault.OUT_OF_RANGE, known=", ".join(fact.choices))
        else:
            bound = self._bound(fact, threshold, path)
            bounds = None if bound is None else (bound, None) if name == "at_least" else (None, bound)
        if bounds is None:
            return None
        low, high = bounds
        top = len(fact.choices) - 1 if fact.kind is Kind.LEVEL else None
        if name != "between" and (low == 0 or high == top is not None):
            return self._mistake(path, Fault.OUT_OF_RANGE, known="a threshold that somebody misses")
        return Months(low or 0, high) if fact.kind is Kind.PERIOD else Range(low, high)

    def _one_of(self, fact: Fact, names: object, path: str) -> Need | None:
        found: set[str] = set()
        before = len(self._mistakes)
        for at, name in enumerate(self._list(names, path)):
            if not isinstance(name, str):
                self._mistake(f"{path}/{at}", Fault.NOT_TEXT)
            elif fact.kind is Kind.CODE and re.fullmatch(r"[A-Z0-9-]{1,20}", name, re.ASCII) is None:
                self._mistake(f"{path}/{at}", Fault.NOT_A_CODE, value=name)
            elif fact.kind is Kind.CHOICE and name not in fact.choices:
                self._mistake(f"{path}/{at}", Fault.UNKNOWN_CHOICE, value=name, known=", ".join(fact.choices))
            elif name in found:
                self._mistake(f"{path}/{at}", Fault.DUPLICATE, value=name)
            else:
                found.add(name)
        if fact.choices and found == set(fact.choices):
            return self._mistake(path, Fault.OUT_OF_RANGE, known="a choice that somebody misses")
        return OneOf(frozenset(found)) if found and len(self._mistakes) == before else None

    def _bound(self, fact: Fact, value: object, path: str) -> int | None:
        if fact.kind is Kind.LEVEL:
            if value in fact.choices and isinstance(value, str):
                return fact.choices.index(value)
            return self._mistake(path, Fault.UNKNOWN_CHOICE, value=value, known=", ".join(fact.choices))
        least, most = _bounds(fact)
        if type(value) is not int:
            return self._mistake(path, Fault.NOT_A_NUMBER, value=value)
        if not least <= value <= most:
            return self._mistake(path, Fault.OUT_OF_RANGE, known=f"{least} … {most}")
        return value

    def _pair(self, value: object, path: str, least: int, most: int) -> tuple[int, int] | None:
        ends = self._list(value, path)
        if len(ends) != 2 or any(type(end) is not int for end in ends) or not least <= ends[0] <= ends[1] <= most:
            return self._mistake(path, Fault.OUT_OF_RANGE, known=f"[{least} … {most}, ≥]")
        return ends[0], ends[1]

    # --- values

    def _object(self, value: object, path: str) -> Mapping[str, Any] | None:
        return value if isinstance(value, dict) else self._mistake(path, Fault.NOT_AN_OBJECT)

    def _list(self, value: object, path: str, *, empty: bool = False) -> list[Any]:
        if not isinstance(value, list):
            self._mistake(path, Fault.NOT_A_LIST)
            return []
        if not value and not empty:
            self._mistake(path, Fault.EMPTY)
        return value

    def _text(self, tree: Mapping[str, Any], name: str, prefix: str) -> str | None:
        value = tree.get(name)
        if name not in tree:
            return None
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT or not value.isprintable():
            return self._mistake(prefix + name, Fault.NOT_TEXT)
        return value

    def _date(self, tree: Mapping[str, Any], name: str) -> date | None:
        text = self._text(tree, name, "")
        try:
            return None if text is None else parse_date(text)
        except ValueError:
            return self._mistake(name, Fault.NOT_A_DATE, value=text)

    def _known(self, tree: Mapping[str, Any], names: tuple[str, ...], optional: tuple[str, ...], prefix: str) -> None:
        for name in tree:
            if name not in names:
                self._mistake(prefix + name, Fault.UNKNOWN_FIELD, value=name, known=", ".join(names))
        for name in names:
            if name not in tree and name not in optional:
                self._mistake(prefix + name, Fault.MISSING)

    def _mistake(self, path: str, fault: Fault, **details: object) -> None:
        texts = {name: _printable(str(value)[:MAX_TEXT]) for name, value in details.items()}
        self._mistakes.append(Mistake(path=_printable(path), fault=fault, details=texts))


def _bounds(fact: Fact) -> tuple[int, int]:
    """The least and the greatest threshold that a fact can have."""
    return (0, {Kind.PERIOD: MAX_MONTHS, Kind.BIRTH: MAX_AGE}.get(fact.kind, MAX_NUMBER))


def _printable(text: str) -> str:
    """A lone surrogate out of a \\u escape must not break the terminal that shows the mistake."""
    return text.encode("utf-8", "backslashreplace").decode()
