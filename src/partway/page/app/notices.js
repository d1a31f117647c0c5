/** Short notices at the foot of the page, with one thing to do about them. */

import { make, the } from "./elements.js";

const SHOWN_FOR = 6000; // milliseconds

/**
 * @param {string} text
 * @param {{action?: string, onaction?: () => void, onend?: () => void}} [options] onend: called once, if the action was not taken
 */
export function notice(text, { action, onaction, onend } = {}) {
  const element = make("div", { class: "notice" }, make("span", {}, text));
  let open = true;
  const close = (taken) => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    element.remove();
    if (!taken) onend?.();
  };
  const timer = setTimeout(() => close(false), SHOWN_FOR);
  const onclick = () => {
    close(true);
    onaction?.();
  };
  if (action) element.append(make("button", { type: "button", onclick }, action));
  the("notices").append(element);
  addEventListener("pagehide", () => close(false), { once: true });
}
