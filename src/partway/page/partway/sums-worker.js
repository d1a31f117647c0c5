import { compute } from "./sums.js";

self.onmessage = async ({ data: { id, kind, blob } }) => {
  try {
    self.postMessage({ id, sum: await compute(kind, blob) });
  } catch (error) {
    self.postMessage({ id, error: { name: error.name, message: error.message } });
  }
};
