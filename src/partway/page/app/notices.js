/** Short notices at the foot of the page, with one thing to do about them. */

import { make, the } from "./elements.js";

const SHOWN_FOR = 6000; // milliseconds

/**
 * @param {string} text
 * @param {{action?: string, onaction?: () => void}} [options]
 */
export function notice(text, { action, onaction } = {}) {
  const element = make("div", { class: "notice" }, make("span", {}, text));
  const timer = setTimeout(() => element.remove(), SHOWN_FOR);
  const onclick = () => {
    clearTimeout(timer);
    element.remove();
    onaction?.();
  };
  if (action) element.append(make("button", { type: "button", onclick }, action));
  the("notices").append(element);
}
