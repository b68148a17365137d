/**
 * Holds connections until SIGTERM, and then resets them, so that no port of theirs has to rest.
 *
 *     deno run -A scripts/bench/idle_client.ts ADDRESS PORT COUNT
 */

import { must } from "../../src/linux/errno.ts";
import { inetAddressOf } from "../../src/linux/sockaddr.ts";
import {
  AF_INET,
  connect,
  IPPROTO_TCP,
  lingerReset,
  SOCK_STREAM,
  socket,
} from "../../src/linux/socket.ts";
import { print } from "../lab/print.ts";
import { delay } from "../lab/wait.ts";

if (import.meta.main) {
  const [address = "", port = "", count = ""] = Deno.args;
  Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
  const target = inetAddressOf(address, Number(port));
  for (let made = 0; made < Number(count); made++) {
    const fd = must("socket", socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    lingerReset(fd);
    // It is under way: errno says so, but in a process as young as this may be another call's.
    connect(fd, target);
    // Not more at once than a queue of clients holds.
    if (made % 100 === 99) await delay(10);
  }
  print("all");
  setInterval(() => {}, 1_000_000);
}
