import { describe, expect, it } from "vitest";
import { sha256 } from "../../../src/config/compilation.ts";
import { planOf, problemsOf } from "./source.ts";

describe("admin.listen", () => {
  it.each(["127.0.0.1:9900", "[::1]:9900", "127.0.0.53:1"])("accepts the loopback %s", (listen) => {
    expect(planOf(`admin: { listen: "${listen}" }`).admin.listen).not.toBeNull();
  });

  it.each(["*:9900", "0.0.0.0:9900", "[::]:9900", "10.0.0.2:9900"])(
    "refuses %s without tls, even with tokens",
    (listen) => {
      const tokens = "tokens: [{ name: a, role: admin, secret: x }]";
      const [problem] = problemsOf(`admin: { listen: "${listen}", ${tokens} }`);
      expect(problem).toContain(`admin.listen: ${listen} can be reached from other hosts`);
      expect(problem).toContain("that takes tls");
    },
  );

  it.each(["127.0.0.1:9900-9901", "127.0.0.1:9900/udp", "vip:web:9900"])(
    "refuses %s: one address and one port",
    (listen) => {
      expect(problemsOf(`admin: { listen: "${listen}" }`)[0]).toContain("one TCP port");
    },
  );
});

describe("admin.probes", () => {
  it("may be on every address, but not on the port of admin.listen", () => {
    expect(planOf('admin: { probes: "*:9901" }').admin.probes).toEqual({
      address: "*",
      port: 9901,
    });
    expect(problemsOf('admin: { listen: "127.0.0.1:9901", probes: "*:9901" }')).toEqual([
      "admin.probes: port 9901 is already taken by admin.listen: choose another port",
    ]);
  });
});

describe("admin.tokens", () => {
  it("keeps only the hash of a secret, wherever it comes from", () => {
    const text = `admin:
  tokens:
    - { name: a, role: viewer, secret: 0123 }
    - { name: b, role: operator, secret: file:/token }
    - { name: c, role: admin, secret: "\${TOKEN}" }
`;
    const plan = planOf(text, { env: { TOKEN: "007" }, readFile: () => "from-a-file\n" });
    expect(plan.admin.tokens).toEqual([
      { name: "a", role: "viewer", secretHash: sha256("0123") },
      { name: "b", role: "operator", secretHash: sha256("from-a-file") },
      { name: "c", role: "admin", secretHash: sha256("007") },
    ]);
  });

  it("says why a secret cannot be read, and that names are unique", () => {
    const problems = problemsOf(`admin:
  tokens:
    - { name: a, role: viewer, secret: file:/missing }
    - { name: a, role: viewer, secret: x }
`);
    expect(problems).toEqual([
      "admin.tokens[0].secret: cannot read /missing: no such file: /missing",
      "admin.tokens[1].name: a second token is called a: name it otherwise",
    ]);
  });

  it("refuses a secret that no Authorization header could carry", () => {
    const text = `admin:
  tokens:
    - { name: a, role: viewer, secret: "two words" }
    - { name: b, role: viewer, secret: file:/token }
    - { name: c, role: viewer, secret: "pass\u00e9" }
`;
    const remedy = "has white space or a character outside ASCII, so no Authorization header can " +
      "carry it: choose another, such as the output of `openssl rand -hex 32`";
    expect(problemsOf(text, { readFile: () => "line one\nline two\n" })).toEqual([
      `admin.tokens[0].secret: it ${remedy}`,
      `admin.tokens[1].secret: it ${remedy}`,
      `admin.tokens[2].secret: it ${remedy}`,
    ]);
  });

  it("never shows a secret in a problem", () => {
    const text = `admin:
  tokens:
    - { name: a, role: king, secret: swordfish }
    - { name: b, role: viewer, secret: [swordfish], extra: 1 }
    - { name: c, role: viewer, secret: "\${PASSWORD}", secrets: 1 }
`;
    const problems = problemsOf(text, { env: { PASSWORD: "swordfish" } });
    expect(problems.length).toBeGreaterThan(2);
    expect(problems.join("\n")).not.toContain("swordfish");
  });
});
