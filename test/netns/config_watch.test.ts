import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually } from "../../scripts/lab/wait.ts";
import { ConfigWatch } from "../../src/appliance/config_watch.ts";

let directory: string;
let file: string;
let seen: string | undefined;
let reloads: (string | undefined)[];
let watch: ConfigWatch;

beforeEach(() => {
  directory = Deno.makeTempDirSync({ prefix: "lintel-watch-" });
  file = `${directory}/lintel.yaml`;
  reloads = [];
});

afterEach(() => {
  watch.set(false);
  Deno.removeSync(directory, { recursive: true });
});

function start(path = file): void {
  const read = () => Deno.readTextFileSync(path);
  seen = read();
  watch = new ConfigWatch({
    ...{ file: path, read },
    isNews: (text) => text !== seen,
    reload: () => {
      try {
        seen = read();
      } catch {
        seen = undefined;
      }
      reloads.push(seen);
    },
  });
  watch.set(true);
}

it("tells once of another text, and not of the same written again", async () => {
  Deno.writeTextFileSync(file, "a");
  start();
  Deno.writeTextFileSync(file, "a");
  Deno.writeTextFileSync(file, "b");
  await eventually("a reload", () => reloads.length > 0);
  Deno.writeTextFileSync(file, "b");
  Deno.writeTextFileSync(`${directory}/other`, "x");
  Deno.writeTextFileSync(file, "c");
  await eventually("a reload", () => reloads.length > 1);
  expect(reloads).toEqual(["b", "c"]);
});

it("takes what is renamed over the file, and tells that it has gone", async () => {
  Deno.writeTextFileSync(file, "a");
  start();
  Deno.writeTextFileSync(`${file}.new`, "b");
  Deno.renameSync(`${file}.new`, file);
  await eventually("a reload", () => reloads.length > 0);
  Deno.removeSync(file);
  await eventually("a reload", () => reloads.length > 1);
  Deno.writeTextFileSync(file, "b");
  await eventually("a reload", () => reloads.length > 2);
  expect(reloads).toEqual(["b", undefined, "b"]);
});

it("sees a ConfigMap exchanged, also through a link to it", async () => {
  const version = (name: string, text: string) => {
    Deno.mkdirSync(`${directory}/${name}`);
    Deno.writeTextFileSync(`${directory}/${name}/lintel.yaml`, text);
    Deno.symlinkSync(name, `${directory}/..data_tmp`);
    Deno.renameSync(`${directory}/..data_tmp`, `${directory}/..data`);
  };
  version("..2026_1", "a");
  Deno.symlinkSync("..data/lintel.yaml", file);
  Deno.mkdirSync(`${directory}/etc`);
  Deno.symlinkSync(file, `${directory}/etc/lintel.yaml`);
  start(`${directory}/etc/lintel.yaml`);
  for (const [at, text] of ["b", "c"].entries()) {
    version(`..2026_${at + 2}`, text);
    await eventually("a reload", () => reloads.length > at);
  }
  expect(reloads).toEqual(["b", "c"]);
});

it("does not take what is still being written", async () => {
  Deno.writeTextFileSync(file, "a");
  start();
  for (let part = 0; part < 5; part++) {
    Deno.writeTextFileSync(file, "b".repeat(part + 1));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await eventually("a reload", () => reloads.length > 0);
  expect(reloads).toEqual(["bbbbb"]);
});
