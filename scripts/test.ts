/**
 * `deno task test [unit|netns|soak]`: installs what is missing, compiles the product, runs the
 * tests and ends with one line, `N passed, N failed`. Without an argument it runs everything.
 *
 * A test that cannot run counts as failed where CI is set: nothing is skipped unnoticed. A test in
 * namespaces is tried up to three times; which ones needed that is told at the end, and more than a
 * few fail.
 */

import { compile } from "./compile.ts";
import { installPackages } from "./packages.ts";

/** How many tests ended how. */
interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** Names of those that passed at a later try, with what the first one said. */
  readonly retried: string[];
}

/** What vitest's JSON reporter tells, as far as it is read here. */
interface Results {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      /** Also of tries before the last. */
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

async function main(mode: string): Promise<number> {
  if (!(mode in PROJECTS)) {
    say(`unknown tests "${mode}": ${Object.keys(PROJECTS).join(", ")}`);
    return 2;
  }
  const projects = PROJECTS[mode]!;
  if (projects !== UNIT) {
    await installPackages(say);
    await compile(say);
  }
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, retried: [] };
  if (mode === "all") {
    for (const args of GATES) await gate(args, tally);
  }
  // One after the other: the tests in namespaces measure time.
  for (const project of projects) await vitest(project, mode === "soak", tally);
  if (Deno.env.get("CI") && tally.skipped > 0) {
    say(`${tally.skipped} tests did not run; under CI that is a failure`);
    tally.failed += tally.skipped;
    tally.skipped = 0;
  }
  judgeRetried(tally);
  const skipped = tally.skipped === 0 ? "" : `, ${tally.skipped} skipped`;
  say(`${tally.passed} passed, ${tally.failed} failed${skipped}`);
  return tally.failed === 0 && tally.passed > 0 ? 0 : 1;
}

/** One command of deno's that must succeed, counted as one test. */
async function gate(args: readonly string[], tally: Tally): Promise<void> {
  say(`deno ${args.join(" ")}`);
  const { success } = await deno(args);
  if (success) tally.passed++;
  else tally.failed++;
}

async function vitest(project: string, soak: boolean, tally: Tally): Promise<void> {
  const file = await Deno.makeTempFile({ prefix: "lintel-test-", suffix: ".json" });
  try {
    const { success } = await deno([
      ...["run", "-A", "npm:vitest", "run", "--config", "test/vitest.config.ts"],
      ...["--project", project, ...(UNIT.includes(project) ? [] : MORE_TRIES)],
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${file}`],
    ], soak ? { LINTEL_SOAK: "1" } : {});
    const failedBefore = tally.failed;
    add(tally, await Deno.readTextFile(file));
    // Vitest also fails on what belongs to no test, such as an unhandled rejection.
    if (!success && tally.failed === failedBefore) tally.failed++;
  } finally {
    await Deno.remove(file);
  }
}

function add(tally: Tally, json: string): void {
  if (json === "") return;
  const results: Results = JSON.parse(json);
  tally.passed += results.numPassedTests;
  tally.failed += results.numFailedTests;
  tally.skipped += results.numPendingTests + results.numTodoTests;
  for (const { name, assertionResults } of results.testResults) {
    for (const { fullName, status, failureMessages: [first] } of assertionResults) {
      if (status !== "passed" || first === undefined) continue;
      tally.retried.push(`${name.replace(ROOT, "")}: ${fullName}: ${first.split("\n")[0]}`);
    }
  }
  // A file that could not be loaded has no test that could fail.
  const broken = results.testResults.filter(({ status, assertionResults }) =>
    status === "failed" && assertionResults.length === 0
  );
  for (const { name } of broken) say(`could not run ${name}`);
  tally.failed += broken.length;
}

/** A machine may stand still once; a test that fails every other time is broken. */
function judgeRetried(tally: Tally): void {
  if (tally.retried.length === 0) return;
  say(`\nNEEDED ANOTHER TRY: ${tally.retried.length}`);
  for (const line of tally.retried) say(`  ${line}`);
  if (tally.retried.length <= MOST_RETRIED) return;
  say(`more than ${MOST_RETRIED} are too many: this counts as a failure`);
  tally.failed++;
}

async function deno(args: readonly string[], env: Record<string, string> = {}) {
  return await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const UNIT = ["fast"];
const NAMESPACES = ["netns", "alone"];

const PROJECTS: Readonly<Record<string, readonly string[]>> = {
  all: [...UNIT, ...NAMESPACES],
  unit: UNIT,
  netns: NAMESPACES,
  soak: [...UNIT, ...NAMESPACES],
};

/** They watch real clocks: a machine that stands still for a second fails one that is right. */
const MORE_TRIES = ["--retry", "2"];
const MOST_RETRIED = 3;

const GATES = [["fmt", "--check"], ["lint"], ["check"]];

const ROOT = new URL("../", import.meta.url).pathname;

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args[0] ?? "all");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    say("0 passed, 1 failed");
    Deno.exitCode = 1;
  }
}
