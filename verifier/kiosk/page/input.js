// A scanner that types: a burst of characters and a line break, whatever has the focus.

const GAP = 200; // milliseconds between two characters of one burst
const BURST = 8; // from so many on, it is no hand that types: nothing on the page must react to them
const CODE = 40; // a permit's code is longer than that

export function listenForScanner(onCode, onBurst) {
  let buffer = "";
  let last = 0;
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const now = performance.now();
    if (now - last > GAP) buffer = "";
    if (event.key === "Enter" && buffer.length >= CODE) {
      event.preventDefault();
      event.stopPropagation();
      const text = buffer;
      buffer = "";
      onCode(text.toUpperCase()); // base45 has no small letters; a scanner with the shift lock on sends them
      return;
    }
    if (event.key.length !== 1) {
      if (event.key !== "Shift") buffer = "";
      return;
    }
    last = now;
    buffer += event.key;
    if (buffer.length >= BURST) {
      event.preventDefault();
      event.stopPropagation();
      if (buffer.length === BURST) onBurst();
    }
  }, true);
}
