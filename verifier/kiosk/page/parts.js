// Elements, icons and words. Nothing is ever parsed as HTML: what a card says is text.

export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

function drawn(size, ...shapes) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", size);
  picture.setAttribute("aria-hidden", "true");
  picture.setAttribute("focusable", "false");
  for (const [tag, attributes] of shapes) {
    const shape = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
    picture.append(shape);
  }
  return picture;
}

const LINE = { fill: "none", stroke: "#fff", "stroke-width": 7, "stroke-linecap": "round", "stroke-linejoin": "round" };

// A shape for each outcome, so that nothing hangs on colour: circle, triangle, octagon, dashed square.
const SHAPES = {
  passed: [["circle", { cx: 32, cy: 32, r: 29, class: "fill" }], ["path", { d: "M18 33l10 10 18-21", ...LINE }]],
  warning: [
    ["path", { d: "M32 4L62 58H2z", class: "fill", "stroke-linejoin": "round" }],
    ["path", { d: "M32 24v14M32 48v.5", ...LINE }],
  ],
  failed: [
    ["path", { d: "M20 3h24l17 17v24L44 61H20L3 44V20z", class: "fill" }],
    ["path", { d: "M21 21l22 22M43 21L21 43", ...LINE }],
  ],
  "not-checked": [
    ["rect", { x: 4, y: 4, width: 56, height: 56, rx: 8, class: "hollow" }],
    ["path", { d: "M23 25c0-6 4-9 9-9s9 3 9 8c0 7-9 7-9 14M32 47v.5", class: "stroke" }],
  ],
};

export function icon(outcome) {
  const picture = drawn("0 0 64 64", ...SHAPES[outcome]);
  picture.setAttribute("class", `icon ${outcome}`);
  return picture;
}

export function cardPicture(kind) {
  const shapes = [
    ["rect", { x: 30, y: 150, width: 260, height: 46, rx: 14, class: "reader" }],
    ["rect", { x: 60, y: 162, width: 200, height: 8, rx: 4, class: "slot" }],
    ["rect", { x: 75, y: 20, width: 170, height: 108, rx: 12, class: "card" }],
    ["rect", { x: 92, y: 58, width: 30, height: 24, rx: 5, class: "chip" }],
    ["circle", { cx: 212, cy: 58, r: 15, class: "ink" }],
    ["path", { d: "M190 100c0-16 10-24 22-24s22 8 22 24z", class: "ink" }],
    ["path", { d: "M92 98h70M92 110h50M92 40h60", class: "line" }],
  ];
  if (kind === "shows-can") shapes.push(["rect", { x: 86, y: 90, width: 84, height: 26, rx: 6, class: "mark" }]);
  const picture = drawn(kind === "shows-can" ? "70 14 180 120" : "0 0 320 210", ...shapes);
  picture.setAttribute("class", `picture ${kind}`);
  return picture;
}

// --- words ----------------------------------------------------------------------------------------------------------

export class Words {
  constructor(tree) {
    this.tree = tree;
    this.language = tree.languages[0];
  }
  pair(pair) {
    return pair ? pair[this.language === "zh" ? 0 : 1] : "";
  }
  say(key) {
    return this.pair(this.tree.page[key]);
  }
  reason(code) {
    return this.pair(this.tree.reasons[code]) || code;
  }
  step(number) {
    return this.pair(this.tree.steps[number]);
  }
  name(one) {
    return one[this.language] || one.code || "";
  }
  sector() {
    return this.name(this.tree.sector);
  }
  get several() {
    return this.tree.languages.length > 1;
  }
  next() {
    const all = this.tree.languages;
    this.language = all[(all.indexOf(this.language) + 1) % all.length];
  }
  age(signed, at) {
    if (!signed) return this.say("missing");
    const hours = Math.floor((new Date(at) - new Date(signed)) / 3600000);
    if (hours < 1) return this.say("just_now");
    const [key, n] = hours < 48 ? ["hours", hours] : ["days", Math.floor(hours / 24)];
    return this.say(key).replace("{n}", n);
  }
}
