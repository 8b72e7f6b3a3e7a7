"""The authority's keys over time, and how far the lists are: to look at. Keys are made and changed in a ceremony."""

from __future__ import annotations

from starlette.responses import Response

from keys.authority.authority import Authority
from keys.commands.messages import purpose_name
from keys.foresight import timeline, timeline_picture
from keys.foresight.timeline import Task

from ...service.problem_texts import Code
from ...service.problems import Problem
from ...service.routers import audit
from ...texts import Language
from ..site import PREFIX, Page, Site, View

site = Site()


@site.page("/keys", audit.keys)
def show(view: View) -> Page:
    """What each is for, how long it serves, what is to be done next."""
    found = audit.keys(view.call)
    tasks: tuple[Task, ...] = ()
    now = view.call.store.now()
    if found.keys:
        try:
            tasks = timeline.tasks(Authority.look(view.service.settings.home), now)
        except Exception:  # an authority that can be read, and a piece of it that cannot
            tasks = ()
    lang = view.lang.value
    side = 0 if lang == "zh" else 1
    context = {
        "found": found,
        "purposes": {key.purpose: purpose_name(key.purpose, lang) for key in found.keys},
        "states": {state.value: words[side] for state, words in timeline_picture.STATES.items()},
        "tasks": [
            {
                "what": timeline_picture.TASKS[task.kind][side],
                "subjects": ", ".join(task.subjects),
                "due": task.due,
                "late": task.is_overdue(now),
                "command": task.command,
            }
            for task in tasks[:20]
        ],
        "list": audit.status_list(view.call),
        "now": now,
    }
    return Page(template="keys.html", title="keys.title", context=context)


@site.page("/keys/timeline.svg", audit.keys)
def picture(view: View) -> Response:
    """The picture of `permit-keys status`, drawn from the public half of the registry."""
    now = view.call.store.now()
    try:
        authority = Authority.look(view.service.settings.home)
        tasks = timeline.tasks(authority, now)
        settings = authority.settings
        name = settings.name_zh if view.lang is Language.ZH else settings.name_en
        text = timeline_picture.draw(authority.registry.keys, tasks, now=now, name=name, language=view.lang.value)
    except Exception as error:
        raise Problem(Code.KEYS_UNUSABLE, reason=type(error).__name__) from error
    policy = "default-src 'none'; style-src 'none'; frame-ancestors 'none'"
    return Response(text, media_type="image/svg+xml", headers={"Content-Security-Policy": policy})


@site.form("/keys/publish", audit.publish, back=show)
def publish(view: View) -> str:
    """The status list now, and not only when the clock of the service does."""
    receipt = audit.publish(view.call)
    return f"{PREFIX}/keys?published={receipt.data['count']}"


@site.form("/keys/checkpoint", audit.sign_checkpoint, back=show)
def checkpoint(view: View) -> str:
    """The audit signer's word on the chain as it stands."""
    audit.sign_checkpoint(view.call)
    return f"{PREFIX}/keys?signed=1"
