/**
 * The words of trackers, and of what a virtual router makes of them. Which keys go with which type
 * is judged by the compiler.
 */

import { z } from "zod";
import {
  choice,
  command,
  duration,
  interfaceName,
  keys,
  list,
  name,
  named,
  text,
  whole,
} from "./words.ts";

/** One entry of `trackers`. */
export const TrackerSchema = keys({
  type: choice(["interface", "script", "file"]).describe("What is watched."),
  interface: interfaceName().optional()
    .describe("interface: bad while it is down or has no carrier."),
  downDelay: duration(0).optional()
    .describe("interface: bad only after being down for so long; default 0s."),
  upDelay: duration(0).optional()
    .describe("interface: good only after being up for so long; default 0s."),
  command: command().optional()
    .describe("script: the program and its arguments, run without a shell; exit code 0 is good."),
  interval: duration(10).optional().describe("script: time between runs; default 1s."),
  timeout: duration(10).optional()
    .describe("script: a run that takes longer has failed; default: interval."),
  rise: whole(1, 1000).optional().describe("script: successes in a row that make good; default 1."),
  fall: whole(1, 1000).optional().describe("script: failures in a row that make bad; default 1."),
  path: text("an absolute path", /^\/[^\0]*$/).optional()
    .describe("file: bad while a file of this name exists."),
});

const POINTS = "points from -253 to 253 but not 0";
const NEGATIVE_POINTS = "points from -253 to -1";

const Points = whole(-253, 253).refine((points) => points !== 0, { error: POINTS, abort: true });

const EFFECT = `auto, yield, or ${NEGATIVE_POINTS}`;

const DataplaneSchema = keys({
  frontends: list(name(), "frontends").optional()
    .describe("Watched; by default those that listen on this virtual router's addresses."),
  minUsable: whole(1, 65535).prefault(1).describe("Fewer usable servers of a frontend are bad."),
  effect: z.union([z.enum(["auto", "yield"]), whole(-253, -1)], { error: EFFECT }).prefault("auto")
    .describe("What too few usable servers do; auto = as many points as losing takes."),
});

const TRACK = `yield, or ${POINTS}; for dataplane auto, yield, false, ${NEGATIVE_POINTS}, or a ` +
  "map of frontends, minUsable, effect";

/** `track` of a virtual router. */
export const TrackSchema = named(
  z.union([z.enum(["yield", "auto"]), z.literal(false), Points, DataplaneSchema], { error: TRACK }),
  "yield or points",
);
