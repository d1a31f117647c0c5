/** Light or dark: as the system has it, until the button says otherwise. */

import { the } from "./elements.js";

const KEY = "partway-theme";

/** Take the kept choice, and make the button work. */
export function prepareTheme() {
  const kept = localStorage.getItem(KEY);
  if (kept) document.documentElement.dataset.theme = kept;
  the("theme").onclick = () => {
    const dark = document.documentElement.dataset.theme
      ? document.documentElement.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem(KEY, document.documentElement.dataset.theme);
  };
}
