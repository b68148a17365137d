import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { NO_LIMITS } from "../plans.ts";
import { PAIR, planOf, problemsOf, source } from "./source.ts";

describe("listen", () => {
  it("is one text or a list, a range of ports, the addresses of a virtual router", () => {
    const text = `${PAIR.replace("[10.0.0.10]", "[10.0.0.10, 10.0.0.11]")}
frontends:
  one: { listen: "*:80", backend: web }
  two: { listen: ["vip:web:81-82", "[::]:81"], backend: web, required: false }
backends: { web: {} }
`;
    expect(planOf(text, { node: "lb1" }).frontends).toMatchObject([
      {
        name: "one",
        listeners: [{ protocol: "tcp", address: "*", port: 80, virtualRouter: null }],
        backend: "web",
        required: true,
        ...NO_LIMITS,
      },
      {
        name: "two",
        listeners: [
          { protocol: "tcp", address: "10.0.0.10", port: 81, virtualRouter: "web" },
          { protocol: "tcp", address: "10.0.0.10", port: 82, virtualRouter: "web" },
          { protocol: "tcp", address: "10.0.0.11", port: 81, virtualRouter: "web" },
          { protocol: "tcp", address: "10.0.0.11", port: 82, virtualRouter: "web" },
          { protocol: "tcp", address: "::", port: 81, virtualRouter: null },
        ],
        backend: "web",
        required: false,
        ...NO_LIMITS,
      },
    ]);
  });

  it.each([
    ['"*:80", "10.0.0.1:80"', "10.0.0.1:80 is already taken by *:80 of a"],
    ['"10.0.0.1:80-90", "10.0.0.1:85"', "10.0.0.1:85 is already taken by 10.0.0.1:85 of a"],
    ['"*:9901"', "*:9901 is already taken by *:9901 of admin.probes"],
    ['"vip:nowhere:80"', 'there is no virtual router "nowhere": virtualRouters is empty'],
    ['"*:80/udp", "10.0.0.1:80", "[::1]:80/udp"', "[::1]:80/udp is already taken by *:80/udp of a"],
  ])("%s is refused", (listen, words) => {
    const text = `admin: { probes: "*:9901" }
frontends: { a: { listen: [${listen}], backend: web } }
backends: { web: {} }
`;
    const problems = problemsOf(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(words);
  });
});

describe("link-local addresses of virtual routers", () => {
  const text = (more: string, link = "interface: eth1") => `
virtualRouters:
  one: { interface: eth0, vrid: 1, addresses: ["fe80::51", "fd00::10"]${more} }
  two: { ${link}, vrid: 2, addresses: ["fe80::51"] }
frontends:
  one: { listen: "vip:one:80", backend: web }
  two: { listen: "vip:two:80", backend: web }
backends: { web: {} }
`;

  it("are listened on where they lie, on each link", () => {
    expect(planOf(text("")).frontends.map(({ listeners }) => listeners)).toMatchObject([
      [
        { address: "fe80::51", link: { interface: "eth0", nodeAddress: null } },
        { address: "fd00::10" },
      ],
      [{ address: "fe80::51", link: { interface: "eth1", nodeAddress: null } }],
    ]);
    expect(planOf(text("")).frontends[0]?.listeners[1]).not.toHaveProperty("link");
  });

  it("are left out with a virtual MAC address", () => {
    const [first] = planOf(text(", virtualMac: true")).frontends;
    expect(first?.listeners.map(({ address }) => address)).toEqual(["fd00::10"]);
    const alone = text("", "interface: eth1, virtualMac: true");
    expect(problemsOf(alone)[0]).toContain("cannot be listened on with virtualMac");
  });
});

describe("routes", () => {
  it("lead names in lower case to backends, and need no other", () => {
    const routes = '[{ sni: [Git.Example.com, "*.a.example"], backend: git }]';
    expect(frontend(`routes: ${routes}`)).toMatchObject({
      backend: null,
      routes: [{ serverNames: ["git.example.com", "*.a.example"], backend: "git" }],
      clientHelloTimeoutMs: 5000,
    });
    expect(frontend(`routes: ${routes}, backend: web`)).toMatchObject({ backend: "web" });
  });

  it("may have a name once", () => {
    const routes = "[{ sni: [a.example, A.example], backend: git }]";
    const text = `frontends: { a: { listen: "*:80", routes: ${routes} } }
backends: { git: {} }
`;
    expect(problemsOf(text)).toEqual([
      "frontends.a.routes[0].sni[1]: a.example is in routes[0] already: each name goes to one " +
      "backend",
    ]);
  });
});

describe("proxyProtocol", () => {
  it("is asked of nobody, or of networks", () => {
    expect(frontend("backend: web")).toMatchObject({ proxyProtocolFrom: null });
    expect(frontend('backend: web, proxyProtocol: { from: [10.0.0.1, "FD00::/8"] }'))
      .toMatchObject({ proxyProtocolFrom: ["10.0.0.1/32", "fd00::/8"] });
  });
});

describe("clientSpeaksFirst", () => {
  it.each([
    ["backend: web", false],
    ["backend: web, clientSpeaksFirst: true", true],
    ["backend: api", true],
    ["backend: api, clientSpeaksFirst: false", false],
    ["backend: api, routes: [{ sni: [a], backend: web }]", false],
    ["routes: [{ sni: [a], backend: api }]", true],
  ])("with %s is %j", (keys, expected) => {
    expect(frontend(keys)).toMatchObject({ clientSpeaksFirst: expected });
  });
});

describe("backend", () => {
  it.each([
    [", backend: wbe", 'frontends.a.backend: there is no backend "wbe"; did you mean web?'],
    [", backend: other", 'there is no backend "other": backends has web'],
  ])("%j", (key, words) => {
    const text = `frontends: { a: { listen: "*:80"${key} } }\nbackends: { web: {} }\n`;
    expect(problemsOf(text)[0]).toContain(words);
  });

  it("may be left out, which refuses every client and is a warning", () => {
    for (const listen of ['"*:80"', '["*:80", "*:80/udp"]', '"*:80/udp"']) {
      const { plan, warnings } = loadConfig(`frontends: { a: { listen: ${listen} } }`, source());
      expect(plan?.frontends).toMatchObject([{ backend: null, routes: [] }]);
      expect(warnings.map(({ path, message }) => `${path}: ${message}`)).toEqual([
        "frontends.a: there is neither backend nor routes: every client is refused; " +
        "backend names who takes them",
      ]);
    }
  });

  it("that is broken itself is not missing", () => {
    const text = 'frontends: { a: { listen: "*:80", backend: web } }\nbackends: { web: 7 }\n';
    expect(problemsOf(text)).toHaveLength(1);
    expect(problemsOf(text)[0]).toContain("backends.web: found 7");
  });
});

/** The plan of a frontend with these keys. */
function frontend(keys: string) {
  return planOf(`frontends: { a: { listen: "*:80", ${keys} } }
backends: { web: {}, git: {}, api: { profile: kube-apiserver } }
`).frontends[0];
}
