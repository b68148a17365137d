/**
 * The Debian packages that the tests and the bench need beside Deno: the one list of them.
 * lintel itself, `deno task demo` and `deno task compile` need none.
 */

/** Package and what it is for. */
export const PACKAGES: Readonly<Record<string, string>> = {
  "buildah": "builds the image from Containerfile",
  "chromium": "opens the dashboard",
  "curl": "a client",
  "debootstrap": "makes the image's base",
  "dnsperf": "load of DNS queries",
  "frr": "another peer that we must get on with",
  "gcc": "compiles the entry stub anew, to compare",
  "gcc-aarch64-linux-gnu": "the same for arm64",
  "haproxy": "what the bench compares with, and a peer that speaks the PROXY protocol",
  "iproute2": "an independent view on links and addresses",
  "keepalived": "the peer that we must get on with",
  "libcap2-bin": "gives the binary its capabilities: setcap",
  "libfaketime": "lets a wall clock step",
  "libnginx-mod-stream": "what the bench compares UDP with",
  "nftables": "keeps packets from being sent",
  "nginx-light": "servers behind us",
  "prometheus": "scrapes us, and reads the alerts that we ship",
  "openssl": "certificates, and a TLS client",
  "tcpdump": "an independent view on packets",
  "unbound": "DNS servers behind us",
  "wrk": "load",
};

/**
 * Installs what is missing, as root.
 *
 * @throws {Error} with the line to type, if this is not root or apt fails
 */
export async function installPackages(log: (line: string) => void): Promise<void> {
  const missing = await missingPackages();
  if (Deno.uid() !== 0) {
    throw new Error(
      "network namespaces need root: run this as root" + (missing.length === 0 ? "" : ", after\n" +
        `  apt-get update && apt-get install --no-install-recommends ${missing.join(" ")}`),
    );
  }
  if (missing.length === 0) return;
  log(`installing ${missing.join(" ")}`);
  const policy = await forbidServices();
  try {
    await apt("update");
    await apt("install", "--yes", "--no-install-recommends", ...missing);
  } finally {
    if (policy) await Deno.remove(policy);
  }
}

async function missingPackages(): Promise<string[]> {
  const { stdout } = await new Deno.Command("dpkg-query", {
    args: ["--show", "--showformat=${db:Status-Status} ${Package}\n", ...Object.keys(PACKAGES)],
    stderr: "null",
  }).output();
  const lines = new Set(new TextDecoder().decode(stdout).split("\n"));
  return Object.keys(PACKAGES).filter((name) => !lines.has(`installed ${name}`));
}

/** Keeps nginx, haproxy and keepalived from being started on this machine. */
async function forbidServices(): Promise<string | undefined> {
  const path = "/usr/sbin/policy-rc.d";
  try {
    await Deno.writeTextFile(path, "#!/bin/sh\nexit 101\n", { createNew: true, mode: 0o755 });
    return path;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return undefined;
    throw error;
  }
}

async function apt(...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command("apt-get", {
    args,
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
  }).output();
  if (success) return;
  const decoder = new TextDecoder();
  throw new Error(
    `apt-get ${args.join(" ")} failed:\n${decoder.decode(stdout)}${decoder.decode(stderr)}`,
  );
}
