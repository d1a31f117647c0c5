/** One upload: begun or taken up again, sent part by part straight to the store, completed and verified. */

import { PartwayError } from "./client.js";
import { fromBase64, joinCrc32, toBase64 } from "./crc32.js";
import { fingerprint } from "./fingerprint.js";
import { persist } from "./patience.js";
import { send } from "./send.js";

const PATIENCE = 15 * 60_000; // milliseconds without a success until an upload fails
const WINDOW = 4; // parts whose URLs are asked for at once
const ALGORITHM = "crc32";

/**
 * Events: `change` (state, or the reason it waits), `progress`, `done` (detail: the file).
 *
 * States: `waiting`, `preparing`, `uploading`, `completing`, `paused`, `done`, `failed`, `cancelled`.
 */
export class Upload extends EventTarget {
  /**
   * @param {File} file
   * @param {{client: import("./client.js").PartwayClient, slots: import("./slots.js").Slots,
   *   sums: import("./sums.js").SumWorker, fields?: object}} options fields: more of the initiation (folder, metadata, …)
   */
  constructor(file, { client, slots, sums, fields = {} }) {
    super();
    this.file = file;
    this.client = client;
    this.slots = slots;
    this.sums = sums;
    this.fields = fields;
    this.state = "waiting";
    this.waitsFor = null;
    this.error = null;
    this.result = null;
    this.id = null;
    this.kept = 0; // bytes that the store held when this run began
    this.held = 0; // bytes that the store has taken
    this.flying = new Map(); // part number → bytes gone
    this.key = randomKey();
  }

  /** Bytes that have gone. */
  get sent() {
    let flying = 0;
    for (const bytes of this.flying.values()) flying += bytes;
    return Math.min(this.file.size, this.held + flying);
  }

  /** Begin, or go on. */
  async start() {
    if (!["waiting", "paused", "failed"].includes(this.state)) return;
    this.error = null;
    this.control = new AbortController();
    try {
      this.become("preparing");
      await this.prepare();
      this.become("uploading");
      await this.sendParts();
      this.become("completing");
      this.result = await this.finish();
      this.become("done");
      this.dispatchEvent(new CustomEvent("done", { detail: this.result }));
    } catch (error) {
      this.stopped(error);
    }
  }

  /** Stop for now. What the store holds stays. */
  pause() {
    if (["preparing", "uploading", "completing"].includes(this.state)) this.control.abort();
    else if (this.state === "waiting") this.become("paused");
  }

  /** Give the upload up, here and at the service. */
  async cancel() {
    this.cancelled = true;
    this.control?.abort();
    this.become("cancelled");
    if (this.id) await this.client.abort(this.id);
  }

  get signal() {
    return this.control.signal;
  }

  stopped(error) {
    this.flying.clear();
    if (this.cancelled) return;
    if (error.name === "AbortError") return this.become("paused");
    this.error = error;
    this.become("failed");
  }

  /** Find the upload of the same content, or begin one. */
  async prepare() {
    this.crcs = new Map(); // part number → CRC-32 of the local bytes
    this.held = 0;
    this.fingerprint ??= await this.reading(fingerprint(this.file, (blob) => this.sums.crc32(blob)));
    this.plan = (this.id && (await this.takeUp(this.id))) || (await this.find()) || (await this.begin());
    this.id = this.plan.id;
    this.kept = this.held;
    this.checksummed = this.plan.checksum_algorithm === ALGORITHM;
    this.missing = [];
    for (let number = 1; number <= this.plan.num_parts; number++) {
      if (!this.crcs.has(number)) this.missing.push(number);
    }
    this.ready = []; // signed, to be sent next
    this.signing = Promise.resolve();
  }

  async find() {
    const found = await this.ask(() =>
      this.client.list({ status: "uploading", fingerprint: this.fingerprint }, { signal: this.signal }),
    );
    for (const { id, file_size } of found.results) {
      const plan = file_size === this.file.size && (await this.takeUp(id));
      if (plan) return plan;
    }
    return null;
  }

  /** Go on with an upload if it is open and all that it holds is this file's; else null. */
  async takeUp(id) {
    const plan = await this.ask(() => this.client.state(id, { signal: this.signal })).catch((error) => {
      if (error.code === "not_found") return null;
      throw error;
    });
    if (!plan || ![null, ALGORITHM].includes(plan.checksum_algorithm)) return null;
    if (plan.upload_status === "completed") return this.alreadyThere(plan);
    if (plan.upload_status !== "uploading") return null;
    this.crcs.clear();
    this.held = 0;
    for (const part of plan.uploaded_parts) {
      if (!(await this.isOurs(part, plan))) return null;
      this.held += part.size;
      this.progress();
    }
    return plan;
  }

  alreadyThere(plan) {
    for (let number = 1; number <= plan.num_parts; number++) this.crcs.set(number, null);
    this.held = this.file.size;
    return plan;
  }

  /** Hold a stored part against the local bytes: by its checksum, or by its ETag, which is an MD5. */
  async isOurs(part, plan) {
    const blob = this.slice(part.part_number, plan);
    this.signal.throwIfAborted();
    const crc = await this.reading(this.sums.crc32(blob));
    this.crcs.set(part.part_number, crc);
    if (part.checksum) return part.checksum === toBase64(crc);
    return part.etag === (await this.reading(this.sums.md5(blob)));
  }

  async begin() {
    this.crcs.clear();
    this.held = 0;
    const body = {
      ...this.fields,
      file_name: this.file.name,
      file_size: this.file.size,
      file_content_type: this.file.type,
      fingerprint: this.fingerprint,
      checksum_algorithm: ALGORITHM,
      presign_parts: 0,
    };
    const begun = () => this.client.initiate(body, { idempotencyKey: this.key, signal: this.signal });
    const plan = await this.ask(begun);
    if (plan.upload_status === "uploading") return plan;
    this.key = randomKey(); // the earlier upload of this key has ended
    return this.ask(begun);
  }

  async sendParts() {
    const workers = Array.from({ length: Math.min(8, this.missing.length) }, () => this.sendOneAfterAnother());
    try {
      await Promise.all(workers);
    } catch (error) {
      this.control.abort(error); // the other workers stop too
      await Promise.allSettled(workers);
      throw error;
    }
  }

  async sendOneAfterAnother() {
    while (this.missing.length || this.ready.length) {
      const done = await this.slots.run(async () => {
        const signed = await this.nextSigned();
        if (!signed) return true;
        await this.sendPart(signed);
        return false;
      }, this.signal);
      if (done) return;
    }
  }

  /** The next part with a fresh URL; URLs are asked for in small windows, just before they are used. */
  nextSigned() {
    const turn = this.signing.then(async () => {
      if (!this.ready.length && this.missing.length) this.ready = await this.sign(this.missing.splice(0, WINDOW));
      return this.ready.shift();
    });
    this.signing = turn.catch(() => {});
    return turn;
  }

  async sign(numbers) {
    const checksums = this.checksummed ? [] : undefined;
    for (const number of numbers) {
      const crc = await this.reading(this.sums.crc32(this.slice(number)));
      this.crcs.set(number, crc);
      checksums?.push(toBase64(crc));
    }
    const ask = () => this.client.presign(this.id, numbers, checksums, { signal: this.signal });
    return (await this.ask(ask)).presigned_urls;
  }

  async sendPart(signed) {
    const number = signed.part_number;
    let attempt = 0;
    await this.ask(async () => {
      if (attempt++) [signed] = await this.sign([number]);
      this.flying.set(number, 0);
      const options = {
        signal: this.signal,
        onprogress: (bytes) => {
          this.flying.set(number, bytes);
          this.progress();
        },
      };
      try {
        await send(this.client.absolute(signed.url), this.slice(number), signed.headers, options);
        this.held += signed.size;
      } finally {
        this.flying.delete(number);
        this.progress();
      }
    });
  }

  /** Complete, sending again what the service finds missing, and compare the checksum of the whole. */
  async finish() {
    for (let round = 0; ; round++) {
      try {
        const file = await this.ask(() => this.client.complete(this.id, { signal: this.signal }));
        this.verify(file);
        return file;
      } catch (error) {
        if (error.code !== "parts_missing" || round === 3) throw error;
        this.missing = error.facts.missing;
        for (const number of this.missing) this.held -= this.slice(number).size;
        await this.sendParts();
      }
    }
  }

  verify(file) {
    const [algorithm, checksum] = (file.checksum ?? "").split(":");
    const crcs = [...this.crcs.entries()].sort(([a], [b]) => a - b);
    if (algorithm !== ALGORITHM || crcs.length !== this.plan.num_parts || crcs.some(([, crc]) => crc === null)) return;
    const whole = crcs.reduce((sum, [number, crc]) => joinCrc32(sum, crc, this.slice(number).size), 0);
    if (whole !== fromBase64(checksum)) {
      throw new PartwayError("The stored file is not this one: its checksum differs. Upload it again.", {
        code: "checksum_mismatch",
      });
    }
    this.verified = true;
  }

  slice(number, plan = this.plan) {
    return this.file.slice((number - 1) * plan.part_size, Math.min(number * plan.part_size, this.file.size));
  }

  /** Read the local file, telling plainly when it has changed or gone. */
  async reading(sum) {
    try {
      return await sum;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new PartwayError("The file on your disk changed or cannot be read. Pick it again.", { code: "unreadable" });
    }
  }

  ask(deed) {
    return persist(deed, {
      signal: this.signal,
      patience: PATIENCE,
      worth: worthAnotherTry,
      onwait: (error) => this.wait(error),
    });
  }

  wait(error) {
    this.waitsFor = error;
    this.dispatchEvent(new Event("change"));
  }

  progress() {
    this.dispatchEvent(new Event("progress"));
  }

  become(state) {
    this.state = state;
    this.waitsFor = null;
    this.dispatchEvent(new Event("change"));
  }
}

/** Errors of the store that a fresh URL, or just time, may cure. */
function worthAnotherTry(error) {
  if (error.name === "AbortError" || error.code === "unreadable") return false;
  if (["unreachable", "stalled", "AccessDenied", "RequestTimeout", "BadDigest"].includes(error.code)) return true;
  return Boolean(error.transient);
}

/** 128 random bits; `crypto.randomUUID` is not there on plain http. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
