/** CRC-32 (the one of zip and PNG), eight bytes a step, and the join of two sums into that of the whole. */

const POLYNOMIAL = 0xedb88320;
const TABLES = makeTables(8);

/** Continue a CRC-32 over more bytes. @param {Uint8Array} bytes @param {number} [sum] of what came before */
export function crc32(bytes, sum = 0) {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let crc = ~sum;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc =
      t7[crc & 255] ^ t6[(crc >>> 8) & 255] ^ t5[(crc >>> 16) & 255] ^ t4[crc >>> 24] ^
      t3[bytes[at + 4]] ^ t2[bytes[at + 5]] ^ t1[bytes[at + 6]] ^ t0[bytes[at + 7]];
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]) & 255];
  return ~crc >>> 0;
}

/** The sum of A followed by B. @param {number} a @param {number} b @param {number} sizeOfB bytes */
export function joinCrc32(a, b, sizeOfB) {
  return (multiply(a, powerOfX(sizeOfB)) ^ b) >>> 0;
}

/** A sum as S3 writes it: base64 of four bytes, big-endian. @param {number} sum */
export function toBase64(sum) {
  return btoa(String.fromCharCode(sum >>> 24, (sum >>> 16) & 255, (sum >>> 8) & 255, sum & 255));
}

/** The sum that S3 wrote. @param {string} text */
export function fromBase64(text) {
  return [...atob(text)].reduce((sum, character) => ((sum << 8) | character.charCodeAt(0)) >>> 0, 0);
}

/** Eight hex digits. @param {number} sum */
export function toHex(sum) {
  return sum.toString(16).padStart(8, "0");
}

function makeTables(count) {
  const tables = [new Int32Array(256)];
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[0][byte] = crc;
  }
  for (let table = 1; table < count; table++) {
    tables.push(tables[table - 1].map((crc) => (crc >>> 8) ^ tables[0][crc & 255]));
  }
  return tables;
}

/** a·b modulo the polynomial, reflected. */
function multiply(a, b) {
  let product = 0;
  for (let mask = 0x80000000; mask; mask >>>= 1) {
    if (a & mask) product ^= b;
    b = (b >>> 1) ^ (b & 1 ? POLYNOMIAL : 0);
  }
  return product >>> 0;
}

/** x^(8·bytes) modulo the polynomial, by squaring; sizes may pass 2^32. */
function powerOfX(bytes) {
  let result = 0x80000000;
  let square = 0x00800000; // x^8
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}
