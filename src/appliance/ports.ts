/**
 * Whether this host lets us listen where a plan says, and in words why not. It keeps nothing open.
 */

import { listenerName } from "../core/plan/diff.ts";
import type { ListenerPlan, Plan, Protocol } from "../core/plan/plan.ts";
import { isWildcard, probePort } from "../dataplane/listener.ts";
import { EACCES, EADDRINUSE, EADDRNOTAVAIL, SystemError } from "../linux/errno.ts";
import { CAP_NET_BIND_SERVICE, raise } from "../linux/thread.ts";

/** A listener that cannot be had. */
export interface RefusedListener {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** Whether somebody listens there, or in its way. */
  readonly isInUse: boolean;
  /** The place, the cause and the remedy. */
  readonly message: string;
}

/** The plan's listeners that cannot be had, also those of the admin API. */
export function refusedListeners({ frontends, admin }: Plan): RefusedListener[] {
  const refused = refusedAmong(frontends.flatMap(({ listeners }) => listeners), []);
  const refusedToAdmin = (["listen", "probes"] as const).flatMap((key) => {
    const place = admin[key];
    const listener = place && { protocol: "tcp" as const, virtualRouter: null, ...place };
    return refusedAmong(listener ? [listener] : [], [])
      .map((one) => ({ ...one, message: `admin.${key}: ${one.message}` }));
  });
  return [...refused, ...refusedToAdmin];
}

/**
 * The listeners that cannot be had. SO_REUSEPORT would let us in beside a foreign owner of a port,
 * so this asks without it.
 *
 * @param ours what this process listens on already: it is not in its own way.
 */
export function refusedAmong(
  listeners: readonly ListenerPlan[],
  ours: readonly ListenerPlan[],
): RefusedListener[] {
  raise(CAP_NET_BIND_SERVICE);
  return listeners.flatMap((listener) => {
    const { protocol, address, port } = listener;
    const answer = probePort(listener);
    if (answer === -EADDRINUSE && ours.some((one) => areInTheWay(one, listener))) return [];
    if (answer >= 0) return [];
    const message = refusal(listener, -answer);
    return [{ protocol, address, port, isInUse: answer === -EADDRINUSE, message }];
  });
}

/** Whether one of two listeners keeps the other from being opened alone. */
function areInTheWay(one: ListenerPlan, other: ListenerPlan): boolean {
  return one.protocol === other.protocol && one.port === other.port &&
    (one.address === other.address || isWildcard(one) || isWildcard(other));
}

/** Why a listener cannot be had, and what to do. */
export function refusal(listener: ListenerPlan, errno: number): string {
  const { protocol, address, port } = listener;
  const place = listenerName(listener);
  switch (errno) {
    case EADDRINUSE:
      return `cannot listen on ${place}: port ${port} is in use by another program; ` +
        `stop it ("ss -l${protocol[0]}np sport = :${port}" names it) or choose another port`;
    case EACCES:
      return `cannot listen on ${place}: ports below 1024 need the capability ` +
        "CAP_NET_BIND_SERVICE; grant it (setcap cap_net_bind_service+p, or the container's " +
        "NET_BIND_SERVICE)";
    case EADDRNOTAVAIL:
      return `cannot listen on ${place}: no interface of this host carries ${address}; ` +
        "configure it, or listen on vip:ROUTER for the address of a virtual router";
    default:
      return `cannot listen on ${place}: ${new SystemError("bind", errno).message}`;
  }
}
