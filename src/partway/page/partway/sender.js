/** Sends the parts of one upload: several at a time in the shared slots, each again until the store has taken it. */

import { PartwayError } from "./client.js";
import { toBase64 } from "./crc32.js";
import { PartFeed } from "./feed.js";
import { answers, send } from "./send.js";

const LOOPS = 8; // parts of one file that may stand in line for a slot

/** Knows which bytes the store has, and sends the others. */
export class PartSender {
  /**
   * @param {{file: File, plan: object, client: object, slots: object, signal: AbortSignal, held: number,
   *   crcOf: (number: number) => Promise<number>, ask: (deed: Function) => Promise<any>, onprogress: () => void}} options
   *   held: bytes that the store has already; crcOf: reads a part; ask: repeats what fails for a while
   */
  constructor({ file, plan, client, slots, signal, held, crcOf, ask, onprogress }) {
    Object.assign(this, { file, plan, client, slots, signal, held, crcOf, ask, onprogress });
    this.flying = new Map(); // part number → bytes gone
  }

  /** Bytes that have gone. */
  get sent() {
    let flying = 0;
    for (const bytes of this.flying.values()) flying += bytes;
    return Math.min(this.file.size, this.held + flying);
  }

  /**
   * Send these parts. The first that fails for good stops the others.
   * @param {number[]} numbers
   * @param {AbortController} control ends all of it
   * @param {object[]} [signed] those of them whose URLs are there already
   */
  async send(numbers, control, signed = []) {
    const sign = (some) => this.sign(some);
    const feed = new PartFeed(numbers, { partSize: this.plan.part_size, signed, sign });
    const loops = Array.from({ length: Math.min(LOOPS, numbers.length) }, () => this.loop(feed));
    try {
      await Promise.all(loops);
    } catch (error) {
      control.abort(error);
      await Promise.allSettled(loops);
      throw error;
    }
  }

  async loop(feed) {
    for (let going = true; going; ) {
      going = await this.slots.run(async () => {
        const signed = await feed.next();
        if (signed) await this.sendPart(signed);
        return Boolean(signed);
      }, this.signal);
    }
  }

  async sign(numbers) {
    const crcs = [];
    for (const number of numbers) crcs.push(await this.crcOf(number));
    const checksums = this.plan.checksum_algorithm ? crcs.map(toBase64) : undefined;
    const ask = () => this.client.presign(this.plan.id, numbers, checksums, { signal: this.signal });
    return (await this.ask(ask)).presigned_urls;
  }

  async sendPart(signed) {
    const number = signed.part_number;
    let again = false;
    await this.ask(async () => {
      if (again) [signed] = await this.sign([number]);
      again = true;
      try {
        await this.put(signed);
        this.held += signed.size;
      } finally {
        this.flying.delete(number);
        this.onprogress();
      }
    });
  }

  async put({ part_number: number, url, headers }) {
    const address = this.client.absolute(url);
    const onprogress = (bytes) => {
      this.flying.set(number, bytes);
      this.onprogress();
    };
    try {
      await send(address, this.slice(number), headers, { signal: this.signal, onprogress });
    } catch (error) {
      if (error.code === "unreachable" && !this.flying.get(number) && (await answers(address))) throw forbidden(address);
      throw error;
    }
  }

  /** The local bytes of a part. @param {number} number @returns {Blob} */
  slice(number) {
    return sliceOf(this.file, this.plan, number);
  }
}

/** The bytes of a part. @param {File} file @param {{part_size: number}} plan @param {number} number 1, 2, … */
export function sliceOf(file, plan, number) {
  return file.slice((number - 1) * plan.part_size, Math.min(number * plan.part_size, file.size));
}

function forbidden(address) {
  return new PartwayError(
    `The store does not let this page send to it. Its bucket needs a CORS rule that allows PUT from ${location.origin}` +
      ` (store: ${new URL(address).origin}). Set it, then try again.`,
    { code: "cors" },
  );
}
