/** Whether a field takes a file, before anything is sent. The server looks again. */

/**
 * @param {string} accept as the attribute of an input
 * @param {File} file one whose type the browser does not know is left to the server
 */
export function takes(accept, file) {
  const words = accept.toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
  if (!words.length) return true;
  const name = file.name.toLowerCase();
  const types = words.filter((word) => !word.startsWith("."));
  if (words.some((word) => word.startsWith(".") && name.endsWith(word))) return true;
  if (!file.type) return types.length > 0;
  const family = file.type.replace(/\/.*/, "/*");
  return types.some((type) => ["*/*", family, file.type].includes(type));
}
