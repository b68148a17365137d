/**
 * A small document on disk that is there whole or not at all, also after the power has failed.
 */

/**
 * Replaces the file's text: written beside it, brought to the disk, then renamed over it.
 *
 * @throws {Error} where the file system refuses; the file is as it was then.
 */
export function replaceFile(path: string, text: string): void {
  const beside = `${path}.new`;
  {
    using file = Deno.openSync(beside, { write: true, create: true, truncate: true, mode: 0o600 });
    let rest = new TextEncoder().encode(text);
    while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
    file.syncSync();
  }
  Deno.renameSync(beside, path);
  syncDirectory(path);
}

/** The file's text; `undefined` where there is none. */
export function readFile(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Removes the file, if there is one. */
export function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  syncDirectory(path);
}

/** Brings a directory to the disk: a file that is new, renamed or removed there is so only then. */
export function syncDirectory(path: string): void {
  using directory = Deno.openSync(path.replace(/[^/]*$/, "") || ".");
  directory.syncSync();
}
