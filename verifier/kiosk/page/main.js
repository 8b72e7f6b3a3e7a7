// The page of a counter: hears what happens at the readers, shows it, and sends what the clerk does.

import { Camera } from "./camera.js";
import { listenForScanner } from "./input.js";
import { h, Words } from "./parts.js";
import * as views from "./views.js";

const SILENCE = 12000; // milliseconds without a sign of life: then nothing on the screen can be trusted
const CODE = "code";

const main = document.getElementById("main");
const places = new Map(); // the last word of each reader, and of the printed codes
let words = null;
let service = { reason: null, readers: [] };
let data = {};
let active = null;
let isLost = false;
let shownKey = "";
let typed = "";
let heard = 0;
let local = fresh();
const images = new Map(); // portraits by check, for as long as they show

function fresh() {
  return { compared: null, saved: null, away: false };
}

// --- to the verifier ------------------------------------------------------------------------------------------------

async function post(path, body, type = "application/json") {
  const raw = type === "application/json" ? JSON.stringify(body) : body;
  return fetch(path, { method: "POST", headers: { "Content-Type": type }, body: raw, cache: "no-store" });
}

function where() {
  const word = places.get(active) || {};
  return active && active !== CODE ? { lane: active, visit: word.visit || 0 } : { lane: "", visit: 0 };
}

const acts = {
  typed(value) {
    typed = value;
    if (typed.length === 6) acts.open();
  },
  key(key) {
    typed = key === "erase" ? typed.slice(0, -1) : (typed + key).slice(0, 6);
    const field = document.getElementById("can");
    if (field) field.value = typed;
    if (key !== "erase" && typed.length === 6) acts.open();
  },
  async open() {
    const place = where();
    const can = typed;
    typed = "";
    const field = document.getElementById("can");
    if (field) field.value = "";
    const answer = await post("/page/password", { ...place, can });
    if (answer.status === 422) {
      const word = places.get(place.lane);
      if (word && word.phase === "ask") {
        places.set(place.lane, { ...word, reason: (await answer.json()).reason });
        render(true);
      }
    }
  },
  async again() {
    const place = where();
    local = fresh();
    await post("/page/again", place);
  },
  async clear() {
    if (active === CODE) {
      await post("/page/clear", {});
    } else if ((places.get(active) || {}).phase === "verdict") {
      local.away = true;
      images.clear();
      render(true);
    }
  },
  async save() {
    const word = places.get(active);
    const answer = await post("/page/save", { check: word.check });
    local.saved = await answer.json().catch(() => ({ failed: [String(answer.status), String(answer.status)] }));
    render();
  },
  compared(how) {
    local.compared = how;
    render();
    if (how === "other") tell("alarm", words.say("other_said"));
    const told = document.getElementById("compared");
    if (told) { told.tabIndex = -1; told.focus(); }
  },
  image(check) {
    if (!images.has(check)) {
      images.clear();
      images.set(check, h("img", { src: `/page/portrait/${check}`, id: "portrait" }));
    }
    return images.get(check);
  },
  language() {
    words.next();
    render();
    const button = document.getElementById("language");
    if (button && document.activeElement === document.body) button.focus();
  },
  choose(place) {
    active = place;
    settle();
  },
  async picture(file) {
    if (file) await post(query("/page/picture"), file, file.type || "application/octet-stream");
  },
  async camera() {
    if (camera.running) {
      camera.stop();
      render(true);
      return;
    }
    try {
      await camera.start();
    } catch {
      camera.stop();
      tell("alarm", words.say("camera_none"));
      const hint = main.querySelector(".hint, .note");
      if (hint) hint.textContent = words.say("camera_none");
      return;
    }
    render(true);
    if (await camera.search()) {
      camera.stop();
      render(true);
    }
  },
};

function query(path, more = {}) {
  return `${path}?${new URLSearchParams({ ...where(), ...more })}`;
}

const camera = new Camera(async (grey, width, height) => {
  const answer = await post(query("/page/frame", { width, height }), grey, "application/octet-stream");
  return answer.ok && (await answer.json()).found;
});

// --- on the screen --------------------------------------------------------------------------------------------------

function tell(id, text) {
  document.getElementById(id).textContent = text;
}

function choose(changed) {
  const busy = (place) => place && places.has(place) && places.get(place).phase !== "empty";
  if (busy(active) && active !== CODE) return;
  if (changed !== CODE && busy(changed)) active = changed;
  else active = [...places.keys()].find((place) => place !== CODE && busy(place)) || (busy(CODE) ? CODE : null);
}

function content(word) {
  if (isLost) return views.lost(words);
  if (camera.running && (!word || word.phase === "ask")) {
    return h("section", { class: "stage" }, camera.video, h("p", { class: "hint" }, words.say("camera_hint")),
      h("button", { type: "button", id: "camera-stop", onclick: acts.camera }, words.say("camera_stop")));
  }
  if (!word) return views.idle(words, service, acts);
  if (word.phase === "seen") return views.seen(words);
  if (word.phase === "ask") return views.ask(words, word, typed, acts);
  if (word.phase === "reading") return views.reading(words, word);
  if (word.phase === "failed") return views.failed(words, word, acts, active === CODE);
  return local.away ? views.putAway(words, acts) : views.verdict(words, word, local, acts);
}

function render(move = false) {
  if (!words) return;
  const word = isLost ? null : places.get(active);
  const now = word && word.phase !== "empty" ? word : null;
  document.documentElement.lang = words.language === "zh" ? "zh-CN" : "en";
  document.title = `${words.say("title")} · ${words.sector()}`;
  const focused = document.activeElement ? document.activeElement.id : "";
  document.getElementById("head").replaceChildren(...views.head(words, data, acts).filter(Boolean));
  main.replaceChildren(content(now));
  main.dataset.phase = isLost ? "lost" : now ? now.phase : "empty";
  document.getElementById("foot").replaceChildren(...views.foot(words, data, places, active, acts).flat().filter(Boolean));
  const aim = (now && now.phase === "ask" && document.getElementById("can")) || main.querySelector("h1");
  if (move && aim) aim.focus({ preventScroll: true });
  else if (focused && document.getElementById(focused)) document.getElementById(focused).focus({ preventScroll: true });
}

function announce(word) {
  tell("alarm", "");
  if (!word) tell("said", words.say("idle_title"));
  else if (word.phase === "verdict") tell("said", views.summary(words, word));
  else if (word.phase === "failed") tell("alarm", words.reason(word.reason));
  else tell("said", words.say(`${word.phase}_title`));
}

// A new card, a new check, or nothing: whatever was on the screen of another goes at once.
function show(changed) {
  choose(changed);
  settle();
}

// What is active is on the screen from here on: a word of another reader changes nothing that is typed for this one.
function settle() {
  const word = places.get(active);
  const key = word ? `${active}/${word.visit || ""}/${word.phase}/${word.check || ""}` : "";
  const moved = key !== shownKey;
  if (moved) {
    shownKey = key;
    local = fresh();
    typed = "";
    if (!word || word.phase !== "verdict") images.clear();
    if (camera.running && word && word.phase !== "ask" && word.phase !== "empty") camera.stop();
  }
  if (!moved && word && word.phase === "reading" && views.readOn(words, word)) return;
  render(moved);
  if (moved || (word && word.phase === "verdict")) announce(word && word.phase !== "empty" ? word : null);
}

function lose() {
  isLost = true;
  places.clear();
  images.clear();
  active = null;
  shownKey = "lost";
  typed = "";
  render(true);
  if (words) tell("alarm", words.say("lost_title"));
}

// --- from the verifier ----------------------------------------------------------------------------------------------

function listen() {
  const source = new EventSource("/page/events");
  const on = (name, act) => source.addEventListener(name, (event) => {
    heard = performance.now();
    if (isLost) {
      isLost = false;
      tell("alarm", "");
    }
    act(JSON.parse(event.data));
  });
  const place = (word) => {
    if (word.phase) places.set(word.place, word);
    else places.delete(word.place);
    show(word.place);
  };
  on("reader", place);
  on("code", place);
  on("service", (word) => { service = word; show(active); });
  on("data", (word) => { data = word; render(); });
  on("alive", () => {});
  source.onerror = lose;
  setInterval(() => { if (!isLost && performance.now() - heard > SILENCE) lose(); }, 1000);
}

async function begin() {
  words = new Words(await (await fetch("/page/texts", { cache: "no-store" })).json());
  heard = performance.now();
  listenForScanner(
    (text) => post("/page/scan", { ...where(), text }),
    () => {
      typed = "";
      const field = document.getElementById("can");
      if (field) field.value = "";
    },
  );
  window.addEventListener("keydown", (event) => {
    if (event.key === "F2" && words.several) {
      event.preventDefault();
      acts.language();
    } else if (event.key === "Escape") {
      acts.clear();
    } else if (/^[0-9]$/.test(event.key) && document.activeElement.id !== "can" && document.getElementById("can")) {
      document.getElementById("can").focus();
    }
  });
  render(true);
  listen();
}

begin();
