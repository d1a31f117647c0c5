/** Uploads that the service knows to be unfinished and that this page does not carry on. */

import { button, make, the } from "./elements.js";
import { date, size } from "./format.js";

/** Keeps the list of unfinished uploads. */
export class Unfinished {
  /** @param {{client: object, ids: () => Set<string>, onerror: (error: Error) => void}} options */
  constructor({ client, ids, onerror }) {
    this.client = client;
    this.ids = ids;
    this.onerror = onerror;
    this.files = [];
    this.shown = "";
  }

  async load() {
    this.files = (await this.client.list({ status: "uploading", limit: 100 })).results;
    this.show();
  }

  show() {
    const here = this.ids();
    const files = this.files.filter(({ id }) => !here.has(id));
    const shown = files.map(({ id }) => id).join();
    if (shown === this.shown) return;
    this.shown = shown;
    the("unfinished-section").hidden = !files.length;
    the("unfinished").replaceChildren(...files.map((file) => this.card(file)));
  }

  /** @param {string} id of an upload that is open no longer */
  forget(id) {
    this.files = this.files.filter((file) => file.id !== id);
    this.show();
  }

  card(file) {
    const discard = button("Discard", () => this.discard(file), { danger: true, of: file.file_name });
    return make(
      "li",
      { class: "card" },
      make("p", { class: "name", title: file.file_name }, file.file_name),
      make("div", { class: "buttons" }, discard),
      make("p", { class: "state" }, `${size(file.file_size)}, begun ${date(file.created)}`),
    );
  }

  async discard(file) {
    try {
      await this.client.abort(file.id);
      this.forget(file.id);
    } catch (error) {
      this.onerror(error);
    }
  }
}
