/** Hands out the parts to be sent, each with its URL. URLs are asked for in small windows, one window ahead of need. */

const WINDOW = 4; // parts whose URLs are asked for at once
const WINDOW_SIZE = 64 * 1024 * 1024; // bytes; large parts come one by one, since each is read for its checksum first

/** The parts of one upload that the store does not hold yet. */
export class PartFeed {
  /**
   * @param {number[]} numbers of the parts
   * @param {{partSize: number, signed: object[], sign: (numbers: number[]) => Promise<object[]>}} options
   *   partSize: bytes; signed: parts whose URLs are there already
   */
  constructor(numbers, { partSize, signed, sign }) {
    const there = new Set(signed.map(({ part_number: number }) => number));
    this.missing = numbers.filter((number) => !there.has(number));
    this.window = Math.max(1, Math.min(WINDOW, Math.floor(WINDOW_SIZE / Math.max(1, partSize))));
    this.sign = sign;
    this.ready = [...signed];
    this.signing = null;
  }

  /** The next part with a fresh URL; undefined when none is left. */
  async next() {
    while (!this.ready.length && (this.missing.length || this.signing)) await this.fill();
    const signed = this.ready.shift();
    // An error of this early look comes up again when the parts are really wanted.
    if (this.missing.length && this.ready.length < this.window / 2) this.fill().catch(() => {});
    return signed;
  }

  fill() {
    this.signing ??= this.signSome().finally(() => {
      this.signing = null;
    });
    return this.signing;
  }

  async signSome() {
    const numbers = this.missing.slice(0, this.window);
    const signed = await this.sign(numbers);
    this.missing.splice(0, numbers.length);
    this.ready.push(...signed);
  }
}
