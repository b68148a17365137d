/**
 * What `config/` ships for Prometheus and Grafana, with the real Prometheus scraping a real run:
 * every metric that an alert or a panel asks for is there, and every expression can be evaluated.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Host } from "../../scripts/lab/host.ts";
import { Lab } from "../../scripts/lab/lab.ts";
import { eventually } from "../../scripts/lab/wait.ts";
import { COMMON, Lintel, product } from "../netns/product.ts";

const CONFIG = `${COMMON.replace("admin: {", 'admin: { probes: "127.0.0.1:9901",')}
virtualRouters:
  web: { interface: eth0, vrid: 60, addresses: [10.77.0.100], track: { hold: -10 } }
trackers: { hold: { type: file, path: /nonexistent/hold } }
frontends: { web: { listen: "vip:web:80", backend: web } }
backends: { web: { check: { type: tcp, interval: 200ms }, servers: { a: "127.0.0.1:9901" } } }
`;

const PROMETHEUS = `
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${path("config/prometheus/alerts.yaml")}]
scrape_configs:
  - { job_name: lintel, static_configs: [{ targets: ["127.0.0.1:9901"] }] }
`;

describe("config/prometheus/alerts.yaml", () => {
  it("fires when it is to fire, and not otherwise", async () => {
    const { code, output } = await promtool("test", "rules", path("test/product/alerts.yaml"));
    expect(code, output).toBe(0);
  });
});

describe("with a real Prometheus", () => {
  const lab = Lab.create();
  let host: Host;
  let known: ReadonlySet<string>;

  beforeAll(async () => {
    host = lab.host("lb1", { lan: "lan", addresses: ["10.77.0.1/24"] });
    const lintel = new Lintel(host, await product(), CONFIG);
    await lintel.ready();
    host.spawn([
      "prometheus",
      `--config.file=${host.write("prometheus.yaml", PROMETHEUS)}`,
      `--storage.tsdb.path=${host.directory}/prometheus`,
      "--web.listen-address=127.0.0.1:9090",
      "--log.level=error",
    ]);
    const everything = 'count by (__name__) ({job="lintel"})';
    await eventually("the node is scraped", async () => (await query("up")).length > 0);
    known = new Set((await query(everything)).map(({ metric }) => String(metric.__name__)));
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  it("has every metric that the alerts ask for", async () => {
    expect(missing(alerts().map(({ expr }) => expr))).toEqual([]);
    const failing = await failingOf(alerts().map(({ expr }) => expr));
    expect(failing).toEqual([]);
  });

  it("has every metric that the dashboard shows, and answers its questions", async () => {
    const questions = dashboardQuestions();
    expect(questions.length).toBeGreaterThan(20);
    expect(missing(questions)).toEqual([]);
    expect(await failingOf(questions)).toEqual([]);
  });

  it("finds a healthy node healthy", async () => {
    const firing = await query('ALERTS{alertstate="firing"}');
    expect(firing.map(({ metric }) => metric.alertname)).toEqual([]);
  });

  async function query(expression: string): Promise<Series[]> {
    const question = new URLSearchParams({ query: expression });
    const url = `http://127.0.0.1:9090/api/v1/query?${question}`;
    const answer: Answer = JSON.parse(await host.run(["curl", "--silent", url]));
    if (answer.status !== "success") throw new Error(`${expression}: ${answer.error}`);
    return answer.data.result;
  }

  async function failingOf(expressions: readonly string[]): Promise<string[]> {
    const outcomes = await Promise.allSettled(expressions.map(query));
    return outcomes.flatMap((one) => one.status === "rejected" ? [String(one.reason)] : []);
  }

  function missing(expressions: readonly string[]): string[] {
    const named = expressions.flatMap((expr) => expr.match(/\b(lintel|process)_\w+/g) ?? []);
    return named.filter((name) => !known.has(name));
  }
});

/** One series of an answer of Prometheus's. */
interface Series {
  readonly metric: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: { readonly result: Series[] };
}

function alerts(): { expr: string }[] {
  const file = parse(Deno.readTextFileSync(path("config/prometheus/alerts.yaml")));
  return file.groups[0].rules;
}

/** The dashboard's expressions, with its variables as Grafana fills them in. */
function dashboardQuestions(): string[] {
  const text = Deno.readTextFileSync(path("config/grafana/lintel.json"));
  const { panels, annotations } = JSON.parse(text);
  const targets: { expr: string }[] = [
    ...panels.flatMap(({ targets = [] }: { targets?: { expr: string }[] }) => targets),
    ...annotations.list,
  ];
  return targets.map(({ expr }) =>
    expr.replaceAll("$instance", ".*").replaceAll("$__rate_interval", "1m")
  );
}

async function promtool(...args: string[]): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command("promtool", { args }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout) + text.decode(stderr) };
}

function path(relative: string): string {
  return new URL(`../../${relative}`, import.meta.url).pathname;
}
