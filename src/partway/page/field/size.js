/** Sizes as Django writes them, with binary units: what the server says of a file agrees with what the page said. */

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

/** @param {number} bytes */
export function size(bytes) {
  const unit = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const digits = unit ? 1 : 0;
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return `${(bytes / 1024 ** unit).toLocaleString(document.documentElement.lang || undefined, options)} ${UNITS[unit]}`;
}
