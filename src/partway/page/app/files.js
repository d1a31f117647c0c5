/** The finished files: search, pages, download, delete and restore. */

import { button, make, the } from "./elements.js";
import { date, size } from "./format.js";
import { notice } from "./notices.js";

const MOST_ADDED = 200; // rows; when more arrive one by one, the list is read anew instead

/** Keeps the list of files. */
export class FileList {
  /** @param {{client: object, onerror: (error: Error) => void}} options */
  constructor({ client, onerror }) {
    this.client = client;
    this.onerror = onerror;
    this.cursor = null;
    this.asked = 0;
    the("more").onclick = () => this.load({ more: true });
    the("search").oninput = () => this.loadIn(250);
  }

  async load({ more = false } = {}) {
    const turn = ++this.asked;
    const search = the("search").value.trim();
    const query = { limit: 50, ...(search ? { search } : {}), ...(more ? { cursor: this.cursor } : {}) };
    try {
      const page = await this.client.list(query);
      if (turn !== this.asked) return; // a later question overtook this one
      if (!more) the("list-rows").replaceChildren();
      the("list-rows").append(...page.results.map((file) => this.row(file)));
      this.cursor = page.next && new URL(page.next, location.href).searchParams.get("cursor");
      this.showEnd(search);
    } catch (error) {
      this.onerror(error);
    }
  }

  /** Put a file that has just been uploaded on top. */
  add(file) {
    if (the("search").value.trim()) return;
    if (the("list-rows").children.length >= MOST_ADDED) return this.loadIn(1000);
    the("list-rows").prepend(this.row(file));
    this.showEnd("");
  }

  loadIn(milliseconds) {
    clearTimeout(this.loading);
    this.loading = setTimeout(() => this.load(), milliseconds);
  }

  showEnd(search) {
    const none = !the("list-rows").children.length;
    the("list").hidden = none;
    the("empty").hidden = !none;
    the("empty").textContent = search ? `No file has “${search}” in its name.` : "No files yet.";
    the("more").hidden = !this.cursor;
  }

  row(file) {
    const row = make("li", { class: "row" });
    const buttons = make(
      "span",
      {},
      button("Download", () => this.download(file), { of: file.name }),
      button("Delete", () => this.remove(file, row), { danger: true, of: file.name }),
    );
    row.append(
      make("span", { class: "name", title: file.name }, file.name),
      make("span", { class: "size" }, size(file.file_size)),
      make("span", { class: "date", title: file.completed }, date(file.completed ?? file.created)),
      buttons,
    );
    return row;
  }

  async download(file) {
    try {
      const { url } = await this.client.presignedUrl(file.id, { attachment: true });
      const link = make("a", { href: this.client.absolute(url), download: file.name, rel: "noopener" });
      document.body.append(link);
      link.click();
      link.remove();
    } catch (error) {
      this.onerror(error);
    }
  }

  /** Delete a file: the row goes at once, the bytes are kept, and "Undo" brings both back. */
  async remove(file, row) {
    const next = row.nextSibling;
    const list = row.parentNode;
    row.remove();
    this.showEnd(the("search").value.trim());
    const back = () => {
      list.insertBefore(row, next?.parentNode === list ? next : null);
      row.querySelector("button").focus();
      this.showEnd("");
    };
    const restore = async () => {
      try {
        await this.client.restore(file.id);
        back();
      } catch (error) {
        this.onerror(error);
      }
    };
    try {
      await this.client.remove(file.id);
      notice(`Deleted ${file.name}`, { action: "Undo", onaction: restore });
    } catch (error) {
      back();
      this.onerror(error);
    }
  }
}
