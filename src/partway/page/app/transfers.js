/** The list of transfers, and how far they are together. */

import { Upload } from "../partway/index.js";
import { Card } from "./card.js";
import { the } from "./elements.js";
import { duration, Rate, size } from "./format.js";

const RUNNING = new Set(["preparing", "uploading", "completing"]);
const AT_ONCE = 3; // files that are read and sent at the same time; their parts share the slots
const SMALL_AT_ONCE = 8; // as long as all of them are small: then most of the time goes into asking
const SMALL = 8 * 1024 * 1024; // bytes
const MOST_CARDS = 100; // that stand on the page; of more, the first done leave and the next ones follow
const SHOWN_EVERY = 200; // milliseconds
const TITLE = document.title;

/** Holds all transfers of this page. */
export class Transfers {
  /**
   * @param {{client: object, slots: object, sums: object, ondone: (file: object) => void, onended: (id: string) => void,
   *   onchange: () => void, onerror: (error: Error) => void}} options onended: done or cancelled
   */
  constructor({ client, slots, sums, ondone, onended, onchange, onerror }) {
    this.parts = { client, slots, sums };
    this.ondone = ondone;
    this.onended = onended;
    this.onchange = onchange;
    this.onerror = onerror;
    this.cards = [];
    this.rate = new Rate();
    the("clear").onclick = () => this.clear();
    addEventListener("beforeunload", (event) => this.busy && event.preventDefault());
  }

  get busy() {
    return this.cards.some(({ upload }) => upload.state === "waiting" || RUNNING.has(upload.state));
  }

  /** Ids of uploads that have a card here. */
  get ids() {
    return new Set(this.cards.map(({ upload }) => upload.id));
  }

  /** @param {Array<{file: File, folder: string}>} picked */
  add(picked) {
    const cards = picked.map(({ file, folder }) => this.card(file, folder));
    this.cards.push(...cards);
    this.show();
    this.startSome();
  }

  card(file, folder) {
    const upload = new Upload(file, { ...this.parts, fields: folder ? { folder } : {} });
    const card = new Card(upload, {
      onstart: () => this.startSome(),
      onremove: () => this.remove(card),
      onerror: this.onerror,
    });
    upload.addEventListener("change", () => this.changed(upload));
    upload.addEventListener("progress", () => this.showSoon());
    upload.addEventListener("done", ({ detail }) => {
      this.onended(upload.id);
      this.ondone(detail);
    });
    return card;
  }

  startSome() {
    const running = this.cards.map(({ upload }) => upload).filter(({ state }) => RUNNING.has(state));
    for (const { upload } of this.cards) {
      const small = [...running, upload].every(({ file }) => file.size < SMALL);
      if (running.length >= (small ? SMALL_AT_ONCE : AT_ONCE)) return;
      if (upload.state !== "waiting") continue;
      running.push(upload);
      upload.start().then(() => this.startSome());
    }
  }

  remove(card) {
    card.element.remove();
    this.cards = this.cards.filter((each) => each !== card);
    this.onended(card.upload.id);
    this.showSoon();
  }

  clear() {
    const done = this.cards.filter(({ upload }) => upload.state === "done");
    for (const { element } of done) element.remove();
    this.cards = this.cards.filter((card) => !done.includes(card));
    this.showSoon();
  }

  changed(upload) {
    if (upload.state === "failed") this.say(`${upload.file.name}: ${upload.error.message}`);
    else if (upload.state === "done" && !this.busy) this.say(`${this.counted("done")} of ${this.cards.length} files uploaded`);
    this.showSoon();
  }

  /** For those who listen to the page: only what matters, not every byte. */
  say(text) {
    the("said").textContent = text;
  }

  counted(state) {
    return this.cards.filter(({ upload }) => upload.state === state).length;
  }

  showSoon() {
    this.showing ??= setTimeout(() => {
      this.showing = null;
      this.show();
    }, SHOWN_EVERY);
  }

  show() {
    const uploads = this.cards.map(({ upload }) => upload);
    const sent = uploads.reduce((sum, upload) => sum + (upload.state === "done" ? upload.file.size : upload.sent), 0);
    const all = uploads.reduce((sum, upload) => sum + upload.file.size, 0);
    if (this.busy) this.rate.note(sent);
    else this.rate = new Rate();
    this.showCards();
    the("transfers-section").hidden = !uploads.length;
    the("clear").hidden = !this.counted("done");
    the("total").textContent = uploads.length > 1 ? this.total(uploads.length, sent, all) : "";
    the("total-bar").hidden = uploads.length < 2;
    the("total-bar").value = all ? sent / all : 1;
    document.title = this.busy && all ? `${Math.floor((100 * sent) / all)} % · ${TITLE}` : TITLE;
    this.onchange();
  }

  showCards() {
    const open = this.cards.filter(({ upload }) => upload.state !== "done");
    const next = open.slice(0, MOST_CARDS);
    const done = this.cards.filter(({ upload }) => upload.state === "done").slice(next.length - MOST_CARDS || Infinity);
    const shown = this.cards.length <= MOST_CARDS ? this.cards : [...done, ...next];
    const wanted = new Set(shown.map(({ element }) => element));
    for (const element of [...the("transfers").children]) if (!wanted.has(element)) element.remove();
    for (const element of wanted) if (!element.parentNode) the("transfers").append(element);
    const more = open.length - next.length;
    the("rest").hidden = more <= 0;
    the("rest").textContent = `and ${more} more, waiting for their turn`;
  }

  total(count, sent, all) {
    const { value } = this.rate;
    const left = value > 0 && sent < all ? `, ${duration((all - sent) / value)} left` : "";
    return `${this.counted("done")} of ${count} files, ${size(sent)} of ${size(all)}${left}`;
  }
}
