/** One transfer on the page: its name, how far it is, and what can be done about it. */

import { button, make } from "./elements.js";
import { duration, Rate, size } from "./format.js";

/** Shows one upload. */
export class Card {
  /**
   * @param {import("../partway/index.js").Upload} upload
   * @param {{onstart: () => void, onremove: () => void, onerror: (error: Error) => void}} options
   *   onstart: it waits for its turn again; onremove: it is to leave the page
   */
  constructor(upload, { onstart, onremove, onerror }) {
    this.upload = upload;
    this.onstart = onstart;
    this.onremove = onremove;
    this.onerror = onerror;
    this.rate = new Rate();
    const { name } = upload.file;
    this.state = make("p", { class: "state" });
    this.buttons = make("div", { class: "buttons" });
    this.bar = make("progress", { max: Math.max(1, upload.file.size), value: 0, "aria-label": `Progress of ${name}` });
    const title = make("p", { class: "name", title: name }, name);
    this.element = make("li", { class: "card" }, title, this.buttons, this.state, this.bar);
    upload.addEventListener("change", () => this.change());
    upload.addEventListener("progress", () => this.progress());
    this.change();
  }

  change() {
    const { state } = this.upload;
    this.element.className = `card ${state}`;
    this.bar.hidden = ["done", "cancelled"].includes(state);
    if (state !== "uploading") this.rate = new Rate();
    if (state !== this.shown) this.showChoices(state);
    this.shown = state;
    this.progress();
  }

  showChoices(state) {
    const focused = this.buttons.contains(document.activeElement);
    this.buttons.replaceChildren(...this.choices(state));
    if (focused) this.buttons.firstElementChild?.focus();
  }

  choices(state) {
    const of = this.upload.file.name;
    const again = () => {
      this.upload.state = "waiting";
      this.change();
      this.onstart();
    };
    const pause = button("Pause", () => this.upload.pause(), { of });
    const cancel = button("Cancel", () => this.cancel(), { danger: true, of });
    if (["waiting", "preparing", "uploading"].includes(state)) return [pause, cancel];
    if (state === "paused") return [button("Resume", again, { of }), cancel];
    if (state === "failed") return [button("Retry", again, { of }), cancel];
    if (state === "done") return [button("Clear", this.onremove, { of })];
    return [];
  }

  async cancel() {
    try {
      await this.upload.cancel();
    } catch (error) {
      if (error.code !== "not_found") this.onerror(error);
    } finally {
      this.onremove();
      this.onstart();
    }
  }

  progress() {
    const { upload } = this;
    if (upload.state === "uploading") this.rate.note(upload.sent);
    this.bar.value = upload.file.size ? upload.sent : Number(upload.state === "completing");
    this.state.textContent = this.words();
  }

  words() {
    const { upload } = this;
    const whole = size(upload.file.size);
    if (upload.waitsFor) return `Waiting: ${upload.waitsFor.message}`;
    switch (upload.state) {
      case "waiting":
        return `${whole}, waiting for its turn`;
      case "preparing":
        return upload.compared ? `Comparing with what is stored: ${size(upload.compared)} of ${whole}` : "Reading the file";
      case "uploading":
        return this.moving(whole);
      case "completing":
        return "Joining and checking";
      case "paused":
        return `Paused at ${size(upload.sent)} of ${whole}`;
      case "failed":
        return upload.error.message;
      case "done":
        return upload.verified ? `${whole}, checksum verified` : `${whole}, uploaded`;
      default:
        return "Cancelling";
    }
  }

  moving(whole) {
    const { upload } = this;
    const { value } = this.rate;
    const left = value > 0 ? `, ${size(value)}/s, ${duration((upload.file.size - upload.sent) / value)} left` : "";
    const kept = upload.kept ? `, ${size(upload.kept)} were stored before` : "";
    return `${size(upload.sent)} of ${whole}${left}${kept}`;
  }
}
