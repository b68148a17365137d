/**
 * What the documentation promises and this version does not do yet. It is refused by name, so that
 * nobody believes it to be in force. An entry leaves this table when its schema gets the key.
 */

/** Keys by the map they stand in; `*` stands for a name that the user chooses. */
export const LATER_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": ["cluster", "watch"],
  "frontends.*": [
    "forwarding",
    "tls",
  ],
};

/** Values by the key they are for. */
export const LATER_VALUES: Readonly<Record<string, readonly string[]>> = {};

/** The entry of a table that a path matches. */
export function laterAt(
  table: Readonly<Record<string, readonly string[]>>,
  path: readonly (string | number)[],
): readonly string[] {
  const match = Object.keys(table).find((pattern) => {
    const parts = pattern === "" ? [] : pattern.split(".");
    return parts.length === path.length &&
      parts.every((part, at) => ["*", path[at]].includes(part));
  });
  return match === undefined ? [] : table[match] ?? [];
}
