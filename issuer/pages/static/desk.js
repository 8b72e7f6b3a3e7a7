// What every page does with a script, and can do without: forms are sent once, the language switch takes along what was
// typed wherever it was typed, and what was wrong comes into view.
"use strict";

for (const form of document.querySelectorAll("form[method=post]:not([target])")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent === "yes") {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const pressed = event.submitter;
    if (pressed) setTimeout(() => { pressed.disabled = true; }, 0);
  });
}

// A page that the browser keeps is fresh again when one comes back to it.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[method=post]:not([target])")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("button:disabled:not([data-off])")) button.disabled = false;
  }
});

// Signed in again: straight on to the form that was filled in before. That only shows it.
document.querySelector("form[data-at-once]")?.requestSubmit();

const problem = document.getElementById("problem") || document.getElementById("kept");
if (problem) {
  const field = document.querySelector("[aria-invalid=true]");
  (field || problem).focus();
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// Of several forms, the one that somebody has typed into goes along with the switch of the language.
const changed = (form) => [...form.elements].some((field) =>
  field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked
    : field.tagName === "SELECT" ? [...field.options].some((option) => option.selected !== option.defaultSelected)
      : field.type !== "hidden" && "defaultValue" in field && field.value !== field.defaultValue);
const language = document.querySelector("button[name=_language]");
language?.addEventListener("click", () => {
  const form = [...document.querySelectorAll("main form[method=post][id]")].find(changed);
  if (form) language.setAttribute("form", form.id);
});
