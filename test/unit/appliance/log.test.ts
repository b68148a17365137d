import type { LogRecord } from "@logtape/logtape";
import { describe, expect, it } from "vitest";
import { textLine } from "../../../src/appliance/log.ts";

function record(message: string, properties: LogRecord["properties"] = {}): LogRecord {
  return {
    category: ["lintel", "prober"],
    level: "warning",
    message: [message],
    rawMessage: message,
    timestamp: 0,
    properties,
  };
}

describe("textLine", () => {
  it("is one line of time, level, part, message and properties", () => {
    expect(textLine(record("server web/a is down", { code: "L7STS", cause: "not well" }))).toBe(
      '1970-01-01T00:00:00.000Z warning prober: server web/a is down code=L7STS cause="not well"\n',
    );
  });

  it("stays one line, and harmless, whatever a server or an error says", () => {
    const said = "down # \u001b[2Jbye\n1970-01-01T00:00:00.000Z info forged: all is well";
    const line = textLine(record(`the agent says: ${said}`, { cause: "\u001b[1m\u009b2J\n" }));
    expect(line.slice(0, -1)).not.toMatch(/\p{Cc}/u);
    expect(line).toMatch(/says: down # {2}\[2Jbye 1970-.* all is well cause=".*"\n$/);
  });
});
