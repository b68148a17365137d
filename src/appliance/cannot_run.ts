/**
 * Why the appliance does not start on this host.
 */

/** A capability or resource of this host is missing; the message names it and the remedy. */
export class CannotRun extends Error {
  override readonly name = "CannotRun";
}
