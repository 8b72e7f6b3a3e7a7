// While a person is entered: who it may be already, asked of the API as one types; and what an identity number tells.
"use strict";

const form = document.getElementById("main");
const told = document.getElementById("duplicates");
const field = (name) => (form.elements[name]?.value ?? "").trim();
let asked = 0;
let timer = 0;

// As issuer.texts.day has it.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
function day(iso) {
  const [year, month, date] = iso.split("-").map(Number);
  if (!date) return "";
  return document.documentElement.lang === "en" ? `${date} ${MONTHS[month - 1]} ${year}` : `${year}年${month}月${date}日`;
}

function line(person) {
  const item = document.createElement("p");
  const link = document.createElement("a");
  link.href = told.dataset.holders + person.id;
  link.target = "_blank";
  link.rel = "noopener";
  const name = document.createElement("strong");
  name.textContent = person.name_native;
  link.append(name, " ", person.name_latin);
  item.append(link, document.createElement("br"), day(person.birth_date));
  return item;
}

function say(text, people = []) {
  const head = document.createElement("p");
  head.textContent = text;
  told.replaceChildren(head, ...people.map(line));
}

async function look() {
  const body = {
    names: { native: field("name_native"), latin_surname: field("latin_surname"), latin_given: field("latin_given") },
    sex: field("sex"),
    birth_date: field("birth_date"),
    personal_number: field("personal_number"),
  };
  if (!body.names.native || !body.names.latin_surname || !body.sex || !body.birth_date) {
    say(told.dataset.wait);
    told.dataset.state = "wait";
    return;
  }
  const mine = ++asked;
  try {
    const answer = await fetch("/api/v1/holders/duplicates", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-CSRF-Token": form.elements._csrf.value,
        "Accept-Language": document.documentElement.lang,
      },
      body: JSON.stringify(body),
    });
    if (mine !== asked) return;
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    if (found.certain !== null) {
      const same = found.candidates.filter((person) => person.id === found.certain);
      say(told.dataset.certain, same.length ? same : [{ id: found.certain, name_native: told.dataset.open, name_latin: "", birth_date: "" }]);
    } else {
      say(found.candidates.length ? told.dataset.some : told.dataset.none, found.candidates);
    }
    told.dataset.state = found.certain !== null || found.candidates.length ? "some" : "none";
  } catch {
    if (mine === asked) {
      say(told.dataset.away);
      told.dataset.state = "away";
    }
  }
}

// GB 11643: six digits of the place, the birth date, three of an order whose last is odd for men, a check character.
function fill() {
  const found = /^\d{6}(\d{4})(\d{2})(\d{2})\d{2}(\d)[\dXx]$/.exec(field("personal_number"));
  if (!found) return;
  if (!field("birth_date")) form.elements.birth_date.value = `${found[1]}-${found[2]}-${found[3]}`;
  if (!field("sex")) form.elements.sex.value = Number(found[4]) % 2 ? "M" : "F";
}

form.addEventListener("input", (event) => {
  if (event.target.name === "personal_number") fill();
  if (["name_native", "latin_surname", "latin_given", "sex", "birth_date", "personal_number"].includes(event.target.name)) {
    clearTimeout(timer);
    timer = setTimeout(look, 300);
  }
});
if (field("name_native") && !document.querySelector(".candidate")) look();
