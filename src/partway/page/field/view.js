/** What a field shows: its file, how far that is, and what went wrong. */

import { duration, Rate } from "../app/format.js";
import { size } from "./size.js";

const SHOWN_EVERY = 200; // milliseconds
const SAID_EVERY = 0.25; // of the file, to those who listen

/** Shows one field. */
export class View {
  /** @param {HTMLElement} field */
  constructor(field) {
    this.field = field;
    const part = (name) => field.querySelector(`.partway-${name}`);
    [this.name, this.said, this.trouble, this.news] = ["name", "said", "problem", "news"].map(part);
    this.bar = field.querySelector("progress");
    const bytes = this.said.querySelector("[data-bytes]");
    if (bytes) bytes.textContent = size(Number(bytes.dataset.bytes));
    this.kept = [[...this.name.childNodes], [...this.said.childNodes]]; // of the file that stands in the form
    this.rate = new Rate();
    this.heard = 0; // quarters of the file that were told
  }

  /** A text of the server's. @param {string} key @param {object} [values] */
  words(key, values = {}) {
    const text = this.field.dataset[`word${key[0].toUpperCase()}${key.slice(1)}`];
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  /** @param {string} text empty: all is well */
  problem(text) {
    this.trouble.textContent = text;
  }

  /** Remember the file that stands in the form. @param {{name: string, bytes: number, href: string} | null} file */
  keep(file) {
    if (!file) return (this.kept = [[], []]);
    const link = Object.assign(document.createElement("a"), { href: file.href, target: "_blank", rel: "noopener" });
    link.textContent = file.name;
    return (this.kept = [[link], [this.words("done", { whole: size(file.bytes) })]]);
  }

  showSoon() {
    this.showing ??= setTimeout(() => this.show(), SHOWN_EVERY);
  }

  /** @param {string} [news] what happened, for those who listen; without it, what is shown */
  show(news) {
    clearTimeout(this.showing);
    this.showing = null;
    const { field } = this;
    const focused = field.contains(document.activeElement);
    const changed = field.dataset.state !== field.state;
    field.dataset.state = field.state;
    if (field.upload) this.showUpload(field.upload);
    else this.showKept();
    if (changed && focused && !visible(document.activeElement)) this.focus();
    if (news) this.news.textContent = this.words(news);
    else if (changed && field.state !== "empty") this.news.textContent = `${this.name.textContent}: ${this.said.textContent}`;
  }

  showKept() {
    this.name.replaceChildren(...this.kept[0]);
    this.said.replaceChildren(...this.kept[1]);
  }

  showUpload(upload) {
    const { file, sent, state } = upload;
    if (state === "uploading") this.rate.note(sent);
    else this.rate = new Rate();
    this.name.textContent = file.name;
    this.said.textContent = this.standing(upload);
    this.bar.value = file.size ? sent / file.size : Number(state === "completing");
    const quarters = Math.floor(this.bar.value / SAID_EVERY);
    if (state === "uploading" && quarters > this.heard) {
      this.news.textContent = this.words("percent", { percent: quarters * SAID_EVERY * 100 });
    }
    this.heard = quarters;
  }

  standing(upload) {
    const facts = { sent: size(upload.sent), whole: size(upload.file.size) };
    if (upload.waitsFor) return this.words("waiting", { reason: upload.waitsFor.message });
    if (upload.state === "paused") return this.words("paused", facts);
    if (upload.state === "completing" || upload.state === "done") return this.words("completing");
    if (upload.state === "uploading" || upload.state === "failed") return this.moving(upload, facts);
    return upload.compared ? this.words("comparing", facts) : this.words("reading");
  }

  moving(upload, facts) {
    const { value } = this.rate;
    if (!value) return this.words("sent", facts);
    const time = duration((upload.file.size - upload.sent) / value);
    return this.words("moving", { ...facts, speed: size(value), time });
  }

  /** Put the focus on the first thing that can be done here. */
  focus() {
    [...this.field.querySelectorAll("input[type=file], button")].find(visible)?.focus();
  }
}

function visible(element) {
  return element.checkVisibility();
}
