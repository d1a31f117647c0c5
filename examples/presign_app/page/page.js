// Uploads, lists, downloads and deletes files by the routes of `presign_router`. Plain JavaScript, nothing to build.

const AT_ONCE = 3; // uploads under way at the same time
const PAGE_SIZE = 1000;

const byId = (id) => document.getElementById(id);

/** Ask the application; its answer, or an error with the words that it has for people. */
async function ask(path, { method = "GET", body } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Error("The application does not answer.");
  }
  const answer = await response.json();
  if (!response.ok) {
    const error = new Error(answer.detail ?? `The application answered ${response.status}.`);
    error.final = response.status < 500; // the same again would be refused again
    throw error;
  }
  return answer;
}

/** PUT a file to its presigned URL. `fetch` cannot tell how much of a body is sent yet, so XMLHttpRequest does it. */
function put(signed, file, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", signed.presigned_url);
    // All headers of the answer, and none else: they are signed.
    for (const [name, value] of Object.entries(signed.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () =>
      request.status < 300 ? resolve() : reject(new Error(`The store refused the file (${request.status}).`));
    request.onerror = () => reject(new Error("The store did not answer this page: is it up, and do its CORS rules allow us?"));
    request.onabort = () => reject(new DOMException("Cancelled.", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    signal.throwIfAborted();
    request.send(file);
  });
}

// Uploads

const waiting = [];
let running = 0;

function add(files) {
  for (const file of files) {
    const item = byId("transfer").content.firstElementChild.cloneNode(true);
    item.querySelector(".name").textContent = file.name;
    item.querySelector("progress").setAttribute("aria-label", `Upload of ${file.name}`);
    item.querySelector(".cancel").setAttribute("aria-label", `Cancel ${file.name}`);
    item.querySelector(".again").setAttribute("aria-label", `Try ${file.name} again`);
    item.querySelector(".again").onclick = () => queue(file, item);
    byId("transfers").prepend(item);
    queue(file, item);
  }
  byId("transfers-section").hidden = !byId("transfers").childElementCount;
}

function queue(file, item) {
  const stop = new AbortController();
  item.querySelector(".cancel").onclick = () => stop.abort();
  show(item, "waiting", "Waiting");
  waiting.push({ file, item, signal: stop.signal });
  work();
}

function work() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(waiting.shift()).finally(() => {
      running -= 1;
      work();
    });
  }
}

async function send({ file, item, signal }) {
  const bar = item.querySelector("progress");
  try {
    signal.throwIfAborted();
    show(item, "sending", "Starting");
    // No content_type: browsers name the same file differently (a ZIP, say). The application's table knows it, and
    // `headers` has what to send. With its size and `once`, the URL takes this file alone and never overwrites.
    const body = { filename: file.name, file_size: file.size, once: true };
    const signed = await ask("upload-url", { method: "POST", body });
    const onProgress = (sent) => {
      bar.value = file.size ? sent / file.size : 1;
      show(item, "sending", `${sized(sent)} of ${sized(file.size)}`);
    };
    await put(signed, file, { signal, onProgress });
    show(item, "done", `Uploaded, ${sized(file.size)}`);
    say(`${file.name} is uploaded.`);
    await told(refresh);
  } catch (error) {
    const cancelled = error.name === "AbortError";
    show(item, "failed", cancelled ? "Cancelled" : error.message);
    item.querySelector(".again").hidden = Boolean(error.final);
    say(`${file.name}: ${cancelled ? "cancelled" : error.message}`);
  }
}

function show(item, state, note) {
  item.className = `transfer ${state}`;
  item.querySelector(".note").textContent = note;
  item.querySelector(".cancel").hidden = !["waiting", "sending"].includes(state);
  item.querySelector(".again").hidden = state !== "failed";
}

// The list

let files = [];
let cursor = null;
let newest = 0; // of the requests for the list: an older one that answers late says nothing new

async function refresh() {
  const turn = ++newest;
  const wanted = files.length; // as many as are shown, if "Show more" was used
  let answer = await ask(`files?max_keys=${PAGE_SIZE}`);
  const found = answer.files;
  while (answer.next_cursor && found.length < wanted) {
    answer = await ask(`files?max_keys=${PAGE_SIZE}&cursor=${encodeURIComponent(answer.next_cursor)}`);
    found.push(...answer.files);
  }
  if (turn !== newest) return;
  [files, cursor] = [found, answer.next_cursor];
  draw();
}

async function more() {
  const turn = ++newest;
  const answer = await ask(`files?max_keys=${PAGE_SIZE}&cursor=${encodeURIComponent(cursor)}`);
  if (turn !== newest) return;
  files.push(...answer.files);
  cursor = answer.next_cursor;
  draw();
}

/** The store lists by key; people look for what they just did. */
function draw() {
  const newestFirst = files.toSorted((one, other) => Date.parse(other.last_modified) - Date.parse(one.last_modified));
  byId("list").replaceChildren(...newestFirst.map(row));
  byId("empty").hidden = files.length > 0;
  byId("more").hidden = !cursor;
}

function row(file) {
  const item = byId("row").content.firstElementChild.cloneNode(true);
  const name = nameOf(file.key);
  const path = `files/${file.key.split("/").map(encodeURIComponent).join("/")}`;
  item.querySelector(".name").textContent = name;
  item.querySelector(".name").title = file.key;
  item.querySelector(".size").textContent = sized(file.size);
  const date = item.querySelector(".date");
  date.dateTime = file.last_modified;
  date.textContent = new Date(file.last_modified).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const link = item.querySelector(".download");
  link.href = `${path}?as_attachment=true`; // a redirect to a URL that lives for a while
  link.setAttribute("aria-label", `Download ${name}`);
  const button = item.querySelector(".delete");
  button.setAttribute("aria-label", `Delete ${name}`);
  button.onclick = () => told(() => remove(name, path));
  return item;
}

async function remove(name, path) {
  if (!(await sure(name))) return;
  await ask(path, { method: "DELETE" });
  say(`${name} is deleted.`);
  await refresh();
  byId("list-title").focus(); // the button that had the focus is gone
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

// Words

/** `uploads/<id>-report.pdf` → `report.pdf`. */
const nameOf = (key) => key.slice(key.lastIndexOf("/") + 1).replace(/^[0-9a-f-]{36}-/, "");

function sized(bytes) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let power = 0;
  while (bytes >= 1024 && power < units.length - 1) {
    bytes /= 1024;
    power += 1;
  }
  return `${bytes.toLocaleString([], { maximumFractionDigits: bytes < 10 && power ? 1 : 0 })} ${units[power]}`;
}

function say(words) {
  byId("said").textContent = words;
}

/** Do something, and say so if it fails. */
async function told(deed) {
  byId("problem").hidden = true;
  try {
    await deed();
  } catch (error) {
    byId("problem").textContent = error.message;
    byId("problem").hidden = false;
  }
}

function health(good, words) {
  byId("health").className = `health ${good ? "good" : "bad"}`;
  byId("health").textContent = words;
}

async function start() {
  const { max_file_size, extensions } = await ask("limits");
  byId("files").accept = extensions.join(",");
  const kinds = extensions.map((each) => each.slice(1)).join(", ");
  byId("limits").textContent = `Straight to the store, up to ${sized(max_file_size)} each: ${kinds}.`;
  await ask("health").then(
    () => health(true, "The store answers"),
    () => health(false, "The store does not answer"),
  );
  await refresh();
  document.documentElement.dataset.ready = "";
}

byId("choose").onclick = () => byId("files").click();
byId("files").onchange = (event) => {
  add(event.target.files);
  event.target.value = ""; // so that the same file can be chosen again
};
byId("more").onclick = () => told(more);
let depth = 0; // of elements that the dragged files are over
const dragging = (by) => document.body.classList.toggle("dragging", (depth += by) > 0);
addEventListener("dragenter", () => dragging(+1));
addEventListener("dragleave", () => dragging(-1));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  dragging(-depth);
  add(event.dataTransfer.files);
});
told(start);
