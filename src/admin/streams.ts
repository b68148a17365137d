/**
 * Whether a caller wants a document once or followed.
 */

/** Whether an `Accept` header asks for server-sent events. */
export function wantsStream(accept: string | undefined): boolean {
  return accept?.split(",").some((one) => one.trim().startsWith("text/event-stream")) ?? false;
}
