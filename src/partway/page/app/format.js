/** Numbers as people read them. */

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** @param {number} bytes */
export function size(bytes) {
  let unit = 0;
  let value = bytes;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${unit && value < 99.5 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

/** @param {string} moment RFC 3339 */
export function date(moment) {
  const when = new Date(moment);
  const today = new Date().toDateString() === when.toDateString();
  const how = today ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short", year: "numeric" };
  return (today ? "Today, " : "") + when.toLocaleString(undefined, how);
}

/** Bytes a second over the last seconds. */
export class Rate {
  constructor() {
    this.points = [];
  }

  /** @param {number} bytes gone so far */
  note(bytes) {
    const now = performance.now();
    this.points.push([now, bytes]);
    while (this.points.length > 2 && now - this.points[0][0] > 5000) this.points.shift();
  }

  get value() {
    if (this.points.length < 2) return 0;
    const [from, first] = this.points[0];
    const [to, last] = this.points.at(-1);
    return to > from ? Math.max(0, ((last - first) / (to - from)) * 1000) : 0;
  }
}
