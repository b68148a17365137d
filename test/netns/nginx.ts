/**
 * A real nginx on a host of the lab: one process, which answers with its name.
 */

import type { Host } from "../../scripts/lab/host.ts";
import { connects } from "./connects.ts";
import type { Process } from "../../scripts/lab/process.ts";
import { eventually } from "../../scripts/lab/wait.ts";

/** What it answers. */
export interface NginxOptions {
  /** Where requests are answered; default 80. */
  readonly port?: number;
  /** A second port, for checks alone: they must not be counted with clients. */
  readonly checkPort?: number;
  /** Further servers, as its configuration has them; `DIRECTORY` is the host's own. */
  readonly further?: string;
}

/** A running nginx: any path answers the host's name, `/files/` what is in the host's directory. */
export class Nginx {
  readonly host: Host;
  #process: Process;

  private constructor(host: Host, file: string) {
    this.host = host;
    this.#process = host.spawn(["nginx", "-e", "stderr", "-c", file]);
  }

  /** Starts one, and waits until it accepts connections. */
  static async start(host: Host, options: NginxOptions = {}): Promise<Nginx> {
    const { port = 80, checkPort, further = "" } = options;
    const servers = further.replaceAll("DIRECTORY", host.directory);
    const file = host.write("nginx.conf", configuration(host, port, checkPort, servers));
    const nginx = new Nginx(host, file);
    await eventually(`nginx on ${host.name} listens`, () => {
      if (nginx.#process.ended) throw new Error(nginx.#process.output);
      return connects(host, "127.0.0.1", checkPort ?? port);
    });
    return nginx;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#process.stop("SIGKILL");
  }
}

/** Writes `cert.pem` and `key.pem` into a host's directory. */
export async function selfSigned(host: Host): Promise<void> {
  await host.run([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    ...["-nodes", "-subj", "/CN=nginx", "-days", "2"],
    ...["-keyout", `${host.directory}/key.pem`, "-out", `${host.directory}/cert.pem`],
  ]);
}

function configuration(
  host: Host,
  port: number,
  checkPort: number | undefined,
  further: string,
): string {
  const check = checkPort === undefined ? "" : `  server {
    listen ${checkPort};
    location / { return 200 "${host.name} is well\\n"; }
  }`;
  return `daemon off;
master_process off;
user root;
pid ${host.directory}/nginx.pid;
events { worker_connections 8192; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 100000000;
  keepalive_timeout 1h;
  server {
    listen ${port} backlog=8192;
    listen [::]:${port} backlog=8192;
    add_header x-server ${host.name};
    location / { return 200 "${host.name}\\n"; }
    location /files/ { alias ${host.directory}/files/; }
    location /slow/ { alias ${host.directory}/files/; limit_rate 1m; }
  }
${check}
${further}
}
`;
}
