/** Trying again: back-off with full jitter, within a budget of time, and not at all while the browser is offline. */

const FIRST_DELAY = 500; // milliseconds
const MAX_DELAY = 20_000; // milliseconds
const LASTING = 180_000; // milliseconds; an attempt that took longer was under way, or slept with the machine

/** Wait. Rejects when the signal aborts. @param {number} milliseconds @param {AbortSignal} signal */
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}

/** Settled once the browser is online. @param {AbortSignal} signal */
export async function online(signal) {
  while (!navigator.onLine) await sleep(500, signal);
}

/**
 * Do something until it succeeds, fails for good, or patience ends.
 *
 * @template T
 * @param {() => Promise<T>} deed
 * @param {{signal: AbortSignal, patience: number, worth: (error: Error) => boolean, onwait: (error: Error | null) => void}} how
 *   patience: milliseconds of nothing but failures; worth: whether to try again after this error; onwait: told why it
 *   waits, and null when it goes on
 * @returns {Promise<T>}
 */
export async function persist(deed, { signal, patience, worth, onwait }) {
  let failingSince = null;
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    const began = Date.now();
    try {
      const result = await deed();
      if (attempt) onwait(null);
      return result;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const now = Date.now();
      if (failingSince === null || now - began > LASTING) failingSince = now;
      if (!worth(error) || now - failingSince > patience) throw error;
      if (attempt) onwait(error);
      const asked = (error.retryAfter ?? 0) * 1000;
      await sleep(Math.max(asked, Math.random() * Math.min(MAX_DELAY, FIRST_DELAY * 2 ** attempt)), signal);
      if (!navigator.onLine) {
        onwait(error);
        await online(signal);
        failingSince = null;
      }
    }
  }
}
