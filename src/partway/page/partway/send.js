/** Sends one part by XMLHttpRequest, which alone tells how much of a body has gone. */

import { PartwayError } from "./client.js";

const STALLED_AFTER = 30_000; // milliseconds without a byte
const ANSWER_WITHIN = 300_000; // milliseconds from the last byte to the store's answer

/**
 * PUT a body to a presigned URL.
 *
 * @param {string} url
 * @param {Blob} body
 * @param {object} headers all that must be sent
 * @param {{onprogress: (bytes: number) => void, signal: AbortSignal}} options
 * @returns {Promise<void>} settled once the store has taken the part
 * @throws {PartwayError} with the store's own code, or `unreachable`, or `stalled`
 */
export function send(url, body, headers, { onprogress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let timer;
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cancel);
    };
    const fail = (error) => {
      end();
      reject(error);
    };
    const cancel = () => {
      fail(signal.reason);
      request.abort();
    };
    const expect = (milliseconds) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        fail(new PartwayError("The store has gone silent.", { code: "stalled" }));
        request.abort();
      }, milliseconds);
    };
    request.upload.onprogress = ({ loaded }) => {
      expect(STALLED_AFTER);
      onprogress(loaded);
    };
    request.upload.onload = () => expect(ANSWER_WITHIN);
    request.onload = () => {
      if (request.status < 200 || request.status >= 300) return fail(refusal(request));
      end();
      resolve();
    };
    request.onerror = () => fail(unreachable());
    if (signal.aborted) return cancel();
    signal.addEventListener("abort", cancel);
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    expect(STALLED_AFTER);
    // A blob without a type of its own: the browser then adds no Content-Type.
    request.send(body.slice(0, body.size, ""));
  });
}

/**
 * Whether a server of another origin answers at all. If it does, but a PUT to it fails before its first byte, then the
 * browser was not allowed to send it: scripts are told no more than that. @param {string} url
 */
export async function answers(url) {
  const { origin } = new URL(url, location.href);
  if (origin === location.origin) return false;
  return fetch(`${origin}/`, { method: "HEAD", mode: "no-cors", signal: AbortSignal.timeout(10_000) }).then(
    () => true,
    () => false,
  );
}

function unreachable() {
  const detail = "The store cannot be reached, or its CORS rules do not let this page send to it.";
  return new PartwayError(detail, { code: "unreachable" });
}

/** The store's XML in its own words. */
function refusal(request) {
  const document = new DOMParser().parseFromString(request.responseText || "<x/>", "application/xml");
  const code = document.querySelector("Code")?.textContent || `status ${request.status}`;
  const message = document.querySelector("Message")?.textContent || "";
  return new PartwayError(`The store answered ${code}${message ? `: ${message}` : ""}`, {
    code,
    status: request.status,
    retryAfter: Number(request.getResponseHeader("Retry-After")) || 0,
  });
}
