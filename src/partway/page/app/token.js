/** The caller's token: asked for when the service wants one, kept in this tab. */

import { PartwayClient } from "../partway/index.js";
import { the } from "./elements.js";

const KEY = "partway-token";
let asking = null;

/** A client that asks the person for a token when the service wants one, and then goes on. */
export class AskingClient extends PartwayClient {
  /** @param {{base: string, prefix: string}} options */
  constructor(options) {
    super({ ...options, headers });
  }

  async request(...question) {
    for (;;) {
      try {
        return await super.request(...question);
      } catch (error) {
        if (error.status !== 401) throw error;
        await askForToken(error.message);
      }
    }
  }
}

function headers() {
  const token = sessionStorage.getItem(KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

function askForToken(problem) {
  asking ??= new Promise((resolve) => {
    const dialog = the("token-dialog");
    the("token-problem").hidden = !sessionStorage.getItem(KEY);
    the("token-problem").textContent = problem;
    dialog.oncancel = (event) => event.preventDefault();
    dialog.onclose = () => {
      sessionStorage.setItem(KEY, the("token").value.trim());
      the("token").value = "";
      asking = null;
      resolve();
    };
    dialog.showModal();
  });
  return asking;
}
