/** Finds an upload again by its content: the size, and the sums of up to sixteen pieces spread over the file. */

import { toHex } from "./crc32.js";

const SAMPLES = 16;
const SAMPLE_SIZE = 65536; // bytes
const WHOLE_UP_TO = 1024 * 1024; // bytes

/** Where the pieces begin and end. @param {number} size bytes @returns {Array<[number, number]>} */
export function samples(size) {
  if (size <= WHOLE_UP_TO) return [[0, size]];
  return Array.from({ length: SAMPLES }, (_, i) => {
    const offset = Math.floor((i * (size - SAMPLE_SIZE)) / (SAMPLES - 1));
    return [offset, offset + SAMPLE_SIZE];
  });
}

/** @param {Blob} file @param {(blob: Blob) => Promise<number>} crc32 @returns {Promise<string>} */
export async function fingerprint(file, crc32) {
  const sums = [];
  for (const [from, to] of samples(file.size)) sums.push(toHex(await crc32(file.slice(from, to))));
  return `v1.${file.size}.${sums.join("")}`;
}

/** The CRC-32 of a whole file whose one sample is all of it; null for a larger one. @param {string} print */
export function wholeSum(print) {
  const [, size, sums] = print.split(".");
  return Number(size) <= WHOLE_UP_TO ? parseInt(sums, 16) : null;
}
