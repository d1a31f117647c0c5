/**
 * `<partway-file>`: a form's field that uploads its file straight to the store. The server renders it, with all texts.
 *
 * Events, which bubble: `partway:progress` (detail: {sent, size}), `partway:done` (the file), `partway:failed` (the
 * error), `partway:cleared`. `upload` is the one under way, or null.
 */

import { Slots, SumWorker, Upload } from "../partway/index.js";
import { takes } from "./accept.js";
import { clientOf, formValue } from "./client.js";
import { guard } from "./guard.js";
import { size } from "./size.js";
import { View } from "./view.js";

const SLOTS = 4; // parts in flight over all fields of the page
const slots = new Slots(SLOTS);
let sums = null;

class PartwayFile extends HTMLElement {
  upload = null;
  result = null; // the finished file, whose form value is on its way
  trouble = null; // why that did not come

  connectedCallback() {
    if (!this.view) this.prepare();
    guard(this.input.form);
  }

  disconnectedCallback() {
    // It may only be moved to another place.
    queueMicrotask(() => !this.isConnected && this.upload && this.cancel());
  }

  prepare() {
    this.input = this.querySelector("input[type=hidden]");
    this.picker = this.querySelector("input[type=file]");
    this.view = new View(this);
    this.client = clientOf(this, () => this.input.form);
    this.picker.addEventListener("change", () => {
      const [file] = this.picker.files;
      this.picker.value = ""; // the same file may be chosen again
      if (file) this.begin(file);
    });
    for (const button of this.querySelectorAll("[data-deed]")) button.onclick = () => this[button.dataset.deed]();
    this.prepareDropping();
    this.view.show();
  }

  prepareDropping() {
    const free = () => !this.picker.disabled && !this.upload;
    const mark = (dragged) => this.toggleAttribute("data-dragged", dragged);
    this.addEventListener("dragover", (event) => {
      event.preventDefault();
      mark(free());
    });
    this.addEventListener("dragleave", () => mark(false));
    this.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(false);
      const { files } = event.dataTransfer;
      if (!free() || !files.length) return;
      if (files.length > 1) this.view.problem(this.view.words("one"));
      else this.begin(files[0]);
    });
  }

  /** `empty`, `done`, or how the upload stands: `running`, `paused`, `failed`. */
  get state() {
    if (!this.upload) return this.input.value ? "done" : "empty";
    if (this.trouble || this.upload.state === "failed") return "failed";
    return this.upload.state === "paused" ? "paused" : "running";
  }

  /** Whether a file was chosen that is not uploaded yet. */
  get isOpen() {
    return this.upload !== null;
  }

  /** Upload a file in place of the one that there is. @param {File} file */
  begin(file) {
    const refusal = this.refusal(file);
    this.view.problem(refusal);
    if (refusal) return;
    const upload = new Upload(file, { client: this.client, slots, sums: (sums ??= new SumWorker()) });
    this.upload = upload;
    upload.addEventListener("change", () => this.changed(upload));
    upload.addEventListener("progress", () => this.progressed(upload));
    upload.addEventListener("done", ({ detail }) => {
      this.result = detail;
      this.conclude(upload);
    });
    upload.start();
  }

  refusal(file) {
    const most = Number(this.picker.dataset.maxSize ?? Infinity);
    const { name } = file;
    if (file.size > most) return this.view.words("size", { name, size: size(file.size), most: size(most) });
    const { accept } = this.picker.dataset; // as the project wrote it
    return takes(this.picker.accept, file) ? "" : this.view.words("type", { name, accept });
  }

  changed(upload) {
    if (upload !== this.upload) return;
    this.view.show();
    if (upload.state !== "failed") return;
    this.view.problem(upload.error.message);
    this.tell("failed", upload.error);
  }

  progressed(upload) {
    if (upload !== this.upload) return;
    this.view.showSoon();
    this.tell("progress", { sent: upload.sent, size: upload.file.size });
  }

  /** Get what the form sends for the finished file. */
  async conclude(upload) {
    this.trouble = null;
    this.view.show();
    try {
      const value = await formValue(this.client, this.result.id);
      if (upload !== this.upload) return;
      this.upload = null;
      this.give(value, this.result);
      this.tell("done", this.result);
    } catch (error) {
      if (upload !== this.upload) return;
      this.trouble = error;
      this.view.problem(error.message);
      this.view.show();
      this.tell("failed", error);
    }
  }

  give(value, file) {
    this.input.value = value;
    const href = `${this.dataset.prefix}/files/${file?.id}/download?redirect=true`;
    this.view.keep(file && { name: file.name, bytes: file.file_size, href });
    this.view.problem("");
    this.view.show();
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  pause() {
    this.view.problem("");
    this.upload.pause();
  }

  resume() {
    this.view.problem("");
    this.upload.start();
  }

  retry() {
    this.view.problem("");
    if (this.trouble) this.conclude(this.upload);
    else this.upload.start();
  }

  /** Give up what was chosen; what stood there before stands again. */
  async cancel() {
    const { upload } = this;
    this.upload = this.trouble = null;
    this.view.problem("");
    this.view.show("cancelled");
    // What could not be given up now, its deadline ends.
    if (upload.state !== "done") await upload.cancel().catch(() => {});
  }

  /** Take the file out of the form. */
  clear() {
    this.give("", null);
    this.view.show("cleared");
    this.tell("cleared", null);
  }

  /** Say why the form was not sent. */
  holdUp() {
    this.view.problem(this.view.words(this.state === "running" ? "busy" : "stopped"));
    this.view.focus();
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(`partway:${name}`, { bubbles: true, detail }));
  }
}

customElements.define("partway-file", PartwayFile);
