/** Makes elements; texts go in as texts, never as markup. */

/**
 * @param {string} name
 * @param {object} [properties] `class`, `on…` handlers, other properties
 * @param {...(Node|string)} children
 */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (property === "class") element.className = value;
    else if (property.startsWith("aria-")) element.setAttribute(property, value);
    else element[property] = value;
  }
  element.append(...children);
  return element;
}

/** @param {string} text @param {() => void} onclick @param {{danger?: boolean, of?: string}} [options] of: what it acts on */
export function button(text, onclick, { danger = false, of = "" } = {}) {
  const label = of ? { "aria-label": `${text} ${of}` } : {};
  return make("button", { type: "button", class: danger ? "quiet danger" : "quiet", onclick, ...label }, text);
}

/** @param {string} id */
export function the(id) {
  return document.getElementById(id);
}
