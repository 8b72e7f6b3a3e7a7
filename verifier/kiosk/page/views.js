// What the page shows in each phase. Each function makes the content of <main> anew from what is known.

import { cardPicture, h, icon } from "./parts.js";

const FACETS = ["genuine", "current", "entitled", "data_age"];
// What the services say themselves is not said twice.
const TOLD_BY_SERVICES = ["service-expired", "service-not-in-catalogue", "service-of-other-sector"];

// The card grants the service; it is our own data that keeps it back.
const DATA_TOO_OLD = ["trust-too-old-for-services", "status-list-too-old-for-services"];

export function idle(words, service, acts) {
  if (service.reason) return notice(words, "warning", words.say("down_title"), words.reason(service.reason));
  return h("section", { class: "stage" },
    cardPicture("idle"),
    h("h1", { tabindex: -1 }, words.say("idle_title")),
    h("p", { class: "hint" }, words.say("idle_hint")),
    scanTools(words, acts));
}

export function scanTools(words, acts) {
  const file = h("input", {
    type: "file", accept: "image/png,image/jpeg", class: "unseen", tabindex: -1, "aria-hidden": "true", id: "file",
    onchange: (event) => { acts.picture(event.target.files[0]); event.target.value = ""; },
  });
  return h("div", { class: "tools" },
    h("button", { type: "button", class: "quiet", id: "picture", onclick: () => file.click() }, words.say("picture")), file,
    h("button", { type: "button", class: "quiet", id: "camera", onclick: acts.camera }, words.say("camera")));
}

export function seen(words) {
  return h("section", { class: "stage" }, cardPicture("seen"),
    h("h1", { tabindex: -1 }, words.say("seen_title")), h("p", { class: "hint" }, words.say("seen_hint")));
}

export function ask(words, word, typed, acts) {
  const field = h("input", {
    id: "can", class: "digits", inputmode: "numeric", autocomplete: "off", maxlength: 6, pattern: "[0-9]*",
    "aria-label": words.say("can"), "aria-describedby": "ask-note", value: typed,
    oninput: (event) => { event.target.value = event.target.value.replace(/\D/g, ""); acts.typed(event.target.value); },
    onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); acts.open(); } },
  });
  const put = (digit) => () => acts.key(digit);
  const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map((digit) =>
    h("button", { type: "button", class: "key", tabindex: -1, onclick: put(digit) }, digit));
  return h("section", { class: "ask" },
    h("div", {},
      h("h1", { tabindex: -1 }, words.say("ask_title")),
      field,
      h("p", { id: "ask-note", class: word.reason ? "note wrong" : "note" },
        word.reason ? [icon("failed"), words.reason(word.reason)] : words.say("ask_hint")),
      h("div", { class: "with-picture" }, cardPicture("shows-can"), scanTools(words, acts))),
    h("div", { class: "keypad", role: "group", "aria-label": words.say("keypad") }, keys,
      h("button", { type: "button", class: "key small", tabindex: -1, onclick: put("erase") }, words.say("erase")),
      h("button", { type: "button", class: "key", tabindex: -1, onclick: put("0") }, "0"),
      h("button", { type: "button", class: "key small go", id: "open", onclick: acts.open }, words.say("open"))));
}

const ORDER = ["1", "2", "3", "8"];

function howFar(word) {
  return Math.max(0, ORDER.indexOf(word.number)) + (word.total ? word.done / word.total : 0);
}

// Only what moves: the page is not made anew for each command.
export function readOn(words, word) {
  const bar = document.getElementById("how-far");
  if (!bar) return false;
  bar.value = howFar(word);
  document.getElementById("which-step").textContent = words.step(word.number);
  return true;
}

export function reading(words, word) {
  return h("section", { class: "stage" }, cardPicture("reading"),
    h("h1", { tabindex: -1 }, words.say("reading_title")),
    h("progress", { id: "how-far", max: ORDER.length, value: howFar(word), "aria-label": words.say("reading_title") }),
    h("p", { class: "hint", id: "which-step" }, words.step(word.number)));
}

const BLAME = { 1: "failed", 2: "warning", 3: "not-checked" }; // the card, the reading, our own data

export function failed(words, word, acts, isCode) {
  return notice(words, BLAME[word.answer.exit_code], words.say("failed_title"), words.reason(word.reason),
    isCode
      ? h("button", { type: "button", id: "clear", onclick: acts.clear }, words.say("clear"))
      : h("button", { type: "button", id: "again", onclick: acts.again }, words.say("again")));
}

export function lost(words) {
  return notice(words, "not-checked", words.say("lost_title"), words.say("lost_hint"));
}

export function putAway(words, acts) {
  return h("section", { class: "stage" }, cardPicture("seen"), h("h1", { tabindex: -1 }, words.say("seen_title")),
    h("button", { type: "button", id: "again", onclick: acts.again }, words.say("again")));
}

function notice(words, outcome, title, sentence, ...more) {
  return h("section", { class: `stage notice ${outcome}` }, icon(outcome),
    h("h1", { tabindex: -1 }, title), h("p", { class: "sentence" }, sentence), ...more);
}

// --- the verdict ----------------------------------------------------------------------------------------------------

export function verdict(words, word, state, acts) {
  const answer = word.answer;
  const printed = answer.assurance === "printed";
  return h("article", { class: "verdict" },
    h("h1", { tabindex: -1, class: "unseen" }, words.say("verdict_title")),
    printed && h("p", { class: "lower" }, icon("warning"), h("span", {}, h("strong", {}, words.say("printed")), " ",
      words.say("chip_adds"), answer.chip_adds.map((number) => words.step(number)).join(words.language === "zh" ? "、" : ", "),
      words.language === "zh" ? "。" : ". ", words.say("put_card"))),
    h("div", { class: "facets" }, FACETS.map((name) => facet(words, name, answer))),
    h("div", { class: "columns" },
      answer.holder ? holder(words, word, answer, state, acts) : null,
      h("div", { class: "side" }, services(words, word, answer, state), verdictTools(words, word, printed, state, acts))));
}

function verdictTools(words, word, printed, state, acts) {
  return h("div", { class: "tools" },
    !printed && words.tree.save && word.evidence && !state.saved &&
      h("button", { type: "button", class: "quiet", id: "save", onclick: acts.save }, words.say("save")),
    state.saved && h("p", { class: "saved", role: "status" },
      state.saved.saved ? words.say("saved") + state.saved.saved : words.say("save_failed") + words.pair(state.saved.failed)),
    h("button", { type: "button", class: "quiet", id: "clear", onclick: acts.clear }, words.say("clear")));
}

function facet(words, name, answer) {
  const one = answer.facets[name];
  const told = one.reasons.filter((reason) => !TOLD_BY_SERVICES.includes(reason));
  const reasons = told.length > 1 ? told.filter((reason) => reason !== "not-checked") : told;
  const forged = answer.facets.genuine.outcome === "failed"; // then nothing else on the card is looked at
  const granted = answer.services.filter((service) => service.entitled).length;
  const number = name === "entitled" && one.outcome === "passed" && answer.accepted;
  const held = name === "entitled" && one.outcome === "passed" && !answer.accepted; // on the card, and not to be given
  const copied = name === "current" && forged && one.outcome === "passed"; // true of the data, and not of this card
  const shape = held || copied ? "not-checked" : one.outcome;
  return h("section", { class: `facet ${shape}`, id: `facet-${name}`, "data-outcome": one.outcome },
    h("h2", {}, words.say(name)),
    h("p", { class: "answer" }, icon(shape), h("strong", {}, words.say(held ? "service_held" : shape))),
    held || copied ? h("p", { class: "why" }, words.say(held ? "held_because" : "copied_because")) : null,
    number ? h("p", { class: "why" }, words.say("said_entitled").replace("{n}", granted)) : null,
    reasons.map((reason) => h("p", { class: "why", "data-reason": reason },
      reason === "not-checked" && forged && name !== "genuine" ? words.say("because_not_genuine") : words.reason(reason))),
    name === "data_age" ? h("p", { class: "why ages" },
      `${words.say("trust")} ${words.age(answer.data.trust_signed, answer.at)} · `,
      `${words.say("status")} ${words.age(answer.data.status_signed, answer.at)}`) : null);
}

function holder(words, word, answer, state, acts) {
  const one = answer.holder;
  const rows = [
    ["number", one.number], ["born", one.birth_date], ["sex", words.say(`sex_${one.sex}`) || one.sex],
    ["class", one.class], ["endorsed", answer.valid_until && answer.valid_until.slice(0, 10)],
    ["authority", one.authority], ["address", answer.address],
  ].filter(([, value]) => value);
  return h("section", { class: "holder" },
    portrait(words, word, answer, state, acts),
    h("div", { class: "who" },
      h("p", { class: "name" }, one.name_native || one.name_latin),
      one.name_native ? h("p", { class: "latin" }, one.name_latin) : null,
      h("dl", {}, rows.map(([label, value]) => h("div", {}, h("dt", {}, words.say(label)), h("dd", {}, String(value))))),
      compare(words, word, state, acts)));
}

function portrait(words, word, answer, state, acts) {
  if (answer.assurance === "printed") {
    return h("div", { class: "portrait none" }, h("p", {}, words.say("portrait_print")));
  }
  if (word.portrait === "ready") {
    const image = acts.image(word.check);
    image.alt = words.say("portrait");
    return h("figure", { class: "portrait" }, image, h("figcaption", {}, words.say("portrait")));
  }
  const coming = word.portrait === "coming";
  return h("div", { class: "portrait none" }, h("p", {}, words.say(coming ? "portrait_coming" : "portrait_none")),
    coming ? h("progress", { "aria-label": words.say("portrait_coming") }) : null);
}

function compare(words, word, state, acts) {
  if (word.portrait !== "ready") return null;
  if (state.compared) {
    const good = state.compared === "same";
    return h("p", { class: `compared ${good ? "passed" : "failed"}`, id: "compared" },
      icon(good ? "passed" : "failed"), words.say(good ? "same_said" : "other_said"));
  }
  return h("fieldset", { class: "compare" }, h("legend", {}, words.say("compare")),
    h("button", { type: "button", id: "same", onclick: () => acts.compared("same") }, words.say("same")),
    h("button", { type: "button", id: "other", class: "quiet", onclick: () => acts.compared("other") }, words.say("other")));
}

function services(words, word, answer, state) {
  const another = state.compared === "other";
  const held = !answer.accepted || another;
  const others = word.others || [];
  if (!answer.services.length && !others.length) return null;
  return h("section", { class: "services" },
    h("h2", {}, held && answer.services.length ? words.say(another ? "services_another" : "services_held") : words.say("services")),
    h("ul", {}, answer.services.map((service) => {
      const undecided = service.entitled ? held : DATA_TOO_OLD.includes(service.reason);
      const outcome = undecided ? "not-checked" : service.entitled ? "passed" : "failed";
      const key = { failed: "service_no", "not-checked": "service_held", passed: "service_yes" }[outcome];
      return h("li", { class: outcome, "data-code": service.code }, icon(outcome),
        h("div", {}, h("strong", {}, words.name(service) || service.code),
          h("span", { class: "why" }, `${words.say(key)} · ${words.say("until")}${service.until}`),
          service.reason ? h("span", { class: "why" }, words.reason(service.reason)) : null),
        h("span", { class: "code" }, service.code));
    })),
    others.length ? h("details", {}, h("summary", {}, `${words.say("not_on_card")} (${others.length})`),
      h("ul", { class: "others" }, others.map((service) => h("li", {}, `${service.code} ${words.name(service)}`)))) : null);
}

export function summary(words, word) {
  const answer = word.answer;
  const granted = answer.services.filter((service) => service.entitled).length;
  const parts = FACETS.map((name) => `${words.say(name)} ${words.say(answer.facets[name].outcome)}`);
  if (answer.accepted) parts.push(words.say("said_entitled").replace("{n}", granted));
  parts.push(...answer.reasons.filter((reason) => reason !== "not-checked").map((reason) => words.reason(reason)));
  if (answer.assurance === "printed") parts.unshift(words.say("printed"));
  return parts.map((part) => part.replace(/[.。]$/, "")).join(words.language === "zh" ? "。" : ". ");
}

// --- head and foot --------------------------------------------------------------------------------------------------

export function head(words, data, acts) {
  const outcome = data.outcome || "not-checked";
  const word = words.say(outcome === "passed" ? "fresh" : "stale");
  return [
    h("div", { class: "title" }, h("strong", {}, words.sector()), h("span", {}, words.tree.name || words.say("title"))),
    data.outcome ? h("div", { class: `own ${outcome}`, id: "own-data", title: (data.reasons || []).map((one) => words.reason(one)).join(" ") },
      icon(outcome), h("span", {}, `${words.say("data")} ${word}`,
        h("small", {}, data.trust_signed ? words.age(data.trust_signed, new Date()) : words.say("missing")))) : null,
    words.several ? h("button", { type: "button", id: "language", class: "quiet", "aria-label": words.say("language_label"),
      "aria-keyshortcuts": "F2", onclick: acts.language }, words.say("other_language")) : null,
  ];
}

export function foot(words, data, places, active, acts) {
  const reasons = (data.reasons || []).map((reason) =>
    h("p", { class: `data-reason ${data.outcome}` }, icon(data.outcome), words.reason(reason)));
  const readers = [...places.values()].filter((word) => word.place !== "code");
  return [
    reasons,
    readers.length > 1 ? h("nav", { "aria-label": words.say("readers") }, readers.map((word) =>
      h("button", { type: "button", class: "place", "aria-pressed": word.place === active ? "true" : "false",
        onclick: () => acts.choose(word.place) }, `${word.reader} · ${words.say(`phase_${word.phase}`)}`))) : null,
    h("p", { class: "keys" }, words.say("keys")),
  ];
}
