/**
 * The last good configurations on disk, each a file of its own that can be run as it is: the way
 * back when a newer one turns out to be none. What is good is for others to say.
 */

import { replaceFile, syncDirectory } from "./small_file.ts";

/** A configuration that was kept. */
export interface KeptConfiguration {
  readonly file: string;
  /** SHA-256 of its text, in hexadecimal. */
  readonly hash: string;
  /** When it was last found good, RFC 3339. */
  readonly at: string;
}

/** A directory of them. */
export class Configurations {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Newest first. A directory that cannot be read has none. */
  list(): KeptConfiguration[] {
    try {
      return [...Deno.readDirSync(this.#directory)].flatMap(({ name }): KeptConfiguration[] => {
        const [, day, time, hash] = NAME.exec(name) ?? [];
        if (day === undefined || time === undefined || hash === undefined) return [];
        const at = `${day}T${time.replaceAll("-", ":")}Z`;
        return [{ file: `${this.#directory}/${name}`, hash, at }];
      }).sort((one, other) => one.at < other.at ? 1 : -1);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  /**
   * Keeps a text, which only its owner can read: it may have secrets. One that is there already is
   * not kept twice, but has another time.
   *
   * @throws {Error} where the file system refuses.
   */
  keep(text: string, hash: string, at: Date): void {
    Deno.mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const time = at.toISOString().replace("Z", "").replaceAll(":", "-");
    const file = `${this.#directory}/${time}Z-${hash}.yaml`;
    const [same, ...others] = this.list().filter((one) => one.hash === hash);
    if (same) {
      Deno.renameSync(same.file, file);
      syncDirectory(file);
    } else {
      replaceFile(file, text);
    }
    for (const { file } of [...others, ...this.list().slice(MOST)]) Deno.removeSync(file);
  }
}

const MOST = 10;
/** Such as `2026-01-02T03-04-05.678Z-HASH.yaml`: names sort by time, and need no quotes. */
const NAME = /^(\d{4}-\d\d-\d\d)T(\d\d-\d\d-\d\d\.\d{3})Z-([0-9a-f]{64})\.yaml$/;
