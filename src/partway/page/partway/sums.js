/** Sums of a file's slices, computed in a worker so that the page never stutters. */

import { crc32 } from "./crc32.js";
import { Md5 } from "./md5.js";

const PIECE = 4 * 1024 * 1024; // bytes read at once

/** CRC-32 of a blob. @param {Blob} blob @returns {Promise<number>} */
export async function crc32Of(blob) {
  let sum = 0;
  for await (const bytes of pieces(blob)) sum = crc32(bytes, sum);
  return sum;
}

/** MD5 of a blob in hex. @param {Blob} blob @returns {Promise<string>} */
export async function md5Of(blob) {
  const md5 = new Md5();
  for await (const bytes of pieces(blob)) md5.update(bytes);
  return md5.hex();
}

async function* pieces(blob) {
  for (let at = 0; at < blob.size; at += PIECE) {
    yield new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer());
  }
}

/** The same two functions, in a worker of their own; in this thread where workers are not to be had. */
export class SumWorker {
  constructor() {
    this.waiting = new Map();
    this.next = 1;
    try {
      this.worker = new Worker(new URL("./sums-worker.js", import.meta.url), { type: "module" });
      this.worker.onmessage = ({ data }) => this.settle(data);
      this.worker.onerror = () => this.doWithout();
    } catch {
      this.worker = null;
    }
  }

  /** @param {Blob} blob @returns {Promise<number>} */
  crc32(blob) {
    return this.ask("crc32", blob);
  }

  /** @param {Blob} blob @returns {Promise<string>} */
  md5(blob) {
    return this.ask("md5", blob);
  }

  ask(kind, blob) {
    if (!this.worker) return compute(kind, blob);
    return new Promise((resolve, reject) => {
      const id = this.next++;
      this.waiting.set(id, { kind, blob, resolve, reject });
      this.worker.postMessage({ id, kind, blob });
    });
  }

  settle({ id, sum, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) reject(new DOMException(error.message, error.name));
    else resolve(sum);
  }

  doWithout() {
    this.worker = null;
    for (const { kind, blob, resolve, reject } of this.waiting.values()) compute(kind, blob).then(resolve, reject);
    this.waiting.clear();
  }
}

/** One sum, in this thread. */
export function compute(kind, blob) {
  return kind === "md5" ? md5Of(blob) : crc32Of(blob);
}
