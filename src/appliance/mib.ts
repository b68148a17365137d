/**
 * Counters of a virtual router under the names that RFC 6527 gives them, for those who know them
 * from SNMP. The names are the objects' own, without the prefix `vrrpv3`.
 */

import type { RejectionReason } from "../core/wire/vrrp.ts";
import { TRANSITIONS } from "../core/vrrp/state.ts";
import type { RouterTable } from "../memory/router_table.ts";

/** The counters of a row; those of rejections count all reasons that belong to an object. */
export function mibCounters(table: RouterTable, row: number): Record<string, number> {
  const became = Object.entries(TRANSITIONS).filter(([, state]) => state === "active");
  const errors = Object.entries(ERRORS).map(([object, reasons]): [string, number] => [
    object,
    reasons.reduce((sum, reason) => sum + table.rejections(row, reason), 0),
  ]);
  return {
    StatisticsMasterTransitions: became.reduce(
      (sum, [reason]) => sum + table.transitions(row, reason),
      0,
    ),
    StatisticsRcvdAdvertisements: table.counter(row, "advertisementsReceived"),
    StatisticsRcvdPriZeroPackets: table.counter(row, "priorityZeroReceived"),
    StatisticsSentPriZeroPackets: table.counter(row, "priorityZeroSent"),
    ...Object.fromEntries(errors),
  };
}

const ERRORS: Readonly<Record<string, readonly RejectionReason[]>> = {
  RouterChecksumErrors: ["checksum"],
  RouterVersionErrors: ["version"],
  RouterVrIdErrors: ["vrid"],
  StatisticsAdvIntervalErrors: ["interval"],
  StatisticsIpTtlErrors: ["ttl"],
  StatisticsRcvdInvalidTypePackets: ["type"],
  StatisticsAddressListErrors: ["addressCount", "addressList", "destination"],
  StatisticsPacketLengthErrors: ["length"],
};
