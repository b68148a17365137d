/**
 * What led to a change of state, in one line for people.
 */

import { formatAddress } from "../core/net/address.ts";
import type { HeardAdvertisement, TransitionReason } from "../core/vrrp/state.ts";

/** What is known when a virtual router changes its state. */
export interface Circumstances {
  /** Effective. */
  readonly priority: number;
  /** The peer heard last. */
  readonly heard: HeardAdvertisement | undefined;
  /** How long ago; `null` if none ever was. */
  readonly silenceMs: number | null;
  /** What there is to say of the interface. */
  readonly place: string;
  /** Why a tracker wants it given up. */
  readonly yield: string | null;
}

/** The cause of a change of state. */
export function causeOf(reason: TransitionReason, known: Circumstances): string {
  const { heard, priority } = known;
  const peer = heard ? formatAddress(heard.source) : "a peer";
  switch (reason) {
    case "startup":
    case "interfaceUp":
    case "interfaceDown":
    case "noAddress":
      return known.place;
    case "shutdown":
      return "planned stop";
    case "standby":
      return "an operator has put this node on standby";
    case "failover":
      return "handed over as an operator asked";
    case "yielded":
      return known.yield ?? "given up";
    case "recovered":
      return "nothing keeps this node from taking part any more";
    case "siblingFault":
      return "another virtual router of its sync group cannot take part";
    case "siblingBackup":
      return "another virtual router of its sync group has become Backup";
    case "owner":
      return "this node owns the addresses";
    case "peerSilent":
      return heard && known.silenceMs !== null
        ? `${peer} has been silent for ${known.silenceMs.toFixed(0)} ms`
        : "nobody else advertises";
    case "peerReleased":
      return `${peer} has given it up`;
    case "preempt":
      return `${peer} advertises a lower priority than ours, ${priority}`;
    case "higherPriority":
      return `${peer} advertises priority ${heard?.priority ?? "higher"}, ours is ${priority}`;
    case "higherAddress":
      return `${peer} advertises our priority from a higher address`;
  }
}
