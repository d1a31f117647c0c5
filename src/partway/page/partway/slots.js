/** A number of slots that all parts of all files share. */
export class Slots {
  /** @param {number} count */
  constructor(count) {
    this.free = count;
    this.waiting = [];
  }

  /** Run a deed in a slot. @template T @param {() => Promise<T>} deed @param {AbortSignal} signal @returns {Promise<T>} */
  async run(deed, signal) {
    await this.take(signal);
    try {
      return await deed();
    } finally {
      this.give();
    }
  }

  take(signal) {
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const turn = { resolve, signal };
      this.waiting.push(turn);
      signal.addEventListener("abort", () => {
        const place = this.waiting.indexOf(turn);
        if (place >= 0) {
          this.waiting.splice(place, 1);
          reject(signal.reason);
        }
      });
    });
  }

  give() {
    const turn = this.waiting.shift();
    if (turn) turn.resolve();
    else this.free++;
  }
}
