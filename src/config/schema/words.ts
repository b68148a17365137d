/**
 * The kinds of values that a file is made of. Each one's error text says what is allowed, and
 * nothing else: whoever reports it adds what was found. The first rule that a value breaks ends its
 * judgement, so that an alternative which does not fit is never preferred for having come close.
 */

import { z } from "zod";
import { parseAddress } from "../../core/net/address.ts";
import { parsePrefix } from "../../core/net/prefix.ts";
import { DURATION, formatDuration, parseDuration } from "../duration.ts";

/** `true` or `false`. */
export function flag() {
  return z.boolean({ error: "true or false" });
}

/** A whole number between two bounds, both allowed. */
export function whole(least: number, most: number) {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error, abort: true }).max(most, { error, abort: true });
}

/** One of some words. */
export function choice<const Words extends readonly string[]>(words: Words) {
  return z.enum(words, { error: words.join(", ") });
}

/** Text of a certain form. */
export function text(allowed: string, pattern: RegExp = /\S/) {
  return z.string({ error: allowed }).regex(pattern, { error: allowed, abort: true });
}

/** A duration with its unit, kept as it is written, at least so many milliseconds. */
export function duration(leastMs = LEAST_MS) {
  const error = durationError(leastMs);
  return z.string({ error }).regex(DURATION, { error, abort: true })
    .refine((written) => inBounds(written, leastMs), { error, abort: true });
}

/** A duration, or `none`. */
export function durationOrNone(leastMs: number) {
  const error = `none, or ${durationError(leastMs)}`;
  return z.string({ error }).regex(new RegExp(`^none$|${DURATION.source}`), { error, abort: true })
    .refine((written) => written === "none" || inBounds(written, leastMs), { error, abort: true });
}

/** An IP address. */
export function address() {
  const error = "an IPv4 or IPv6 address";
  return z.string({ error }).refine((written) => parseAddress(written) !== undefined, {
    error,
    abort: true,
  });
}

/** A network, or one address. */
export function network() {
  const error = "a network such as 10.0.0.0/8, or an address";
  return z.string({ error }).refine((written) => parsePrefix(written) !== undefined, {
    error,
    abort: true,
  });
}

/** At most so many; left out for any number. */
export function limit() {
  return whole(1, 1_000_000_000).optional();
}

/** The name of a node, virtual router, frontend, backend or server. */
export function name() {
  const error = "a name: letters, digits, '.', '_' and '-', a letter or digit first, 63 at most";
  return z.string({ error }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, { error });
}

/** A map from names that the user chooses. */
export function named<Item extends z.ZodType>(item: Item, of: string) {
  return z.record(name(), item, { error: `a map of ${of} by name` });
}

/** A map of fixed keys. */
export function keys<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: `a map of ${Object.keys(shape).join(", ")}` });
}

/** A list of at least one item. */
export function list<Item extends z.ZodType>(item: Item, of: string) {
  const error = `a list of ${of}, at least one`;
  return z.array(item, { error }).min(1, { error });
}

/** A list that may be empty. */
export function listOrEmpty<Item extends z.ZodType>(item: Item, of: string) {
  return z.array(item, { error: `a list of ${of}` });
}

/** The name of a network interface. */
export function interfaceName() {
  return text("an interface name of up to 15 characters", /^[^\s/]{1,15}$/);
}

/** A program and its arguments, run without a shell. */
export function command() {
  const error = "a list of a program and its arguments, such as [/usr/bin/ping, -c1, 10.0.0.1]";
  const program = "a program by its absolute path, such as /usr/bin/ping";
  return z.array(z.string({ error }).regex(/^[^\0]*$/, { error }), { error })
    .min(1, { error, abort: true })
    .refine(([first = ""]) => /^\/.*[^/]$/s.test(first), {
      error: program,
      path: [0],
      abort: true,
    });
}

/** Where to send HTTP requests. */
export function url() {
  const error = "a URL such as https://example.com/hook, without user and password";
  return z.string({ error }).regex(/^https?:\/\/[^\s/?#@]+(?:[/?#]\S*)?$/, { error, abort: true })
    .refine((written) => URL.canParse(written), { error, abort: true });
}

function durationError(leastMs: number): string {
  const form = "with its unit, such as 500us, 250ms, 2s, 1.5m, 8h or 1d, up to 24d";
  if (leastMs === 0) return `a duration ${form}`;
  return leastMs === LEAST_MS
    ? `a duration above 0 ${form}`
    : `a duration of ${formatDuration(leastMs)} or more ${form}`;
}

function inBounds(written: string, leastMs: number): boolean {
  const ms = parseDuration(written);
  return ms !== undefined && ms >= leastMs && ms <= LONGEST_MS;
}

/** One microsecond. */
const LEAST_MS = 0.001;

/** Longer timers overflow 31 bits of milliseconds and would fire at once. */
const LONGEST_MS = 24 * 86_400_000;
