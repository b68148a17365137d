/**
 * ClientHellos for tests: one that OpenSSL 3.0 has sent, and others made to measure.
 */

/** `openssl s_client -servername Git.Example.com`: one record, all of it. */
export const OPENSSL_HELLO: Uint8Array<ArrayBuffer> = bytesOf(
  "160301013c010001380303f75e18adb523904caf0e7bfe60710ce8c3583d35d7f3320d6ee09148d6c82c94204e",
  "68581abc842a31c29094bf619178f32418748a1fa2487c90a7bf976febb5aa003e130213031301c02cc030009f",
  "cca9cca8ccaac02bc02f009ec024c028006bc023c0270067c00ac0140039c009c0130033009d009c003d003c00",
  "35002f00ff010000b100000014001200000f4769742e4578616d706c652e636f6d000b000403000102000a0016",
  "0014001d0017001e0019001801000101010201030104002300000016000000170000000d002a00280403050306",
  "03080708080809080a080b080408050806040105010601030303010302040205020602002b0009080304030303",
  "020301002d00020101003300260024001d00205bf491948ebaa519d1de9af47d3fc5b92276eb07f397537b167c",
  "4d8fdfdf8e7c",
);

/** What a made ClientHello has. */
export interface HelloParts {
  /** Absent = no such extension. */
  readonly serverName?: string;
  /** Bytes of padding before the server name, as post-quantum key shares take up. */
  readonly padding?: number;
  /** Bytes of the message in each record; absent = as many as a record holds. */
  readonly fragment?: number;
}

/** A ClientHello in its records. */
export function clientHello(parts: HelloParts): Uint8Array<ArrayBuffer> {
  return inRecords(message(parts), parts.fragment);
}

/** A handshake message without records. */
export function message({ serverName, padding }: HelloParts): number[] {
  const extensions: number[] = [];
  if (padding !== undefined) extensions.push(0, 21, ...vector(2, new Array(padding).fill(0)));
  if (serverName !== undefined) {
    const name = [...new TextEncoder().encode(serverName)];
    extensions.push(0, 0, ...vector(2, vector(2, [0, ...vector(2, name)])));
  }
  const body = [3, 3, ...new Array(32).fill(7), 0, ...vector(2, [0x13, 1]), ...vector(1, [0])];
  return [1, ...vector(3, [...body, ...vector(2, extensions)])];
}

/** Splits a handshake message into records. */
export function inRecords(
  handshake: readonly number[],
  fragment = 16384,
): Uint8Array<ArrayBuffer> {
  const records: number[] = [];
  for (let at = 0; at < handshake.length; at += fragment) {
    records.push(22, 3, 1, ...vector(2, handshake.slice(at, at + fragment)));
  }
  return Uint8Array.from(records);
}

/** Bytes behind their length, which takes up so many bytes. */
function vector(lengthBytes: number, content: readonly number[]): number[] {
  const length = Array.from(
    { length: lengthBytes },
    (_, at) => (content.length >> 8 * (lengthBytes - 1 - at)) & 0xff,
  );
  return [...length, ...content];
}

function bytesOf(...lines: readonly string[]): Uint8Array<ArrayBuffer> {
  const pairs = lines.join("").match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}
