// A card being written: asks the service how far it is, four times a second, and loads the page anew when it has ended.
"use strict";

const panel = document.getElementById("run");
const bar = document.getElementById("run-bar");
const figures = new Intl.NumberFormat(document.documentElement.lang);
let lastSpoken = "";

function fill(text, facts) {
  return text.replace(/\{(\w+)\}/g, (_, name) => facts[name]);
}

function mark(key) {
  const lines = [...document.querySelectorAll(".plan li")];
  const at = lines.findIndex((line) => line.dataset.step === key);
  if (at < 0) return;
  lines.forEach((line, number) => {
    line.className = number < at ? "over" : number === at ? "now" : "waiting";
    if (number <= at) line.querySelector(".plan-state").textContent = number < at ? panel.dataset.over : panel.dataset.now;
  });
}

function show(run) {
  const progress = run.progress;
  if (!progress) return;
  bar.max = Math.max(progress.bytes_total, 1);
  bar.value = progress.bytes_done;
  document.getElementById("run-bytes").textContent = fill(panel.dataset.bytes, {
    done: figures.format(progress.bytes_done), total: figures.format(progress.bytes_total),
  });
  const left = progress.seconds_left === null ? "" : fill(panel.dataset.left, { seconds: Math.ceil(progress.seconds_left) });
  document.getElementById("run-left").textContent = left;
  mark(`${progress.step}:${progress.file}`);
  const tenth = `${Math.floor((10 * progress.bytes_done) / bar.max)}`;
  if (tenth !== lastSpoken) {
    lastSpoken = tenth;
    document.getElementById("run-told").textContent = `${tenth}0 % ${left}`;
  }
}

async function ask() {
  let wait = 250;
  try {
    const answer = await fetch(`/api/v1/runs/${panel.dataset.run}`, { cache: "no-store" });
    if (!answer.ok) { location.reload(); return; }
    const run = await answer.json();
    show(run);
    if (run.state !== "running") { location.reload(); return; }
  } catch {
    wait = 2000;
  }
  setTimeout(ask, wait);
}

ask();
