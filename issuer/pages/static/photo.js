// The photo: from the camera, or a file; looked at before it is sent, and cut as the clerk wishes. Without this script
// the file is sent as it is and looked at afterwards.
"use strict";

const form = document.getElementById("main");
const input = form.elements.photo;
const looked = document.getElementById("looked");
const preview = document.getElementById("preview");
const verdict = document.getElementById("verdict");
const list = document.getElementById("findings");
const camera = document.getElementById("camera");
const video = document.getElementById("video");
const opener = document.getElementById("open-camera");
const ranges = ["zoom", "across", "down"].map((id) => document.getElementById(id));
let stream = null;
let original = null; // what was taken or chosen, as a picture
let asked = 0;
let timer = 0;

function choose(blob, name) {
  const files = new DataTransfer();
  files.items.add(new File([blob], name, { type: blob.type }));
  input.files = files.files;
}

function close() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  camera.hidden = true;
  opener.hidden = !navigator.mediaDevices;
}

async function draw(blob) {
  const picture = await createImageBitmap(blob);
  preview.width = picture.width;
  preview.height = picture.height;
  preview.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
}

async function look(blob, adjust) {
  const mine = ++asked;
  looked.hidden = false;
  verdict.textContent = form.dataset.looking;
  list.replaceChildren();
  const answer = await fetch("/api/v1/photos/check", {
    method: "POST",
    headers: {
      "Content-Type": blob.type || "image/jpeg",
      "X-CSRF-Token": form.elements._csrf.value,
      "Accept-Language": document.documentElement.lang,
    },
    body: blob,
  });
  const report = await answer.json();
  if (mine !== asked) return;
  if (!answer.ok) {
    verdict.textContent = report.detail || report.title;
    looked.dataset.state = "refused";
    return;
  }
  verdict.textContent = report.good ? form.dataset.good : form.dataset.findings;
  list.replaceChildren(...report.findings.map((finding) => {
    const item = document.createElement("li");
    const title = document.createElement("strong");
    title.textContent = finding.title;
    item.append(title, " ", finding.action);
    return item;
  }));
  const bytes = Uint8Array.from(atob(report.picture), (letter) => letter.charCodeAt(0));
  if (report.picture_type === "image/jpeg") await draw(new Blob([bytes], { type: report.picture_type }));
  if (adjust && original) {
    const [zoom, across, down] = ranges;
    zoom.value = Math.round(100 * report.crop.height / Math.min(original.height, original.width * 4 / 3));
    across.value = Math.round(100 * report.crop.left / Math.max(1, original.width - report.crop.width));
    down.value = Math.round(100 * report.crop.top / Math.max(1, original.height - report.crop.height));
  }
  looked.dataset.state = report.good ? "good" : "findings";
}

async function began(blob) {
  looked.dataset.state = "looking";
  try {
    original = await createImageBitmap(blob);
  } catch {
    original = null; // a kind that browsers cannot show: the service can
  }
  document.getElementById("crop").hidden = !original;
  await look(blob, true);
}

async function cut() {
  const [zoom, across, down] = ranges.map((range) => Number(range.value) / 100);
  const height = zoom * Math.min(original.height, original.width * 4 / 3);
  const width = height * 3 / 4;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width);
  canvas.height = Math.round(height);
  canvas.getContext("2d").drawImage(
    original, across * (original.width - width), down * (original.height - height), width, height, 0, 0, canvas.width, canvas.height);
  preview.width = canvas.width;
  preview.height = canvas.height;
  preview.getContext("2d").drawImage(canvas, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  choose(blob, "photo.jpg");
  await look(blob, false);
}

input.addEventListener("change", () => { if (input.files.length) began(input.files[0]); });
for (const range of ranges) {
  range.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(cut, 250);
  });
}
document.getElementById("close").addEventListener("click", close);
document.getElementById("open").addEventListener("click", async () => {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 960 }, facingMode: "user" } });
    video.srcObject = stream;
    await video.play();
    camera.hidden = false;
    opener.hidden = true;
    document.getElementById("take").focus();
  } catch {
    close();
    looked.hidden = false;
    verdict.textContent = form.dataset.none;
  }
});
document.getElementById("take").addEventListener("click", async () => {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  close();
  choose(blob, "camera.jpg");
  await began(blob);
});
opener.hidden = !navigator.mediaDevices;
