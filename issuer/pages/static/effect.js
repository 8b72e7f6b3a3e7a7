// How far the computation is, asked of the API; when it has ended the page is loaded with its pictures, to be printed.
"use strict";

const running = document.getElementById("running");
const bar = document.getElementById("bar");
const said = document.getElementById("said");
const print = document.getElementById("print");

async function ask() {
  try {
    const answer = await fetch(running.dataset.job, { headers: { "Accept-Language": document.documentElement.lang } });
    const job = await answer.json();
    if (!answer.ok || job.state !== "running") {
      location.reload();
      return;
    }
    bar.max = job.total || 1;
    bar.value = job.done;
    said.textContent = running.dataset.text
      .replace("@done@", job.done.toLocaleString("en"))
      .replace("@total@", job.total.toLocaleString("en"));
  } catch {
    // away for a moment: asked again
  }
  setTimeout(ask, 500);
}
if (running) setTimeout(ask, 300);
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
