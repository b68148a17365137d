/**
 * What the speaker counts of a virtual router besides transitions and rejections, as metrics: their
 * names and which object of RFC 6527 they answer to.
 */

import { ROUTER_COUNTERS, type RouterCounter } from "../memory/router_table.ts";

const HELP: Readonly<Partial<Record<RouterCounter, string>>> = {
  advertisementsSent: "Advertisements sent.",
  advertisementsReceived: "Advertisements accepted (vrrpv3StatisticsRcvdAdvertisements).",
  priorityZeroSent: "Advertisements of priority 0 sent (vrrpv3StatisticsSentPriZeroPackets).",
  priorityZeroReceived: "The same accepted (vrrpv3StatisticsRcvdPriZeroPackets).",
  announcements: "Gratuitous ARPs and unsolicited neighbour advertisements sent.",
  sendErrors: "Advertisements and announcements that the kernel refused.",
  lateWakeups: "Deadlines that the speaker noticed later than half an interval.",
  checksumPseudoHeader: "Accepted with a checksum over the pseudo-header.",
  checksumPlain: "Accepted with a checksum without pseudo-header.",
  vipConflicts: "Claims of our addresses by others, while Active.",
  checksumGroup: "Accepted by unicast with a checksum over the group's address.",
};

/** A metric for each counter there is. */
export const ROUTER_STATISTICS: readonly RouterStatistic[] = ROUTER_COUNTERS.map((counter) => ({
  counter,
  name: `lintel_virtual_router_${snakeCase(counter)}_total`,
  help: HELP[counter] ?? `Counted by the speaker as ${counter}.`,
}));

/** One counter as a metric. */
export interface RouterStatistic {
  readonly counter: RouterCounter;
  readonly name: string;
  readonly help: string;
}

function snakeCase(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
