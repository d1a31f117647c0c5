/** Sends one part by XMLHttpRequest, which alone tells how much of a body has gone. */

import { PartwayError } from "./client.js";

const STALLED_AFTER = 30_000; // milliseconds without a byte

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
    let stalled;
    const watch = () => {
      clearTimeout(stalled);
      stalled = setTimeout(() => {
        fail(new PartwayError("No byte went out for half a minute.", { code: "stalled" }));
        request.abort();
      }, STALLED_AFTER);
    };
    const end = () => {
      clearTimeout(stalled);
      signal.removeEventListener("abort", cancel);
    };
    const fail = (error) => {
      end();
      reject(error);
    };
    const cancel = () => {
      fail(new DOMException("The upload was paused.", "AbortError"));
      request.abort();
    };
    request.upload.onprogress = ({ loaded }) => {
      watch();
      onprogress(loaded);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        end();
        resolve();
      } else fail(refusal(request));
    };
    request.onerror = () =>
      fail(
        new PartwayError("The store cannot be reached, or its CORS rules do not let this page send to it.", {
          code: "unreachable",
        }),
      );
    if (signal.aborted) return cancel();
    signal.addEventListener("abort", cancel);
    request.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    watch();
    // A blob without a type of its own: the browser then adds no Content-Type.
    request.send(body.slice(0, body.size, ""));
  });
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
