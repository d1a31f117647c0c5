/** Who asks the service for a field: the session of this browser, with the form's CSRF token. */

import { PartwayClient } from "../partway/index.js";
import { persist } from "../partway/patience.js";

const PATIENCE = 5 * 60_000; // milliseconds of nothing but failures

/** @param {HTMLElement} field with the attributes that the server gave it @param {() => HTMLFormElement | null} form */
export function clientOf({ dataset }, form) {
  // The cookie first: it is renewed when somebody logs in anew beside a form that lies open.
  const headers = () => ({ [dataset.csrfHeader]: cookie(dataset.csrfCookie) ?? tokenIn(form()) });
  return new PartwayClient({ prefix: dataset.prefix, headers });
}

/** What a form sends for a finished file. @param {PartwayClient} client @param {string} id @returns {Promise<string>} */
export async function formValue(client, id) {
  const ask = () => client.request("GET", `/files/${id}/form-value`);
  const worth = (error) => error.transient;
  const { signal } = new AbortController();
  return (await persist(ask, { signal, patience: PATIENCE, worth, onwait: () => {} })).value;
}

function tokenIn(form) {
  const inputs = [form, document].map((place) => place?.querySelector("[name=csrfmiddlewaretoken]"));
  return inputs.find(Boolean)?.value;
}

function cookie(name) {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${name}=`));
  return found && decodeURIComponent(found.slice(name.length + 1));
}
