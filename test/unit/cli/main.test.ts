import { describe, expect, it } from "vitest";
import { FakeTerminal } from "./fake_terminal.ts";
import { runMain } from "./run_main.ts";

interface RunOptions {
  file: string;
  node?: string | undefined;
}

async function lintel(args: string, env: Record<string, string> = {}) {
  const terminal = new FakeTerminal(env);
  const runs: RunOptions[] = [];
  const words = args.split(" ").filter((arg) => arg !== "");
  const ended = await runMain(words, terminal, (options) => {
    runs.push(options);
    return Promise.resolve(4);
  });
  return { ...ended, runs };
}

const VERBS = [
  "run",
  "check",
  "plan",
  "reload",
  "server",
  "status",
  "drain",
  "ready",
  "maint",
  "weight",
  "overrides",
  "connections",
  "failover",
  "standby",
  "events",
  "why",
  "version",
  "completion",
];
const LATER = [
  "import",
  "doctor",
  "manifest",
];

describe("help", () => {
  it.each([...VERBS, ...LATER])("%s --help prints to standard output and ends 0", async (verb) => {
    const { exitCode, stdout, stderr } = await lintel(`${verb} --help`);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: lintel ${verb}`);
    expect(stderr).toBe("");
  });

  it("lists every verb", async () => {
    const { exitCode, stdout } = await lintel("--help");
    expect(exitCode).toBe(0);
    for (const verb of [...VERBS, ...LATER]) {
      expect(stdout).toMatch(new RegExp(`^  ${verb}\\b`, "m"));
    }
  });
});

describe("wrong usage ends 2", () => {
  it.each([
    ["", /Usage: lintel/],
    ["nope", /unknown command 'nope'/],
    ["statu", /Did you mean status/],
    ["--nope", /unknown option '--nope'/],
    ["run extra", /too many arguments/],
    ["run --node", /argument missing/],
    ["run --port 5", /unknown option '--port'/],
    ["drain", /missing required argument/],
    ["drain a", /"a": expected BACKEND\/SERVER/],
    ["drain a/b/c", /expected BACKEND\/SERVER/],
    ["drain /b", /expected BACKEND\/SERVER/],
    ["drain a/", /expected BACKEND\/SERVER/],
    ["drain a/b --wait 5", /--wait 5: expected a duration/],
    ["drain a/b --then fly", /Allowed choices are leave, kill/],
    ["maint a/b --for 2", /--for 2: expected a duration/],
    ["connections --kill", /--kill needs --backend, --server or --client, or --all/],
    [
      "connections --kill --all --rate 5",
      /--rate 5: expected connections a second, such as 100\/s/,
    ],
    ["connections --rate 5/s", /--rate belongs to --kill/],
    ["overrides --all --clear a/b", /--clear a\/b and --all exclude each other/],
    ["overrides --clear a", /"a": expected BACKEND\/SERVER/],
    ["ready a/b --wait 5s", /unknown option '--wait'/],
    ["weight a/b", /missing required argument/],
    ["weight a/b 257", /weight "257": expected 0 to 256/],
    ["weight a/b 1.5", /weight "1.5"/],
    ["weight a/b heavy", /weight "heavy"/],
    ["weight a/b %", /weight "%"/],
    ["status --admin nonsense", /--admin nonsense: expected unix:/],
    ["status --admin ftp://x", /expected unix:/],
    ["status --admin http://127.0.0.1:9/path", /expected unix:/],
    ["status --token-file /nonexistent/token", /--token-file \/nonexistent\/token: /],
  ])("lintel %s", async (args, message) => {
    const { exitCode, stdout, stderr } = await lintel(args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
    expect(stdout).toBe("");
  });

  it.each([
    ...LATER.map((verb) => [verb, verb]),
    ["import --haproxy x", "import"],
  ])("lintel %s is not supported yet", async (args, what) => {
    const { exitCode, stderr } = await lintel(args);
    expect(exitCode).toBe(2);
    expect(stderr).toBe(`lintel: ${what} is not supported yet\n`);
  });
});

describe("run", () => {
  it.each([
    ["run", {}, { file: "/etc/lintel/lintel.yaml", node: undefined }],
    ["run", { LINTEL_CONFIG: "/env.yaml" }, { file: "/env.yaml", node: undefined }],
    ["run", { LINTEL_CONFIG: "" }, { file: "/etc/lintel/lintel.yaml", node: undefined }],
    ["run -c f.yaml", { LINTEL_CONFIG: "/env.yaml" }, { file: "f.yaml", node: undefined }],
    ["run --config=f.yaml --node lb1", {}, { file: "f.yaml", node: "lb1" }],
  ])("lintel %s with %j", async (args, env, options) => {
    const { exitCode, runs } = await lintel(args, env);
    expect(runs).toEqual([options]);
    // Whatever the appliance ended with is what the shell sees.
    expect(exitCode).toBe(4);
  });
});

describe("version", () => {
  it("says what is running", async () => {
    expect((await lintel("version")).stdout).toBe("lintel 1.2.3 (source)\ndeno 2.9.6\nv8 15.0\n");
    expect(JSON.parse((await lintel("version --json")).stdout)).toEqual({
      version: "1.2.3",
      kind: "source",
      deno: "2.9.6",
      v8: "15.0",
    });
    expect((await lintel("--version")).stdout).toBe("1.2.3\n");
  });
});

describe("check", () => {
  it("ends 3 where the file cannot be read, and says which", async () => {
    const { exitCode, stderr } = await lintel("check --offline -c /nonexistent.yaml");
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/\/nonexistent\.yaml: No such file/);
  });
});
