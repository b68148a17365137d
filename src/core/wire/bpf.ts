/**
 * Classic BPF programs (bpf(4), Linux's filter.rst) that let a socket see only what concerns us, so
 * that everything else costs nothing. Attaches nothing itself.
 */

/**
 * Passes ARP frames (a packet socket's view) whose sender says that one of these IPv4 addresses is
 * its own, and nothing else.
 */
export function arpClaimFilter(addresses: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return anyOf(ARP_SENDER_ADDRESS, addresses.filter(({ length }) => length === 4).map(lastWord));
}

/**
 * Passes ICMPv6 messages (a raw socket's view, with neighbour advertisements only) about one of
 * these IPv6 addresses; by its last four octets, so that a few others may pass too.
 */
export function neighbourClaimFilter(addresses: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return anyOf(ICMPV6_TARGET_END, addresses.filter(({ length }) => length === 16).map(lastWord));
}

/**
 * Passes frames (a packet socket's view) of an IP protocol from one address; of IPv6 by its last
 * four octets.
 */
export function senderFilter(source: Uint8Array, protocol: number): Uint8Array<ArrayBuffer> {
  const isIpv4 = source.length === 4;
  return encode([
    [LOAD_BYTE, 0, 0, ETHERNET_BYTES + (isIpv4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER)],
    [JUMP_EQUAL, 0, 3, protocol],
    [LOAD_WORD, 0, 0, ETHERNET_BYTES + (isIpv4 ? IPV4_SOURCE : IPV6_SOURCE_END)],
    [JUMP_EQUAL, 0, 1, lastWord(source)],
    [RETURN, 0, 0, WHOLE_PACKET],
    [RETURN, 0, 0, 0],
  ]);
}

/**
 * Passes everything a route socket receives but the news that an address with such a mark
 * (`IFA_PROTO`) is there: renewed four times a second each, many of them would keep us busy. Of
 * routes only those with the mark that go, of rules only what goes: others may come by the
 * thousand.
 */
export function routeEventFilter(mark: number): Uint8Array<ArrayBuffer> {
  return encode([
    // BPF reads the wire's byte order, and netlink has the host's.
    [LOAD_HALF, 0, 0, NETLINK_TYPE],
    [JUMP_EQUAL, 4, 0, RTM_NEWADDR << 8],
    [JUMP_EQUAL, 10, 0, RTM_DELROUTE << 8],
    [JUMP_EQUAL, 12, 0, RTM_NEWROUTE << 8],
    [JUMP_EQUAL, 11, 0, RTM_NEWRULE << 8],
    [RETURN, 0, 0, WHOLE_PACKET],
    [LOAD_INDEX, 0, 0, IFA_PROTO],
    [LOAD_IMMEDIATE, 0, 0, IFADDR_ATTRIBUTES],
    [LOAD_WORD, 0, 0, FIND_ATTRIBUTE],
    [JUMP_EQUAL, 5, 0, 0],
    [ACCUMULATOR_TO_INDEX, 0, 0, 0],
    [LOAD_BYTE_INDEXED, 0, 0, ATTRIBUTE_VALUE],
    [JUMP_EQUAL, 3, 2, mark],
    [LOAD_BYTE, 0, 0, ROUTE_PROTOCOL],
    [JUMP_EQUAL, 0, 1, mark],
    [RETURN, 0, 0, WHOLE_PACKET],
    [RETURN, 0, 0, 0],
  ]);
}

/** Passes what has one of these words at an offset. */
function anyOf(offset: number, words: readonly number[]): Uint8Array<ArrayBuffer> {
  const known = [...new Set(words)].slice(0, MOST_WORDS);
  return encode([
    [LOAD_WORD, 0, 0, offset],
    ...known.flatMap((word): Instruction[] => [
      [JUMP_EQUAL, 0, 1, word],
      [RETURN, 0, 0, WHOLE_PACKET],
    ]),
    [RETURN, 0, 0, 0],
  ]);
}

function lastWord(address: Uint8Array): number {
  return address.subarray(-4).reduce((word, octet) => word * 256 + octet, 0);
}

/** Code, jump if true, jump if false, operand. */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];

/**
 * ```c
 * struct sock_filter { __u16 code; __u8 jt, jf; __u32 k; };
 * ```
 */
function encode(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
  for (const [index, [code, jt, jf, k]] of program.entries()) {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  }
  return new Uint8Array(view.buffer);
}

/** Length of one instruction. */
export const INSTRUCTION_BYTES = 8;

/** `BPF_LD | BPF_ABS` with `BPF_W` or `BPF_B`; `BPF_JMP | BPF_JEQ | BPF_K`; `BPF_RET | BPF_K`. */
const LOAD_WORD = 0x20;
/** `BPF_LD | BPF_H | BPF_ABS`, `BPF_LD | BPF_B | BPF_IND`, `BPF_LD | BPF_IMM`. */
const LOAD_HALF = 0x28;
const LOAD_BYTE_INDEXED = 0x50;
const LOAD_IMMEDIATE = 0x00;
/** `BPF_LDX | BPF_IMM`, `BPF_MISC | BPF_TAX`. */
const LOAD_INDEX = 0x01;
const ACCUMULATOR_TO_INDEX = 0x07;
const LOAD_BYTE = 0x30;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;

const WHOLE_PACKET = 0xffffffff;
/** The kernel takes 4096 instructions (`BPF_MAXINSNS`). */
const MOST_WORDS = 2047;

const NETLINK_TYPE = 4;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_NEWRULE = 32;
const IFA_PROTO = 11;
/** Behind `struct nlmsghdr` and `struct ifaddrmsg`. */
const IFADDR_ATTRIBUTES = 24;
const ATTRIBUTE_VALUE = 4;
/** `rtm_protocol` in `struct rtmsg`, behind `struct nlmsghdr`. */
const ROUTE_PROTOCOL = 21;
/** `SKF_AD_OFF + SKF_AD_NLATTR`: where attribute X is, from the accumulator on; 0 for nowhere. */
const FIND_ATTRIBUTE = 0xfffff000 + 12;

const ETHERNET_BYTES = 14;
const ARP_SENDER_ADDRESS = 28;
const ICMPV6_TARGET_END = 20;
const IPV4_PROTOCOL = 9;
const IPV4_SOURCE = 12;
const IPV6_NEXT_HEADER = 6;
const IPV6_SOURCE_END = 20;
