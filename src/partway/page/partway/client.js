/**
 * The wire: one method per request of the files API. Knows no files of the browser and no user interface.
 */

const ANSWER_WITHIN = 120_000; // milliseconds
const PASSING = new Set(["unreachable", "stalled", "RequestTimeout", "upload_completing", "upload_pending"]);

/** An error that the service, or the way to it, answered with. */
export class PartwayError extends Error {
  /**
   * @param {string} detail what went wrong and what to do next, for people
   * @param {{code?: string, status?: number, retryAfter?: number, facts?: object}} [more]
   */
  constructor(detail, { code = "error", status = 0, retryAfter = 0, facts = {} } = {}) {
    super(detail);
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
    this.facts = facts;
  }

  /** Whether the same request may succeed a moment later. */
  get transient() {
    return PASSING.has(this.code) || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** Talks to one service. */
export class PartwayClient {
  /**
   * @param {{base?: string, prefix?: string, headers?: () => Promise<object> | object}} [options]
   *   base: origin of the service, empty for the page's own; prefix: of the API; headers: asked before each request.
   */
  constructor({ base = "", prefix = "/v1", headers = () => ({}) } = {}) {
    this.base = base;
    this.prefix = prefix;
    this.headers = headers;
  }

  /** Begin an upload. The key makes a repeated request begin no second one. */
  initiate(body, { idempotencyKey, signal } = {}) {
    return this.request("POST", "/files/uploads", { json: body, headers: { "Idempotency-Key": idempotencyKey }, signal });
  }

  /** The plan, and the parts that the store holds. */
  state(id, { signal } = {}) {
    return this.request("GET", `/files/uploads/${id}`, { signal });
  }

  /** Fresh URLs for some parts; checksums are parallel to the numbers. */
  presign(id, partNumbers, checksums, { signal } = {}) {
    const json = { part_numbers: partNumbers, ...(checksums ? { checksums } : {}) };
    return this.request("POST", `/files/uploads/${id}/presigned-urls`, { json, signal });
  }

  /** Join the parts; the finished file. */
  complete(id, { signal } = {}) {
    return this.request("POST", `/files/uploads/${id}/complete`, { json: {}, signal });
  }

  /** Give an upload up. */
  abort(id) {
    return this.request("DELETE", `/files/uploads/${id}`);
  }

  /** One page of files. */
  list(query = {}, { signal } = {}) {
    return this.request("GET", `/files?${new URLSearchParams(query)}`, { signal });
  }

  /** Delete a file: hidden at first, for good with `hard`. The request outlives the page. */
  remove(id, { hard = false } = {}) {
    return this.request("DELETE", `/files/${id}${hard ? "?hard_delete=true" : ""}`, { keepalive: true });
  }

  /** Undo a deletion, unless it was for good. */
  restore(id) {
    return this.request("POST", `/files/${id}/restore`);
  }

  /** An address from which the file can be fetched for a while. */
  presignedUrl(id, { attachment = false } = {}) {
    return this.request("GET", `/files/${id}/presigned-url?force_download=${attachment}`);
  }

  /** A store's address; one that begins with a slash belongs to the service's own origin. */
  absolute(url) {
    return url.startsWith("/") ? this.base + url : url;
  }

  /** One request; with `stream` the answer is not read, and may take as long as it likes. Null: it has no content. */
  async request(method, path, { json, headers = {}, signal, keepalive = false, stream = false } = {}) {
    const sent = { ...(await this.headers()), ...headers };
    if (json !== undefined) sent["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(`${this.base}${this.prefix}${path}`, {
        method,
        headers: Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined)),
        body: json === undefined ? undefined : JSON.stringify(json),
        signal: AbortSignal.any([...(stream ? [] : [AbortSignal.timeout(ANSWER_WITHIN)]), ...(signal ? [signal] : [])]),
        keepalive,
      });
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw new PartwayError("The service cannot be reached.", { code: "unreachable" });
    }
    if (answer.status === 204) return null;
    if (stream && answer.ok) return answer;
    const body = await answer.json().catch(() => null);
    if (!answer.ok) throw problem(answer, body);
    if (body === null) throw new PartwayError("The service's answer broke off.", { code: "unreachable" });
    return body;
  }
}

function problem(answer, body) {
  const { code, detail, ...facts } = body ?? {};
  return new PartwayError(detail ?? `The service answered ${answer.status}.`, {
    code: code ?? "error",
    status: answer.status,
    retryAfter: Number(answer.headers.get("Retry-After")) || 0,
    facts,
  });
}
