// Attaches files to posts and comments: from the browser straight to the store, by the project's session.

import { PartwayClient, Slots, SumWorker, Upload } from "../partway/index.js";

const csrfToken = document.querySelector("meta[name=csrf-token]").content;
const client = new PartwayClient({ headers: () => ({ "X-CSRFToken": csrfToken }) });
const slots = new Slots(4); // parts on their way at the same time, of all files of this page
const sums = new SumWorker();
const byId = (id) => document.getElementById(id);

function attach(section, file) {
  const fields = { parent_content_type: section.dataset.parentType, parent_object_id: Number(section.dataset.parentId) };
  const upload = new Upload(file, { client, slots, sums, fields });
  const item = byId("transfer").content.firstElementChild.cloneNode(true);
  item.querySelector(".name").textContent = file.name;
  item.querySelector("progress").setAttribute("aria-label", `Upload of ${file.name}`);
  item.querySelector(".again").onclick = () => upload.start();
  item.querySelector(".cancel").onclick = () => told(section, () => upload.cancel());
  const draw = () => show(item, upload);
  upload.addEventListener("progress", draw);
  upload.addEventListener("change", draw);
  upload.addEventListener("done", () => told(section, () => arrived(section, item, file.name)));
  section.querySelector(".transfers").append(item);
  upload.start();
}

function show(item, upload) {
  const { state, sent, file } = upload;
  if (state === "cancelled") return item.remove();
  item.className = `transfer ${state}`;
  item.querySelector("progress").value = file.size ? sent / file.size : 1;
  item.querySelector(".note").textContent = note(upload);
  item.querySelector(".again").hidden = state !== "failed";
}

function note({ state, waitsFor, error, sent, file }) {
  if (state === "failed") return error.message;
  if (waitsFor) return `${waitsFor.message} Trying again …`;
  return state === "uploading" ? `${sized(sent)} of ${sized(file.size)}` : "One moment …";
}

async function arrived(section, item, name) {
  await refresh(section);
  item.remove();
  say(`${name} is attached.`);
}

/** Take the list as the server writes it. */
async function refresh(section) {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  section.querySelector(".files").replaceWith(page.getElementById(section.id).querySelector(".files"));
}

async function remove(section, { id }, name) {
  if (!(await sure(name))) return;
  await client.remove(id);
  await refresh(section);
  say(`${name} is deleted.`);
}

function sure(name) {
  const dialog = byId("sure");
  byId("sure-name").textContent = name;
  dialog.returnValue = "no"; // also if it is left by Escape
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
  });
}

/** Do something, and say so if it fails. */
async function told(section, deed) {
  const problem = section.querySelector(".problem");
  problem.hidden = true;
  try {
    await deed();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
}

function say(words) {
  byId("said").textContent = words;
}

function sized(bytes) {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toLocaleString([], { maximumFractionDigits: 1 })} ${units[power]}`;
}

for (const section of document.querySelectorAll(".attachments")) {
  section.addEventListener("click", ({ target }) => {
    if (!target.matches(".delete")) return;
    const file = target.closest(".file");
    told(section, () => remove(section, file.dataset, file.querySelector(".name").textContent));
  });
  const input = section.querySelector("input[type=file]");
  if (!input) continue;
  const attachAll = (files) => [...files].forEach((file) => attach(section, file));
  section.querySelector(".choose").onclick = () => input.click();
  input.onchange = () => {
    attachAll(input.files);
    input.value = ""; // so that the same file can be chosen again
  };
  let depth = 0; // of elements that the dragged files are over
  const dragging = (by) => section.classList.toggle("dragging", (depth += by) > 0);
  section.addEventListener("dragenter", () => dragging(+1));
  section.addEventListener("dragleave", () => dragging(-1));
  section.addEventListener("dragover", (event) => event.preventDefault());
  section.addEventListener("drop", (event) => {
    event.preventDefault();
    dragging(-depth);
    attachAll(event.dataTransfer.files);
  });
}
document.documentElement.dataset.ready = "";
