/** What happens to uploads, as the service tells it: server-sent events by fetch, which can send a token. */

import { PartwayError } from "./client.js";
import { persist, sleep } from "./patience.js";

const SILENCE = 45_000; // milliseconds without a sign of life, of which there is one every 15 seconds
const PAUSE = 2_000; // milliseconds until we come again
const PATIENCE = 15 * 60_000; // milliseconds of nothing but failures
const FINAL = new Set(["upload.completed", "upload.aborted", "upload.failed", "file.removed"]);
const ENDED = new Set(["completed", "aborted", "failed"]);

/**
 * The events of one upload until its end, or of all files of the caller without end. After a break it goes on where it was.
 *
 * @param {import("./client.js").PartwayClient} client
 * @param {string | null} id of the upload; null: all files
 * @param {{after?: number, signal?: AbortSignal}} [options] after: the `position` of an event, to go on behind it
 * @returns {AsyncGenerator<{type: string, position?: number, file_id?: string, data?: object}>}
 * @throws {PartwayError} the service refuses, or does not answer for a quarter of an hour
 */
export async function* watch(client, id, { after, signal = new AbortController().signal } = {}) {
  const path = id ? `/files/uploads/${id}/events` : "/files/events";
  let line = new AbortController();
  const call = () => {
    line.abort();
    line = new AbortController();
    const headers = { "Last-Event-ID": after };
    return soon(client.request("GET", path, { headers, signal: AbortSignal.any([signal, line.signal]), stream: true }));
  };
  try {
    for (;;) {
      const worth = (error) => error.transient;
      const answer = await persist(call, { signal, patience: PATIENCE, worth, onwait: () => {} });
      if (answer === null) return; // there is nothing that we have not heard
      for await (const event of eventsOf(answer)) {
        after = event.position ?? after;
        yield event;
        if (id && isLast(event)) return;
      }
      await sleep(PAUSE * (0.5 + Math.random()), signal);
    }
  } finally {
    line.abort();
  }
}

/** The events of one answer, until it ends or breaks. */
async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await soon(reader.read()).catch(() => ({ done: true }));
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice("data: ".length));
    }
  }
}

function isLast({ type, data }) {
  return FINAL.has(type) || (type === "upload.state" && ENDED.has(data.upload_status));
}

/** What is promised, or an error if it takes longer than the service is ever silent. */
function soon(promise) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new PartwayError("The service is silent.", { code: "stalled" })), SILENCE);
  });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}
