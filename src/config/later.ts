/**
 * What the documentation promises and this version does not do yet. It is refused by name, so that
 * nobody believes it to be in force. An entry leaves this table when its schema gets the key.
 */

/** Keys by the map they stand in; `*` stands for a name that the user chooses. */
export const LATER_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": ["cluster"],
  "frontends.*": ["forwarding", "tls"],
};

/** The keys of this table that the map at a path is to have one day. */
export function laterAt(path: readonly (string | number)[]): readonly string[] {
  const match = Object.keys(LATER_KEYS).find((pattern) => {
    const parts = pattern === "" ? [] : pattern.split(".");
    return parts.length === path.length &&
      parts.every((part, at) => ["*", path[at]].includes(part));
  });
  return match === undefined ? [] : LATER_KEYS[match] ?? [];
}
