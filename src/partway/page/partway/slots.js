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
      const leave = () => {
        this.waiting.splice(this.waiting.indexOf(turn), 1);
        reject(signal.reason);
      };
      const turn = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      this.waiting.push(turn);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  give() {
    const turn = this.waiting.shift();
    if (turn) turn();
    else this.free++;
  }
}
