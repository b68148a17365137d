/**
 * The exit codes: part of the interface, so they stand in one table.
 */

/** What a verb may end with. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  invalidConfiguration: 3,
  hostLacks: 4,
  noAnswer: 5,
  deadline: 6,
  refused: 7,
  unauthorised: 8,
  changesPending: 9,
} as const;

/** A verb ends early: the message goes to standard error, the code to the caller. */
export class Failure extends Error {
  override name = "Failure";
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The exit code for an answer of the admin API that is no success. */
export function exitCodeOf(status: number): number {
  return BY_STATUS[status] ?? EXIT.failed;
}

const BY_STATUS: Readonly<Record<number, number>> = {
  401: EXIT.unauthorised,
  403: EXIT.unauthorised,
  409: EXIT.refused,
  412: EXIT.refused,
  // What a verb was given is judged by the appliance, as far as it has not been before.
  422: EXIT.usage,
};
