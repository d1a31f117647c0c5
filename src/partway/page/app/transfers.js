/** The list of transfers: one card for each upload. */

import { Upload } from "../partway/index.js";
import { button, make, the } from "./elements.js";
import { duration, Rate, size } from "./format.js";

const BUSY = new Set(["waiting", "preparing", "uploading", "completing"]);
const AT_ONCE = 3; // files that are read and sent at the same time; their parts share the slots

/** Holds all transfers of this page. */
export class Transfers {
  /**
   * @param {{client: object, slots: object, sums: object, ondone: (file: object) => void, onchange: () => void}} options
   */
  constructor({ client, slots, sums, ondone, onchange }) {
    this.parts = { client, slots, sums };
    this.ondone = ondone;
    this.onchange = onchange;
    this.cards = [];
    the("clear").onclick = () => this.clear();
    addEventListener("beforeunload", (event) => this.busy && event.preventDefault());
  }

  get busy() {
    return this.cards.some(({ upload }) => BUSY.has(upload.state));
  }

  /** Ids of uploads that have a card here. */
  get ids() {
    return new Set(this.cards.map(({ upload }) => upload.id));
  }

  /** @param {File} file @param {string} folder */
  add(file, folder) {
    const upload = new Upload(file, { ...this.parts, fields: folder ? { folder } : {} });
    const card = new Card(upload, {
      onstart: () => this.startSome(),
      onremove: () => this.remove(card),
    });
    this.cards.push(card);
    the("transfers").append(card.element);
    upload.addEventListener("change", () => this.changed());
    upload.addEventListener("progress", () => this.showTotal());
    upload.addEventListener("done", ({ detail }) => this.ondone(detail));
    this.changed();
    this.startSome();
  }

  startSome() {
    const running = this.cards.filter(({ upload }) => ["preparing", "uploading", "completing"].includes(upload.state));
    let free = AT_ONCE - running.length;
    for (const { upload } of this.cards) {
      if (free > 0 && upload.state === "waiting") {
        free--;
        upload.start().then(() => this.startSome());
      }
    }
  }

  remove(card) {
    card.element.remove();
    this.cards = this.cards.filter((each) => each !== card);
    this.changed();
  }

  clear() {
    for (const card of this.cards.filter(({ upload }) => ["done", "cancelled"].includes(upload.state))) this.remove(card);
  }

  changed() {
    the("transfers-section").hidden = !this.cards.length;
    this.showTotal();
    this.onchange();
  }

  showTotal() {
    const uploads = this.cards.map(({ upload }) => upload);
    const done = uploads.filter(({ state }) => state === "done").length;
    const sent = uploads.reduce((sum, upload) => sum + upload.sent, 0);
    const all = uploads.reduce((sum, upload) => sum + upload.file.size, 0);
    const text = uploads.length > 1 ? `${done} of ${uploads.length} files, ${size(sent)} of ${size(all)}` : "";
    if (the("total").textContent !== text) the("total").textContent = text;
  }
}

class Card {
  constructor(upload, { onstart, onremove }) {
    this.upload = upload;
    this.onstart = onstart;
    this.onremove = onremove;
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
    this.element.dataset.state = state;
    this.bar.hidden = ["done", "cancelled"].includes(state);
    if (state !== "uploading") this.rate = new Rate();
    this.buttons.replaceChildren(...this.choices(state));
    this.progress();
  }

  choices(state) {
    const of = this.upload.file.name;
    const again = () => {
      this.upload.state = "waiting";
      this.onstart();
    };
    const cancel = button("Cancel", () => this.cancel(), { danger: true, of });
    if (["preparing", "uploading"].includes(state)) return [button("Pause", () => this.upload.pause(), { of }), cancel];
    if (state === "waiting") return [cancel];
    if (state === "paused") return [button("Resume", again, { of }), cancel];
    if (state === "failed") return [button("Retry", again, { of }), cancel];
    if (state === "completing") return [];
    return [button("Clear", this.onremove, { of })];
  }

  async cancel() {
    try {
      await this.upload.cancel();
    } finally {
      this.onremove();
      this.onstart();
    }
  }

  progress() {
    const { upload } = this;
    if (upload.state === "uploading") this.rate.note(upload.sent);
    this.bar.value = upload.file.size ? upload.sent : 1;
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
        return upload.held ? `Comparing with what is stored: ${size(upload.held)} of ${whole}` : "Reading the file";
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
        return "Cancelled";
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
