/**
 * The runtime plan: what one node does, as plain data. Everything is resolved, no default is left
 * to guess, and all of it can be cloned into a worker. No fact is in it that only the host tells.
 */

import type { Family } from "../net/address.ts";
import type { AdminPlan } from "./admin_plan.ts";
import type { Balance, FrontendLimits, SourceAddressPlan } from "./limits.ts";
import type { Rcode, RecordType } from "../wire/dns.ts";

/** All that one node runs. */
export interface Plan {
  readonly node: string;
  /** SHA-256 of the file the plan comes from, in hexadecimal. */
  readonly hash: string;
  readonly log: LogPlan;
  readonly stateDirectory: string;
  /** Whether the file is loaded anew when it changes. */
  readonly watch: boolean;
  /** Data-plane workers; `null` means one for each CPU. */
  readonly workers: number | null;
  readonly engine: "auto" | "uring" | "epoll";
  /** Of the whole process; `null` means as many as the host allows. */
  readonly maxConnections: number | null;
  readonly stopTimeoutMs: number;
  readonly admin: AdminPlan;
  /** What virtual routers may track, each run once. */
  readonly trackers: readonly TrackerPlan[];
  readonly virtualRouters: readonly VirtualRouterPlan[];
  readonly syncGroups: readonly SyncGroupPlan[];
  readonly frontends: readonly FrontendPlan[];
  readonly backends: readonly BackendPlan[];
}

/** What is logged, and how. */
export interface LogPlan {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "text" | "json";
  /** What is written for each connection that ends, to standard output. */
  readonly connections: "none" | "json" | "tcplog";
}

/** One virtual router on this node. */
export interface VirtualRouterPlan {
  readonly name: string;
  /** Interface name; `null` means the interface that carries `nodeAddress`. */
  readonly interface: string | null;
  readonly family: Family;
  readonly vrid: number;
  readonly version: 2 | 3;
  /** The virtual addresses in the order they are advertised. */
  readonly addresses: readonly AddressPlan[];
  /** Carried like `addresses`, but not advertised; of any family. */
  readonly excludedAddresses: readonly AddressPlan[];
  /** Installed while Active. */
  readonly routes: readonly RoutePlan[];
  readonly rules: readonly RulePlan[];
  readonly priority: number;
  /** Of the other nodes that the file names. */
  readonly peerPriorities: readonly number[];
  readonly advertisementIntervalMs: number;
  readonly preempt: boolean;
  readonly preemptDelayMs: number;
  /** `null` means multicast. */
  readonly unicast: UnicastPlan | null;
  /** This node's own address of the family, where the file names it. */
  readonly nodeAddress: string | null;
  /** The password of version 2, at most eight octets; `null` means none. */
  readonly password: string | null;
  readonly checksum: "rfc5798" | "rfc9568";
  /** Whether the form that is not sent is rejected. */
  readonly strictChecksum: boolean;
  /** What to do with an advertisement that has another list of addresses. */
  readonly addressList: "ignore" | "drop";
  /** What the election depends on. */
  readonly track: readonly TrackPlan[];
  readonly announce: AnnouncePlan;
  /** The kernel drops the VIP so long after the last renewal at the latest; `null` means never. */
  readonly deadmanMs: number | null;
  /** What to do at start with a virtual address that is on the host without our mark. */
  readonly existingAddress: "remove" | "refuse";
  readonly startDelayMs: number;
  readonly notify: NotifyPlan | null;
  readonly virtualMac: boolean;
}

/** A virtual address and the prefix length it is installed with. */
export interface AddressPlan {
  readonly address: string;
  readonly prefixLength: number;
}

/** A route that goes with a virtual router. */
export interface RoutePlan {
  /** Destination as ADDRESS/LENGTH. */
  readonly to: string;
  /** The gateway; `null` means on the link. */
  readonly via: string | null;
  /** Outgoing interface; `null` means the virtual router's. */
  readonly interface: string | null;
  /** Preferred source address. */
  readonly source: string | null;
  readonly table: number;
  readonly metric: number | null;
}

/** A rule that goes with a virtual router: which packets look into which routing table. */
export interface RulePlan {
  readonly family: Family;
  /** ADDRESS/LENGTH; `null` means any. */
  readonly from: string | null;
  readonly to: string | null;
  readonly table: number;
  readonly priority: number | null;
}

/** Advertisements sent to each peer instead of the multicast group. */
export interface UnicastPlan {
  /** `null` means the interface's primary address. */
  readonly source: string | null;
  readonly peers: readonly string[];
  readonly ttl: number;
  /** What comes with less is rejected; `null` goes by whether the peers are on the link. */
  readonly minTtl: number | null;
  /** Whether advertisements from anybody but `peers` are refused. */
  readonly checkSource: boolean;
}

/** Gratuitous ARPs and unsolicited neighbour advertisements. */
export interface AnnouncePlan {
  /** Copies sent at once on becoming Active. */
  readonly repeat: number;
  /** A second burst so much later; 0 means none. */
  readonly delayMs: number;
  /** Announced anew this often while Active; `null` means never. */
  readonly refreshMs: number | null;
  readonly refreshRepeat: number;
}

/** Who is told of each change of state, in order. */
export interface NotifyPlan {
  /** Program and arguments. */
  readonly command: readonly string[] | null;
  readonly webhook: string | null;
}

/** What a bad tracker does to a virtual router: `yield` gives it up, points move its priority. */
export type TrackEffect =
  | { readonly kind: "yield" }
  /** Negative: added while bad; positive: added while good. */
  | { readonly kind: "points"; readonly points: number };

/** What a virtual router tracks. */
export type TrackPlan =
  | { readonly kind: "tracker"; readonly tracker: string; readonly effect: TrackEffect }
  | {
    readonly kind: "dataplane";
    /** Frontends that are watched. */
    readonly frontends: readonly string[];
    /** Fewer usable servers are bad. */
    readonly minUsable: number;
    /** A stalled worker or an unbound listener always yields; this is for missing servers. */
    readonly effect: TrackEffect;
  };

/** Something that can be good or bad. */
export type TrackerPlan =
  | {
    readonly type: "interface";
    readonly name: string;
    readonly interface: string;
    readonly downDelayMs: number;
    readonly upDelayMs: number;
  }
  | {
    readonly type: "script";
    readonly name: string;
    /** Program and arguments, run without a shell. */
    readonly command: readonly string[];
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly rise: number;
    readonly fall: number;
  }
  /** Bad while the file exists. */
  | { readonly type: "file"; readonly name: string; readonly path: string };

/** Virtual routers that are Active together or not at all. */
export interface SyncGroupPlan {
  readonly name: string;
  readonly members: readonly string[];
}

/** What is listened for: connections, or datagrams. */
export type Protocol = "tcp" | "udp";

/** Where connections arrive and which backends take them. */
export interface FrontendPlan extends FrontendLimits {
  readonly name: string;
  readonly listeners: readonly ListenerPlan[];
  /** Where no route matches; `null` means that nobody takes such connections. */
  readonly backend: string | null;
  /** Backends by the server name in a TLS ClientHello, which every client has to send then. */
  readonly routes: readonly ServerNameRoute[];
  /** Whether connections are taken from the kernel with their first bytes only. */
  readonly clientSpeaksFirst: boolean;
  /** From whom a PROXY header is required, as prefixes; `null` means that nobody sends one. */
  readonly proxyProtocolFrom: readonly string[] | null;
  /** For a PROXY header and a ClientHello together. */
  readonly clientHelloTimeoutMs: number;
  readonly required: boolean;
}

/** All backends that a frontend leads to, each once. */
export function backendsOf(
  { backend, routes }: Pick<FrontendPlan, "backend" | "routes">,
): string[] {
  const names = routes.map((route) => route.backend);
  return [...new Set(backend === null ? names : [backend, ...names])];
}

/** Which backend takes the connections for some TLS server names. */
export interface ServerNameRoute {
  /** In lower case; `*.example.com` stands for any one label before the dot. */
  readonly serverNames: readonly string[];
  readonly backend: string;
}

/** One listening address and port. */
export interface ListenerPlan {
  readonly protocol: Protocol;
  /** An address; `0.0.0.0`; `::` for IPv6 only; `*` for all addresses of both families. */
  readonly address: string;
  readonly port: number;
  /** The virtual router whose address this is: bound also while the address is not here. */
  readonly virtualRouter: string | null;
  /** Where a link-local address lies; absent for all others. */
  readonly link?: ListenerLink;
}

/** An interface by its name, or else by the address that it carries. */
export interface ListenerLink {
  readonly interface: string | null;
  readonly nodeAddress: string | null;
}

/** A named set of servers and how connections are spread over them. */
export interface BackendPlan {
  readonly name: string;
  readonly balance: Balance;
  /** `null` means that servers take connections unchecked. */
  readonly check: CheckPlan | null;
  /** Who is asked beside it how each server is; `null` means nobody. */
  readonly agentCheck: AgentCheckPlan | null;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly halfClosedTimeoutMs: number;
  readonly keepalive: KeepalivePlan;
  readonly retries: number;
  readonly redispatch: boolean;
  /** What becomes of a server's connections when it goes down or into maint. */
  readonly onMarkedDown: "keep-connections" | "shutdown-connections";
  /** What becomes of connections to backup servers when one that is none comes up. */
  readonly onMarkedUp: "keep-connections" | "shutdown-backup-connections";
  /** How long a server that comes back takes to have all of its share; `null` means no time. */
  readonly slowStartMs: number | null;
  /** How many connections may wait for one server; `null` means any number. */
  readonly maxQueue: number | null;
  readonly queueTimeoutMs: number;
  /** What a client meets while no server takes connections. */
  readonly whenEmpty: "reject" | "hold";
  readonly sourceAddress: SourceAddressPlan;
  readonly udp: UdpPlan;
  /** What servers have that are added at run time, as far as nothing else is said of them. */
  readonly serverDefaults: Pick<ServerPlan, "weight" | "maxConnections" | "proxyProtocol">;
  readonly servers: readonly ServerPlan[];
}

/** How long UDP sessions live, and how many of them there may be. */
export interface UdpPlan {
  /** Without a datagram either way. */
  readonly idleTimeoutMs: number;
  /** It ends once each datagram of its client has had so many answers; `null` means never so. */
  readonly replies: number | null;
  /** Of all workers together. */
  readonly maxSessions: number;
}

/** TCP keepalive on both sides of a connection. */
export interface KeepalivePlan {
  readonly idleMs: number;
  readonly intervalMs: number;
  readonly probes: number;
  readonly userTimeoutMs: number | null;
}

/** One server. */
export interface ServerPlan {
  readonly name: string;
  readonly address: string;
  readonly family: Family;
  /** `null` means the port that the client connected to. */
  readonly port: number | null;
  /** 0 to 256. */
  readonly weight: number;
  /** Takes connections only while no other server of the backend can. */
  readonly backup: boolean;
  /** Connections at once; further ones wait. `null` means any number. */
  readonly maxConnections: number | null;
  readonly state: AdminState;
  /** The version of the PROXY header that begins each connection to it; `null` means none. */
  readonly proxyProtocol: "v1" | "v2" | null;
}

/** What an operator has said about a server. */
export type AdminState = "ready" | "drain" | "maint";

/** Which check a server must pass, and how often. */
export interface CheckPlan {
  readonly intervalMs: number;
  readonly fastIntervalMs: number;
  readonly downIntervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  /** Checked instead of the server's own address and port. */
  readonly address: string | null;
  readonly port: number | null;
  readonly request: CheckRequest;
  /** What the connections of clients say beside it; `null` means that nobody listens to them. */
  readonly passive: PassivePlan | null;
}

/** The agent beside each server of a backend. */
export interface AgentCheckPlan {
  readonly port: number;
  /** `null` means the server's own. */
  readonly address: string | null;
  readonly intervalMs: number;
  /** Sent once connected; `null` means nothing. */
  readonly send: string | null;
}

/** After so many failed connections in a row, this is made of it. */
export interface PassivePlan {
  readonly errorLimit: number;
  readonly action: "fail-check" | "fast-interval" | "sudden-death" | "mark-down";
}

/** What is asked of the server. */
export type CheckRequest =
  | TcpCheck
  | { readonly type: "http"; readonly http: HttpCheck }
  | { readonly type: "https"; readonly http: HttpCheck; readonly tls: TlsCheck }
  | { readonly type: "tls"; readonly tls: TlsCheck }
  | DnsCheck
  | {
    readonly type: "script";
    /** Program and arguments, run without a shell. */
    readonly command: readonly string[];
  };

/** A connection, and what is said on it where either is named. */
export interface TcpCheck {
  readonly type: "tcp";
  readonly send?: string;
  /** What the answer must contain. */
  readonly expect?: string;
}

/** An HTTP/1.1 request and the statuses that count as success. */
export interface HttpCheck {
  readonly method: string;
  readonly path: string;
  /** The Host header; `null` means the server's address and port. */
  readonly host: string | null;
  /** Inclusive ranges. */
  readonly status: readonly (readonly [from: number, to: number])[];
  /** A bearer token; a secret. */
  readonly token?: string;
}

/** How the server's certificate is verified, and what it is shown of ours. */
export interface TlsCheck {
  /** Sent as SNI and verified; `null` sends none and verifies against the address. */
  readonly serverName: string | null;
  /** `none`, `system`, or PEM text of the authorities. */
  readonly verify: "none" | "system" | { readonly ca: string };
  /** PEM text of our certificate and its key; a secret. */
  readonly client?: { readonly certificate: string; readonly key: string };
}

/** A DNS query and the answer that counts as success. */
export interface DnsCheck {
  readonly type: "dns";
  readonly query: string;
  readonly recordType: RecordType;
  readonly rcode: Rcode;
  readonly transport: "udp" | "tcp";
}
