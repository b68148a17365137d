/**
 * Network namespaces of the calling thread, for tests and the demo; the appliance itself stays in
 * the one it was started in. A socket belongs for ever to the namespace its maker was in at the
 * time.
 *
 * @see network_namespaces(7)
 */

import { must } from "./errno.ts";
import { answer, type Fd, libc } from "./libc.ts";

/**
 * Makes a network namespace, which lives as long as the descriptor or anything inside it. The
 * calling thread stays where it was.
 *
 * @throws {SystemError} `EPERM` without CAP_SYS_ADMIN; `unshare -Urnm` gives it to everybody.
 * @see unshare(2)
 */
export function createNetworkNamespace(): Fd {
  const home = must("open(/proc/thread-self/ns/net)", openHere());
  try {
    must("unshare(CLONE_NEWNET)", answer(libc.unshare(CLONE_NEWNET)));
    try {
      return must("open(/proc/thread-self/ns/net)", openHere());
    } finally {
      enter(home);
    }
  } finally {
    libc.close(home);
  }
}

/**
 * Runs `inside` with the calling thread in a namespace. It must not be asynchronous: whatever else
 * the thread did in the meantime would happen in the namespace as well.
 *
 * @throws {SystemError} when the thread may not enter it.
 * @see setns(2)
 */
export function inNetworkNamespace<Result>(namespace: Fd, inside: () => Result): Result {
  const home = must("open(/proc/thread-self/ns/net)", openHere());
  try {
    enter(namespace);
    try {
      return inside();
    } finally {
      enter(home);
    }
  } finally {
    libc.close(home);
  }
}

function openHere(): Fd {
  return answer(libc.open(HERE, O_RDONLY | O_CLOEXEC)) as Fd;
}

function enter(namespace: Fd): void {
  must("setns(CLONE_NEWNET)", answer(libc.setns(namespace, CLONE_NEWNET)));
}

const CLONE_NEWNET = 0x40000000;
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;

const HERE = new TextEncoder().encode("/proc/thread-self/ns/net\0");
