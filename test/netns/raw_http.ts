/**
 * HTTP/1.1 as bytes, for tests that send what no client would.
 */

/** What came back until the connection ended, or until it was left. */
export interface Exchange {
  /** `null` where nothing came that is an answer. */
  readonly status: number | null;
  readonly headers: Headers;
  readonly text: string;
  /** Whether the other side has ended it. */
  readonly isEnded: boolean;
  readonly tookMs: number;
}

/** Sends bytes, and reads until the other side ends, follows a stream, or the time has passed. */
export async function exchange(
  connection: Deno.Conn,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  patienceMs: number,
): Promise<Exchange> {
  const startedAt = performance.now();
  let isLeft = false;
  const leave = () => {
    if (isLeft) return;
    isLeft = true;
    connection.close();
  };
  const timer = setTimeout(leave, patienceMs);
  const sent = send(connection, pieces);
  let bytes = new Uint8Array(0);
  let isEnded = false;
  const piece = new Uint8Array(65_536);
  try {
    for (;;) {
      const count = await connection.read(piece);
      if (count === null) {
        isEnded = true;
        break;
      }
      const more = new Uint8Array(bytes.length + count);
      more.set(bytes);
      more.set(piece.subarray(0, count), bytes.length);
      bytes = more;
      if (isStream(bytes)) break;
    }
  } catch {
    isEnded = !isLeft;
  }
  clearTimeout(timer);
  leave();
  await sent;
  return { ...parse(bytes), isEnded, tookMs: performance.now() - startedAt };
}

/** Who reads nothing more cannot be told everything: that is no failure. */
async function send(
  connection: Deno.Conn,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  try {
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length;) at += await connection.write(piece.subarray(at));
    }
  } catch {
    // What was answered tells.
  }
}

function isStream(bytes: Uint8Array): boolean {
  const head = new TextDecoder().decode(bytes.subarray(0, 2_000));
  return /^content-type: text\/event-stream/im.test(head.split("\r\n\r\n")[0] ?? "");
}

function parse(bytes: Uint8Array): Pick<Exchange, "status" | "headers" | "text"> {
  // One character a byte, which no decoder of that name does.
  const whole = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const rest = whole.replace(/^HTTP\/1\.1 100 [^\r]*\r\n\r\n/, "");
  const at = rest.indexOf("\r\n\r\n");
  const [first = "", ...lines] = rest.slice(0, at).split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1];
  if (at < 0 || status === undefined) return { status: null, headers: new Headers(), text: "" };
  const headers = new Headers(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] satisfies [string, string];
  }));
  const body = rest.slice(at + 4);
  const isChunked = headers.get("transfer-encoding") === "chunked";
  const latin1 = isChunked ? unchunk(body) : body;
  const text = new TextDecoder().decode(Uint8Array.from(latin1, (one) => one.charCodeAt(0)));
  return { status: Number(status), headers, text };
}

function unchunk(body: string): string {
  let text = "";
  for (let at = 0;;) {
    const end = body.indexOf("\r\n", at);
    const length = parseInt(body.slice(at, end), 16);
    if (end < 0 || !(length > 0)) return text;
    text += body.slice(end + 2, end + 2 + length);
    at = end + 2 + length + 2;
  }
}
