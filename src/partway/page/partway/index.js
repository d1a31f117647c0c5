/** The JavaScript client: all that other applications import. */

export { PartwayClient, PartwayError } from "./client.js";
export { Slots } from "./slots.js";
export { SumWorker } from "./sums.js";
export { Upload } from "./upload.js";
export { watch } from "./watch.js";
