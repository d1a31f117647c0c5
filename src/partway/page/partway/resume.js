/** Finds the open upload of the same file, and holds what the store has of it against the local bytes. */

import { toBase64 } from "./crc32.js";
import { sliceOf } from "./sender.js";

/** States of an upload whose parts are all there. */
export const ENDING = new Set(["completing", "completed"]);

const taken = new Set(); // ids of uploads that this page carries on: two files of one content are two uploads

/** Make an upload one's own. @param {string} id @returns {boolean} false: another has it */
export function take(id) {
  if (taken.has(id)) return false;
  taken.add(id);
  return true;
}

/** Let an upload go. @param {string | null} id */
export function release(id) {
  taken.delete(id);
}

/**
 * What is known of an upload that may be gone on with.
 *
 * @typedef {{plan: object, crcs: Map<number, number>, held: number}} Standing
 *   crcs: of the parts that the store holds; held: bytes that it holds
 */

/**
 * The open upload of a file, made one's own; null if there is none.
 *
 * @param {File} file
 * @param {string} fingerprint
 * @param {object} tools as `standing` has them, and `fields` of the initiation: what is attached elsewhere is another upload
 * @returns {Promise<Standing | null>}
 */
export async function find(file, fingerprint, tools) {
  const { client, ask, signal, fields } = tools;
  const found = await ask(() => client.list({ status: "uploading", fingerprint }, { signal }));
  for (const record of found.results) {
    const { id, file_size, file_name } = record;
    if (file_size !== file.size || file_name !== file.name || parentOf(record) !== parentOf(fields) || !take(id)) continue;
    const result = await standing(id, file, tools).catch((error) => {
      release(id);
      throw error;
    });
    if (result) return result;
    release(id);
  }
  return null;
}

/** What a file is attached to, or will be, to be compared: as an id, 7 is "7". */
function parentOf({ parent_content_type: kind, parent_object_id: id }) {
  return JSON.stringify([kind ?? null, String(id ?? "")]);
}

/**
 * How far an upload has come; null if it cannot be gone on with, or what it holds is not of this file.
 *
 * @param {string} id
 * @param {File} file
 * @param {{client: object, sums: object, signal: AbortSignal, ask: Function, reading: Function, known: Map<number, number>,
 *   oncompared: (bytes: number) => void}} tools known: CRCs of parts that were read before; they are not read twice
 * @returns {Promise<Standing | null>}
 */
export async function standing(id, file, { client, sums, signal, ask, reading, known, oncompared }) {
  const plan = await ask(() => client.state(id, { signal })).catch((error) => {
    if (error.code === "not_found") return null;
    throw error;
  });
  if (!plan || plan.file_size !== file.size) return null;
  if (ENDING.has(plan.upload_status)) return { plan, crcs: null, held: file.size };
  if (plan.upload_status !== "uploading" || ![null, "crc32"].includes(plan.checksum_algorithm)) return null;
  const crcs = new Map();
  let held = 0;
  for (const part of plan.uploaded_parts) {
    signal.throwIfAborted();
    const blob = sliceOf(file, plan, part.part_number);
    const crc = known.get(part.part_number) ?? (await reading(sums.crc32(blob)));
    const same = part.checksum ? part.checksum === toBase64(crc) : part.etag === (await reading(sums.md5(blob)));
    if (!same) return null;
    crcs.set(part.part_number, crc);
    held += part.size;
    oncompared(held);
  }
  return { plan, crcs, held };
}
