/** Files from the chooser, dropped, or pasted; folders are walked. */

import { the } from "./elements.js";

/** @param {(files: Array<{file: File, folder: string}>) => void} onfiles folder: path inside what was picked */
export function preparePicking(onfiles) {
  for (const [button, input] of [["choose", "files"], ["choose-folder", "folder"]]) {
    the(button).onclick = () => the(input).click();
    the(input).onchange = () => {
      onfiles([...the(input).files].map((file) => ({ file, folder: folderOf(file.webkitRelativePath) })));
      the(input).value = "";
    };
  }
  addEventListener("paste", ({ clipboardData }) => {
    const files = [...clipboardData.files].map((file) => ({ file, folder: "" }));
    if (files.length) onfiles(files);
  });
  prepareDropping(onfiles);
}

function prepareDropping(onfiles) {
  let depth = 0;
  const mark = (change) => {
    depth += change;
    document.body.classList.toggle("dragging", depth > 0);
  };
  addEventListener("dragenter", (event) => {
    if (event.dataTransfer.types.includes("Files")) mark(1);
  });
  addEventListener("dragleave", () => depth && mark(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    mark(-depth);
    // Entries must be taken before the first await: they are gone afterwards.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const loose = [...event.dataTransfer.files].map((file) => ({ file, folder: "" }));
    onfiles(entries.length ? (await Promise.all(entries.map((entry) => walk(entry)))).flat() : loose);
  });
}

async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, folder: folderOf(entry.fullPath.slice(1)) }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A reader gives a hundred entries at a time.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    for (const each of some) found.push(...(await walk(each)));
  }
  return found;
}

/** The folder of a path, in the characters that the service takes. */
function folderOf(path) {
  const parts = (path ?? "").split("/").slice(0, -1);
  return parts.map((part) => part.normalize("NFKD").replace(/[^A-Za-z0-9._-]+/g, "_").replace(/^\.+/, "") || "_").join("/");
}
