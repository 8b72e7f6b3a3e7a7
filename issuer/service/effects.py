"""The effect of a new version of the rules: worked out once over all holders, shown to each within their district."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from ..domain.places import Place
from ..domain.reasons import Reason, refusal
from ..rules.effect import Effect, Part, effect, part_record, together
from ..rules.rule_set import RuleSet
from ..store import queries
from ..store.models.people import District, Holder
from ..store.unit import Store
from . import entitlements
from .runs import Job, Jobs
from .schemas.effects import DistrictEffectOut, EffectOut, JobOut


def begin(jobs: Jobs, store: Store, new: RuleSet, day: date) -> Job:
    """Start to compare `new` with the version in force. Raises Problem(NO_RULE_SET)."""
    with store.read() as transaction:
        old = entitlements.active(transaction)
        total = transaction.scalar(select(func.count()).select_from(Holder)) or 0

    def work(progress: Callable[[int], None]) -> Effect:
        with store.read() as transaction:
            return effect(old, new, entitlements.batches(transaction), day, progress)

    return jobs.begin(new.version, total, work)


def shown(job: Job, store: Store, reach: Place, district: int | None) -> JobOut:
    """How far it is, and what it found in `district` (None: in all of `reach`). Raises ActRefused(NO_DISTRICT,
    DISTRICT)."""
    result = None
    if job.result is not None:
        with store.read() as transaction:
            result = within(job.result, queries.places(transaction), reach, district)
    return JobOut(
        id=job.id,
        version=job.about,
        begun=job.begun,
        state=job.state,
        done=job.done,
        total=job.total,
        result=result,
    )


def within(found: Effect, tree: Sequence[District], reach: Place, district: int | None) -> EffectOut:
    """The effect on the holders of a district, with the districts below it. Raises ActRefused(NO_DISTRICT,
    DISTRICT)."""
    wanted = next((row for row in tree if row.id == (district or reach.id)), None)
    if wanted is None:
        raise refusal(Reason.NO_DISTRICT, district=district)
    if not reach.covers(wanted.place):
        raise refusal(Reason.DISTRICT)
    inside = [row for row in tree if row.path.startswith(wanted.path)]
    part = together(_parts(found, inside), found.kept)
    record = part_record(part)
    if part.holders == found.whole.holders:
        for code, service in record["services"].items():
            service["kept"] = found.kept[code]
    below = [
        _district(found, row, [other for other in inside if other.path.startswith(row.path)])
        for row in inside
        if row.parent_id == wanted.id
    ]
    here = _district(found, wanted, [wanted])
    if here.holders:
        below.append(here)
    return EffectOut.model_validate(
        {
            "old": found.old,
            "new": found.new,
            "today": found.today,
            "district": wanted.id,
            **record,
            "districts": sorted(below, key=lambda row: (-row.affected, row.code)),
        }
    )


@dataclass(slots=True)
class _Figures:
    holders: int = 0
    affected: int = 0
    gaining: int = 0
    losing: int = 0


def _district(found: Effect, row: District, inside: Sequence[District]) -> DistrictEffectOut:
    figures = _Figures()
    for part in _parts(found, inside):
        figures.holders += part.holders
        figures.affected += part.affected.count
        figures.gaining += part.gaining
        figures.losing += part.losing
    return DistrictEffectOut(
        district=row.id,
        code=row.code,
        name=row.name,
        below=sum(other.parent_id == row.id for other in inside),
        holders=figures.holders,
        affected=figures.affected,
        gaining=figures.gaining,
        losing=figures.losing,
    )


def _parts(found: Effect, rows: Iterable[District]) -> Iterable[Part]:
    return [found.places[row.id] for row in rows if row.id in found.places]
