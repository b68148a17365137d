import { describe, expect, it } from "vitest";
import { checkAllNodes, loadConfig, type Source } from "../../src/config/load.ts";
import { formatProblem } from "../../src/config/problem.ts";
import { CLIENT_KEY, SERVER_CERTIFICATE, SERVER_KEY } from "../unit/certificates.ts";

/**
 * Each `*.yaml` here is a configuration, a line of dashes, and what becomes of it: the plan of the
 * node named in its first line (`# node: lb1`) without the hash, or every problem and warning.
 */
describe("golden files", () => {
  it.each(goldenFiles())("%s", (name) => {
    const whole = Deno.readTextFileSync(new URL(name, import.meta.url));
    const [text = "", expected = ""] = whole.split("----------\n");
    expect(outcome(name, text)).toBe(expected);
  });
});

const EXAMPLES = [
  "dns.yaml",
  "dual-stack.yaml",
  "ingress.yaml",
  "kube-apiserver.yaml",
  "single-node.yaml",
  "two-nodes-tcp.yaml",
];

describe("examples", () => {
  it.each(EXAMPLES)(
    "config/%s loads for every node without a warning",
    (name) => {
      const text = Deno.readTextFileSync(new URL(`../../config/${name}`, import.meta.url));
      expect(checkAllNodes(text, source(name))).toEqual({ problems: [], warnings: [] });
    },
  );
});

function goldenFiles(): string[] {
  const names = [...Deno.readDirSync(new URL(".", import.meta.url))].map(({ name }) => name);
  return names.filter((name) => name.endsWith(".yaml")).sort();
}

function outcome(name: string, text: string): string {
  const node = /^# node: (\S+)\n/.exec(text)?.[1];
  if (node !== undefined) {
    const { plan } = loadConfig(text, { ...source(name), node });
    if (plan) return JSON.stringify({ ...plan, hash: undefined }, null, 2) + "\n";
  }
  const { problems, warnings } = checkAllNodes(text, source(name));
  return [
    ...problems.map((problem) => `${formatProblem(problem)}\n`),
    ...warnings.map((warning) => `warning: ${formatProblem(warning)}\n`),
  ].join("");
}

function source(file: string): Source {
  return {
    file,
    env: { ADDRESS: "10.0.0.10", PORT: "8080", PASSWORD: "swordfish" },
    host: null,
    readFile: (path) => {
      const content = FILES[path];
      if (content === undefined) throw new Error("no such file");
      return content;
    },
  };
}

const FILES: Readonly<Record<string, string>> = {
  "/etc/lintel/token": "swordfish\n",
  "/etc/lintel/empty": "\n",
  "/etc/lintel/server.pem": SERVER_CERTIFICATE,
  "/etc/lintel/server.key": SERVER_KEY,
  "/etc/lintel/client.key": CLIENT_KEY,
  "/etc/lintel/ca.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
};
