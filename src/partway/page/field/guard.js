/** Keeps a form from being sent, and its page from being left, while a file of theirs is not uploaded. */

const guarded = new WeakSet();

/** @param {HTMLFormElement | null} form */
export function guard(form) {
  if (!form || guarded.has(form)) return;
  guarded.add(form);
  form.addEventListener("submit", hold, { capture: true }); // ahead of scripts that send it themselves
}

function hold(event) {
  const fields = new Set([...event.currentTarget.elements].map((element) => element.closest("partway-file")));
  const open = [...fields].filter((field) => field?.isOpen);
  if (!open.length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  for (const field of open.reverse()) field.holdUp();
}

addEventListener("beforeunload", (event) => {
  if ([...document.querySelectorAll("partway-file")].some((field) => field.isOpen)) event.preventDefault();
});
