/**
 * What `deno task compile` makes, and when it makes it anew.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compile } from "../../scripts/compile.ts";
import { build } from "../../src/appliance/bundle.ts";

let dist: string;

beforeAll(() => {
  dist = Deno.makeTempDirSync({ prefix: "lintel-dist-" });
});

afterAll(() => Deno.removeSync(dist, { recursive: true }));

describe("compile()", () => {
  it("gives the same bytes for the same source, wherever it builds", async () => {
    const here = await compile();
    const there = await compile(() => {}, dist);
    expect(await digest(there)).toBe(await digest(here));
  });

  it("does nothing when nothing has changed", async () => {
    const before = Deno.statSync(`${dist}/lintel`);
    const lines: string[] = [];
    await compile((line) => lines.push(line), dist);
    expect(lines).toEqual([`${dist}/lintel is up to date`]);
    expect(Deno.statSync(`${dist}/lintel`)).toEqual(before);
  });

  it("builds anew when the product is from something else", async () => {
    Deno.writeTextFileSync(`${dist}/.inputs`, "something else");
    const before = Deno.statSync(`${dist}/lintel`);
    await compile(() => {}, dist);
    expect(Deno.statSync(`${dist}/lintel`).ino).not.toBe(before.ino);
    expect([...Deno.readDirSync(dist)].map(({ name }) => name).toSorted())
      .toEqual([".inputs", "lintel"]);
  });

  it("takes `deno compile` where DENORT_BIN names its base", async () => {
    // No denort is at hand here, so that what comes out cannot run; the deno itself is embedded.
    Deno.env.set("DENORT_BIN", Deno.execPath());
    try {
      const lines: string[] = [];
      await compile((line) => lines.push(line), `${dist}/compiled`);
      expect(lines[0]).toMatch(/lintel: compiled, deno /);
      expect(Deno.statSync(`${dist}/compiled/lintel`).mode! & 0o111).toBe(0o111);
    } finally {
      Deno.env.delete("DENORT_BIN");
    }
  });
});

describe("the product", () => {
  it("knows what it is", async () => {
    const printed = JSON.parse((await run(["version", "--json"])).stdout);
    expect(printed).toMatchObject({
      version: build.version,
      kind: expect.stringMatching(/^(compiled|self-contained)$/),
    });
  });

  it("starts with no environment at all, and with deno's own turned against it", async () => {
    expect((await run(["version"], {})).code).toBe(0);
    const hostile = { DENO_DIR: "/dev/null", DENO_NO_PACKAGE_JSON: "", NO_COLOR: "1" };
    expect((await run(["version"], hostile)).code).toBe(0);
  });

  it("takes arguments as they are, also those that look like deno's", async () => {
    const { code, stderr } = await run(["check", "--allow-all", "-c", "/nowhere"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--allow-all");
  });

  it("runs by another name and from another directory", async () => {
    const link = `${dist}/another-name`;
    Deno.symlinkSync(`${dist}/lintel`, link);
    const { success } = await new Deno.Command(link, { args: ["version"], cwd: "/" }).output();
    expect(success).toBe(true);
  });
});

async function run(args: string[], env?: Record<string, string>) {
  const { code, stdout, stderr } = await new Deno.Command(`${dist}/lintel`, {
    args,
    ...(env && { env, clearEnv: true }),
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function digest(path: string): Promise<string> {
  const bytes = await Deno.readFile(path);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
