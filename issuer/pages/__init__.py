"""The desk: pages for registrar, approver, auditor and key administrator, rendered by the service itself.

    app.py         the application below /desk, its headers, how a page is rendered
    site.py        Page, View, Site: how a page is declared, who may see it, what happens to a form
    parts/         the pages, one module for each part of the work; `parts.PARTS` lists them
    templates/     base.html is the frame, macros.html the components, icons.html the icons
    static/        one style sheet, small scripts
    texts/         every text, (Chinese, English); `texts.TABLES` lists the tables
    steps.py       the way of an application: which step comes next, on which page, by whom
    receipts.py    what was done last, told on the page after it
    days.py        dates and moments, one form in a language
    kept.py        what was typed when the session ended, sealed for whoever typed it
    figures.py     look-ups that the API has no list for
    refusals.py    what a page says when something is not done
    navigation.py  the entries at the side

**How a page is added**

1. A module in `parts/` with its `site`, and its line in `PARTS`:

       site = Site()

       @site.page("/applications/{application}/handover", applications.hand_over)
       def show(view: View, application: int) -> Page:
           found = applications.application(application, view.call, Response())
           return Page(template="handover.html", title="handover.title", context={"found": found})

       @site.form("/applications/{application}/handover", applications.hand_over, back=show)
       def hand_over(view: View, application: int) -> str:
           applications.hand_over(application, HandOverIn(slip=view.text("slip")), view.call)
           return then(view, f"{PREFIX}/applications/{application}")

   The second argument is the API's endpoint, a function of `issuer.service.routers`: its declaration (roles, scope) is
   what is enforced, and its function is what is called, so district and four eyes are asked there and nowhere else. A
   name in braces must stand in `site.PARAMETERS`. What a form raises (Problem, ActRefused, ValidationError) is told on
   the page `back`, with what was typed; `view.sent` is true there. It gives the address where it goes on: `then` adds
   the receipt, and the page says ``done.ACT``. A form that shows a page instead gives a Page, or any Response.

2. A template that extends base.html. `ui` are the components, `t(key, …)` the texts, `day()` and `clock()` dates and
   moments (`said()` those within a text), `may(Act.X)` whether to show a button, `known(key)` whether there is a
   text, `prefix` is /desk. A form:

       {% block language %}{{ ui.language_switch("main") }}{% endblock %}
       <form id="main" method="post">{{ ui.guard(found.version) }}
         {{ ui.field("slip", t("handover.slip"), attributes={"inputmode": "numeric"}) }}
         {{ ui.submit(t("handover.button")) }}
       </form>

   `ui.guard` puts in the session's CSRF token, a new Idempotency-Key, and the version for "changed meanwhile". The
   language switch of a page with a form is a button of that form (its id), so that nothing typed is lost. Fields show
   what was typed and what was wrong with it by themselves; their names are those of the API's record where it has one.

3. Its texts in a table of `texts/`, its entry in `navigation.ENTRIES` if it is a place to start from, and the act's
   sentence as ``done.ACT``.

4. Every page says the next step and has a button for it (`ui.next_step`). No inline script and no style attribute:
   the policy refuses both. A script is a file in static/, loaded in `{% block scripts %}` with ``defer``, and the page
   works without it. To call the API from one: same origin, the header X-CSRF-Token with the value of the form's
   ``_csrf``, and Accept-Language with ``document.documentElement.lang``.

5. Lists are read by keyset pages (`service.pages`, `ui.pager`), names for them in one look-up (`figures.people`).
"""
