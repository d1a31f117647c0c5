/** Light or dark: as the system has it, until the button says otherwise. A plain script, so that nothing flashes first. */
{
  const KEY = "partway-theme";
  const root = document.documentElement;
  const kept = (() => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // the browser keeps nothing here
    }
  })();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;

  const keep = (theme) => {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // It holds until the page is closed.
    }
  };
  addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").onclick = () => {
      const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
      root.dataset.theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
      keep(root.dataset.theme);
    };
  });
}
