/**
 * A root directory with nothing in it but the product, a configuration and the libraries that the
 * product names; and the product started in it, read-only, as process 1.
 */

import type { Host } from "../../scripts/lab/host.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";

/** Who runs the product. */
export interface User {
  readonly id: number;
  /** What is given to the binary by setcap(8). */
  readonly capabilities?: string;
}

/** The root directory of one host. */
export class Rootfs {
  readonly path: string;
  /** Mounted at /run: the one place that can be written to. */
  readonly run: string;
  readonly #host: Host;
  readonly #user: User;

  private constructor(host: Host, user: User) {
    this.#host = host;
    this.#user = user;
    this.path = `${host.directory}/root`;
    this.run = `${host.directory}/run`;
  }

  /** Copies the product and its libraries. */
  static async create(host: Host, product: string, config: string, user: User): Promise<Rootfs> {
    const rootfs = new Rootfs(host, user);
    for (const directory of ["", "/proc", "/run"]) Deno.mkdirSync(rootfs.path + directory);
    for (const file of await libraries(host, product)) {
      const copy = rootfs.path + file;
      Deno.mkdirSync(copy.slice(0, copy.lastIndexOf("/")), { recursive: true });
      Deno.copyFileSync(file, copy);
    }
    Deno.copyFileSync(product, `${rootfs.path}/lintel`);
    if (user.capabilities) {
      await host.run(["setcap", user.capabilities, `${rootfs.path}/lintel`]);
    }
    Deno.writeTextFileSync(`${rootfs.path}/lintel.yaml`, config);
    Deno.mkdirSync(rootfs.run);
    Deno.chownSync(rootfs.run, user.id, user.id);
    return rootfs;
  }

  /**
   * The command that runs the product in here, with namespaces of its own for mounts and processes.
   */
  command(...args: string[]): string[] {
    const userspec = `--userspec=${this.#user.id}:${this.#user.id}`;
    return [
      ...["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", PREPARE, "sh"],
      ...[this.path, this.run, userspec, "/lintel", ...args],
    ];
  }

  /** Everything that lies in here. */
  files(directory = ""): string[] {
    return [...Deno.readDirSync(this.path + directory)].flatMap(({ name, isDirectory }) => {
      const path = `${directory}/${name}`;
      return isDirectory ? this.files(path) : [path];
    });
  }

  /** What the product is for its host: process 1 of the namespace that `unshare` made. */
  async productOf({ pid }: Process): Promise<number> {
    const children = `/proc/${pid}/task/${pid}/children`;
    const started = () => {
      const child = Number(Deno.readTextFileSync(children));
      return child > 0 && Deno.readTextFileSync(`/proc/${child}/cmdline`).startsWith("/lintel")
        ? child
        : undefined;
    };
    const child = await eventually(`${this.#host.name} has started the product`, started);
    return Number(child);
  }
}

/** The shared libraries that a program is linked with, and its loader. */
async function libraries(host: Host, program: string): Promise<string[]> {
  return [...(await host.run(["ldd", program])).matchAll(/\/\S+(?= \()/g)].map(([path]) => path);
}

const PREPARE = `
root=$1; run=$2; user=$3; shift 3
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind "$run" "$root/run"
mount -t proc proc "$root/proc"
exec chroot "$user" "$root" "$@"
`;
