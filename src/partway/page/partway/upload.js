/** One upload: begun or taken up again, sent part by part straight to the store, completed and verified. */

import { PartwayError } from "./client.js";
import { fromBase64, joinCrc32, toBase64 } from "./crc32.js";
import { fingerprint, wholeSum } from "./fingerprint.js";
import { persist } from "./patience.js";
import { ENDING, find, release, standing, take } from "./resume.js";
import { PartSender, sliceOf } from "./sender.js";

const PATIENCE = 15 * 60_000; // milliseconds of nothing but failures until an upload fails
const REFUSALS = 4; // times that a refusal is met with a fresh URL and a fresh checksum
const ROUNDS = 3; // times that parts which the service misses are sent again
const ALGORITHM = "crc32";
const RUNNING = ["preparing", "uploading", "completing"];
const OVERTAKEN = new Set(["NoSuchUpload", "upload_completed", "upload_aborted", "upload_gone"]);

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
    this.verified = false;
    this.id = null;
    this.kept = 0; // bytes that the store held when this run began
    this.compared = 0; // bytes of the store's parts that were held against the local ones
    this.sender = null;
    this.crcs = new Map(); // part number → CRC-32 of the local bytes; null: the store has all, and they were not compared
    this.key = randomKey();
  }

  /** Bytes that have gone. */
  get sent() {
    return this.sender?.sent ?? this.compared;
  }

  /** Begin, or go on. */
  start() {
    if (!["waiting", "paused", "failed"].includes(this.state)) return this.running;
    this.error = null;
    this.running = this.run();
    return this.running;
  }

  /** Stop for now. What the store holds stays. */
  pause() {
    if (RUNNING.includes(this.state)) this.control.abort();
    else if (this.state === "waiting") this.become("paused");
  }

  /**
   * Give the upload up, here and at the service.
   * @throws {PartwayError} the service does not answer, or the upload is complete already
   */
  async cancel() {
    this.cancelled = true;
    this.control?.abort();
    this.become("cancelled");
    await this.running; // an initiation under way tells the id that is to be given up
    try {
      if (this.id) await this.client.abort(this.id);
    } finally {
      release(this.id);
    }
  }

  async run() {
    this.control = new AbortController();
    try {
      this.become("preparing");
      await this.prepare();
      this.control.signal.throwIfAborted();
      this.become("uploading");
      await this.sender.send(this.missing(), this.control, this.givenParts());
      await this.conclude();
    } catch (error) {
      await this.stopped(error);
    }
  }

  async conclude() {
    this.become("completing");
    this.result = await this.finish();
    release(this.id);
    this.become("done");
    this.dispatchEvent(new CustomEvent("done", { detail: this.result }));
  }

  async stopped(error) {
    if (this.cancelled) return;
    if (error.name === "AbortError") return this.become("paused");
    if (OVERTAKEN.has(error.code) && this.state === "uploading") return this.overtaken();
    this.error = error;
    this.become("failed");
  }

  /** The upload is not open any more: it was completed from elsewhere, or given up. */
  async overtaken() {
    this.control = new AbortController();
    try {
      const { signal } = this.control;
      const { upload_status: status } = await this.ask(() => this.client.state(this.id, { signal }));
      if (ENDING.has(status)) return await this.conclude();
      const detail = "The upload was cancelled elsewhere, or it was left for too long. Trying again begins it anew.";
      throw new PartwayError(detail, { code: "upload_ended" });
    } catch (error) {
      await this.stopped(error);
    }
  }

  /** Find the upload of the same content, or begin one. */
  async prepare() {
    this.sender = null;
    this.compared = 0;
    this.fingerprint ??= await this.reading(fingerprint(this.file, (blob) => this.sums.crc32(blob)));
    const tools = this.tools();
    const before = this.id;
    const own = before && (await standing(before, this.file, tools));
    const found = own || (await find(this.file, this.fingerprint, tools));
    const { plan, crcs, held } = found ?? { plan: await this.begin(), crcs: new Map(), held: 0 };
    if (before !== plan.id) release(before);
    this.id = plan.id;
    this.plan = plan;
    this.crcs = crcs;
    this.kept = held;
    const crcOf = (number) => this.crcOf(number);
    this.sender = new PartSender({ ...tools, file: this.file, plan, slots: this.slots, held, crcOf });
  }

  tools() {
    return {
      client: this.client,
      fields: this.fields,
      sums: this.sums,
      signal: this.control.signal,
      known: this.crcs ?? new Map(),
      ask: (deed) => this.ask(deed),
      reading: (sum) => this.reading(sum),
      onprogress: () => this.progress(),
      oncompared: (bytes) => {
        this.compared = bytes;
        this.progress();
      },
    };
  }

  missing() {
    if (!this.crcs) return [];
    const numbers = Array.from({ length: this.plan.num_parts }, (_, index) => index + 1);
    return numbers.filter((number) => !this.crcs.has(number));
  }

  /** The one part of a small file: its URL came with the upload itself. */
  givenParts() {
    const { num_parts: count, presigned_urls: signed = [] } = this.plan;
    if (count !== 1 || !signed.length) return [];
    this.crcs.set(1, wholeSum(this.fingerprint));
    return signed;
  }

  async crcOf(number) {
    this.control.signal.throwIfAborted();
    const crc = await this.reading(this.sums.crc32(sliceOf(this.file, this.plan, number)));
    this.crcs?.set(number, crc);
    return crc;
  }

  /** A new upload. The request itself is never broken off, so that no upload is begun that nobody knows of. */
  async begin() {
    const whole = wholeSum(this.fingerprint);
    const body = {
      ...this.fields,
      file_name: this.file.name,
      file_size: this.file.size,
      file_content_type: this.file.type,
      fingerprint: this.fingerprint,
      checksum_algorithm: ALGORITHM,
      ...(whole === null ? { presign_parts: 0 } : { presign_parts: 1, part_checksums: [toBase64(whole)] }),
    };
    for (;;) {
      const plan = await this.ask(() => this.client.initiate(body, { idempotencyKey: this.key }));
      // Otherwise the earlier upload of this key has ended, or another of the same content has found it first.
      if (plan.upload_status === "uploading" && take(plan.id)) {
        this.id = plan.id;
        return plan;
      }
      this.key = randomKey();
    }
  }

  /** Complete, sending again what the service finds missing, and compare the checksum of the whole. */
  async finish() {
    for (let round = 0; ; round++) {
      try {
        const signal = this.control.signal;
        const file = await this.ask(() => this.client.complete(this.id, { signal }));
        this.verify(file);
        return file;
      } catch (error) {
        if (error.code !== "parts_missing" || round === ROUNDS) throw error;
        await this.sendAgain(error.facts.missing);
      }
    }
  }

  async sendAgain(numbers) {
    for (const number of numbers) this.sender.held -= this.sender.slice(number).size;
    await this.sender.send(numbers, this.control);
  }

  verify(file) {
    const [algorithm, checksum] = (file.checksum ?? "").split(":");
    if (algorithm !== ALGORITHM || this.crcs?.size !== this.plan.num_parts) return;
    const crcs = [...this.crcs.entries()].sort(([a], [b]) => a - b);
    const whole = crcs.reduce((sum, [number, crc]) => joinCrc32(sum, crc, this.sender.slice(number).size), 0);
    if (whole !== fromBase64(checksum)) {
      throw new PartwayError("The stored file is not this one: its checksum differs. Upload it again.", {
        code: "checksum_mismatch",
      });
    }
    this.verified = true;
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
    const onwait = (error) => this.wait(error);
    return persist(deed, { signal: this.control.signal, patience: PATIENCE, worth: worthAnotherTry(), onwait });
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

/** Whether an error passes with time, or may be cured by a fresh URL and a fresh checksum. */
function worthAnotherTry() {
  const curable = new Set(["AccessDenied", "BadDigest", "ExpiredToken", "InvalidAccessKeyId", "cors"]);
  let refusals = 0;
  return (error) => {
    if (curable.has(error.code)) return refusals++ < REFUSALS;
    return Boolean(error.transient);
  };
}

/** 128 random bits; `crypto.randomUUID` is not there on plain http. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
