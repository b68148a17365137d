/**
 * Whether parts of two plans say the same. For plain data that was made in one way, and not for the
 * hot path.
 */

/** Whether two pieces of plain data are the same, down to the order of their keys. */
export function isAlike<T>(left: T, right: T): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}
