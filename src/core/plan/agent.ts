/**
 * What an agent beside a server says of it, in HAProxy's words, and what that makes of the server's
 * plan. It asks nobody, and knows nothing of checks and operators.
 */

import type { AdminState, ServerPlan } from "./plan.ts";

/** One line of an agent; what it does not mention stays as it was. */
export interface AgentWords {
  readonly admin?: AdminState;
  readonly operation?: AgentOperation;
  /** Of the weight in the file. */
  readonly weightPercent?: number;
  /** 0 for any number. */
  readonly maxConnections?: number;
  /** Words that nobody knows; they change nothing. */
  readonly unknown: readonly string[];
}

/** Whether the service works, in the agent's opinion. */
export interface AgentOperation {
  readonly isUp: boolean;
  /** Its own word. */
  readonly word: string;
  /** What it says about that, after `#`. */
  readonly text: string;
}

/** All that an agent has said so far. */
export type AgentState = Omit<AgentWords, "unknown">;

/** Before it has said anything. */
export const SILENT: AgentState = {};

/**
 * Reads a line: words in any order and case, between blanks and commas. Text begins with a `#` at
 * the start of a word, as in HAProxy: `down#full` is a word that nobody knows.
 */
export function readAgentLine(line: string): AgentWords {
  const textAt = line.search(/(?<![^ \t,])#/);
  const [said, text] = textAt < 0 ? [line, ""] : [line.slice(0, textAt), line.slice(textAt + 1)];
  let words: AgentWords = { unknown: [] };
  for (const word of said.split(/[ \t,]+/).filter((word) => word !== "")) {
    words = { ...words, ...meaning(word.toLowerCase(), text.trim(), words) };
  }
  return words;
}

/** What an agent has said, after one more line. */
export function afterWords(state: AgentState, { unknown: _, ...words }: AgentWords): AgentState {
  return { ...state, ...words };
}

/** A server as the file and its agent have it. */
export function asAgentHas(plan: ServerPlan, said: AgentState): ServerPlan {
  const { admin = plan.state, weightPercent = 100, maxConnections = plan.maxConnections } = said;
  return {
    ...plan,
    state: admin,
    weight: Math.min(MOST_WEIGHT, Math.floor(plan.weight * weightPercent / 100)),
    maxConnections: maxConnections === 0 ? null : maxConnections,
  };
}

function meaning(word: string, text: string, { unknown }: AgentWords): Partial<AgentWords> {
  switch (word) {
    case "ready":
    case "drain":
    case "maint":
      return { admin: word };
    case "up":
      return { operation: { isUp: true, word, text } };
    case "down":
    case "stopped":
    case "fail":
    case "failed":
      return { operation: { isUp: false, word, text } };
  }
  const [, percent, most] = NUMBERS.exec(word) ?? [];
  if (percent !== undefined) return { weightPercent: Number(percent) };
  if (most !== undefined) return { maxConnections: Number(most) };
  return { unknown: [...unknown, word] };
}

const NUMBERS = /^(?:(\d{1,6})%|maxconn:(\d{1,7}))$/;

const MOST_WEIGHT = 256;
