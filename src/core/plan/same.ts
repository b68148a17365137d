/**
 * Whether two parts of plans say the same. Plans are plain data; it knows none of their meaning.
 */

/** Whether both are equal in every leaf; the order of lists matters, that of keys does not. */
export function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || !left || !right) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const ours = Object.entries(left);
  const theirs = new Map(Object.entries(right));
  return ours.length === theirs.size &&
    ours.every(([key, value]) => theirs.has(key) && isSame(value, theirs.get(key)));
}
