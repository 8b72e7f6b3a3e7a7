// The camera: its pictures go to the verifier on this machine, a grey byte a pixel, and are decoded there.

import { h } from "./parts.js";

const WIDEST = 1280;
const PAUSE = 80; // milliseconds between an answer and the next picture

export class Camera {
  constructor(send) {
    this.send = send; // (bytes, width, height) -> Promise<boolean>: found
    this.stream = null;
    this.video = null;
  }
  get running() {
    return this.stream !== null;
  }
  async start() {
    const wanted = { width: { ideal: WIDEST }, height: { ideal: 720 }, facingMode: "environment" };
    this.stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    this.video = h("video", { muted: true, playsinline: true });
    this.video.muted = true;
    this.video.srcObject = this.stream;
    await this.video.play();
  }
  stop() {
    for (const track of this.stream ? this.stream.getTracks() : []) track.stop();
    this.stream = null;
    this.video = null;
  }
  // Until a code is found (true), or the camera is stopped (false).
  async search() {
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    while (this.running) {
      const video = this.video;
      const scale = Math.min(1, WIDEST / (video.videoWidth || WIDEST));
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      if (canvas.width && canvas.height) {
        context.drawImage(video, 0, 0, canvas.width, canvas.height);
        const colours = context.getImageData(0, 0, canvas.width, canvas.height).data;
        const grey = new Uint8Array(canvas.width * canvas.height);
        for (let at = 0, from = 0; at < grey.length; at += 1, from += 4) {
          grey[at] = (colours[from] * 77 + colours[from + 1] * 150 + colours[from + 2] * 29) >> 8;
        }
        if (this.running && (await this.send(grey, canvas.width, canvas.height))) return true;
      }
      await new Promise((go) => setTimeout(go, PAUSE));
    }
    return false;
  }
}
