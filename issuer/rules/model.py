"""A rule set as it is written: conditions as a tree, each node with its path in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from .needs import Need

CLASSES = (1, 2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Everyone:
    """Holds for everybody, even where nothing is known."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One fact (its place in `facts.FACTS`) against a threshold."""

    path: str
    fact: int
    need: Need


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassOrBetter:
    """The permit class is `worst` or a better one (1 is the best)."""

    path: str
    worst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    path: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    path: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    path: str
    item: Node


Node: TypeAlias = Everyone | Comparison | ClassOrBetter | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRule:
    """When a service is granted, beside eligibility. `falling`: facts of which more may end it, by intention."""

    code: str
    when: Node
    note: str = ""
    falling: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The parsed file. `definitions` are already in their places; they are kept for `show`."""

    version: str
    effective_from: date
    zh: str
    en: str
    definitions: Mapping[str, Node]
    eligibility: Node
    classes: Mapping[int, Node]
    services: Mapping[str, ServiceRule]
