/**
 * The image that Containerfile describes, built with buildah on a base that debootstrap makes here:
 * no image registry is needed.
 */

import { afterAll, beforeAll, expect, it } from "vitest";
import { compile } from "../../scripts/compile.ts";
import { build } from "../../src/appliance/bundle.ts";

let storage: string;

beforeAll(async () => {
  await compile();
  storage = await Deno.makeTempDir({ prefix: "lintel-image-" });
  const base = await buildah("from", "scratch");
  await buildah("add", base, await baseArchive(), "/");
  await buildah("commit", "--rm", base, "lintel-base");
  await buildah(
    ...["build", "--isolation", "chroot", "--format", "docker"],
    ...["--build-arg", "BASE=localhost/lintel-base", "--file", "Containerfile", "--tag", "lintel"],
    ".",
  );
  await buildah("from", "--name", "lintel-run", "--pull-never", "lintel");
});

afterAll(() => Deno.remove(storage, { recursive: true }));

it("answers `version` in the container", async () => {
  expect(await inContainer("version")).toContain(build.version);
});

it("checks a file in the container", async () => {
  await buildah("copy", "lintel-run", "config/kube-apiserver.yaml", "/etc/lintel/lintel.yaml");
  await inContainer("check", "--offline");
});

it("runs as nobody, with permitted capabilities on the binary", async () => {
  const root = await buildah("mount", "lintel-run");
  const capabilities = await output("getcap", `${root}/usr/local/bin/lintel`);
  expect(capabilities).toMatch(/cap_net_bind_service,cap_net_admin,cap_net_raw=p$/);
  const config = await configuration();
  expect(config.User).toBe("65532:65532");
});

it("has a health check, and commands that need no shell", async () => {
  const { Healthcheck, Entrypoint, Cmd } = await configuration();
  expect(Healthcheck.Test.slice(0, 2)).toEqual(["CMD", "/usr/local/bin/lintel"]);
  expect(Entrypoint).toEqual(["/usr/local/bin/lintel"]);
  expect(Cmd).toEqual(["run"]);
});

async function inContainer(...args: string[]): Promise<string> {
  const command = ["/usr/local/bin/lintel", ...args];
  return await buildah("run", "--isolation", "chroot", "lintel-run", "--", ...command);
}

async function configuration() {
  const inspected = JSON.parse(await buildah("inspect", "--type", "image", "lintel"));
  return inspected.Docker.config;
}

async function buildah(...args: string[]): Promise<string> {
  const places = ["--root", `${storage}/root`, "--runroot", `${storage}/run`];
  return await output("buildah", ...places, "--storage-driver", "vfs", ...args);
}

/** A minimal Debian as one file, made once for each release. */
async function baseArchive(): Promise<string> {
  const release = (await output("sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME")).trim();
  const archive = `${CACHE}/debian-${release}.tar`;
  if (await Deno.stat(archive).then(() => true, () => false)) return archive;
  await Deno.mkdir(CACHE, { recursive: true });
  const root = await Deno.makeTempDir({ dir: CACHE });
  try {
    await output("debootstrap", "--variant=minbase", "--include=libcap2-bin", release, root);
    const needless = ["./var/cache/apt", "./var/lib/apt/lists", "./usr/share/doc", "./dev"];
    const excluded = needless.map((path) => `--exclude=${path}/*`);
    await output("tar", "--create", `--file=${root}.tar`, `--directory=${root}`, ...excluded, ".");
    await Deno.rename(`${root}.tar`, archive);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
  return archive;
}

async function output(command: string, ...args: string[]): Promise<string> {
  const decoder = new TextDecoder();
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (success) return decoder.decode(stdout).trim();
  const said = decoder.decode(stdout) + decoder.decode(stderr);
  throw new Error(`${command} ${args.join(" ")} failed:\n${said}`);
}

const CACHE = "/var/cache/lintel-test";
