import { describe, expect, it } from "vitest";
import { AgentAnswer } from "../../../src/prober/agent_answer.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("AgentAnswer", () => {
  it.each(["\n", "\r\n", "\r", "\nand more\n"])("is the first line, ended by %j", (end) => {
    expect(new AgentAnswer().feed(bytes(`up 75%${end}`))).toEqual({ code: "L7OK", text: "up 75%" });
  });

  it("may come in pieces, and counts only once it has an end", () => {
    const answer = new AgentAnswer();
    expect(answer.feed(bytes("dra"))).toBeUndefined();
    expect(answer.feed(bytes("in"))).toBeUndefined();
    expect(answer.end("connection closed"))
      .toEqual({ code: "L7RSP", text: "connection closed before the end of the line" });
    expect(answer.feed(bytes("\n"))).toEqual({ code: "L7OK", text: "drain" });
  });

  it("is none where nothing comes, or no end", () => {
    expect(new AgentAnswer().end("connection closed"))
      .toEqual({ code: "L7RSP", text: "connection closed before a line" });
    expect(new AgentAnswer().timeOut()).toMatchObject({ code: "L7TOUT" });
    expect(new AgentAnswer().feed(bytes("x".repeat(5000)))).toMatchObject({ code: "L7RSP" });
  });
});
