/**
 * A configuration file as values that remember where they stand. Overrides are merged here, so that
 * a problem in a merged value still points at the line that was written. Judges no value.
 */

import type { Path } from "./problem.ts";

/** A line and a column, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A value of the file. */
export type TreeNode = MapNode | ListNode | ScalarNode;

/** Keys and values. */
export interface MapNode {
  readonly kind: "map";
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** A value and the place of its key. */
export interface Entry {
  readonly place: Place;
  readonly value: TreeNode;
}

/** A sequence. */
export interface ListNode {
  readonly kind: "list";
  readonly place: Place;
  readonly items: readonly TreeNode[];
}

/** A text, a number, a boolean, or nothing. */
export interface ScalarNode {
  readonly kind: "scalar";
  readonly place: Place;
  readonly value: string | number | boolean | null;
  /** The value as text, as it was written: `0123` where `value` is 123. */
  readonly written: string;
  /** What a message may show: `${NAME}` stays as it is. */
  readonly shown: string;
}

/** A plain value, as schemas read it. */
export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

/** The node at a path, if there is one. */
export function nodeAt(tree: TreeNode, path: Path): TreeNode | undefined {
  let node: TreeNode | undefined = tree;
  for (const part of path) {
    if (typeof part === "number") node = node?.kind === "list" ? node.items[part] : undefined;
    else node = node?.kind === "map" ? node.entries.get(part)?.value : undefined;
  }
  return node;
}

/** Where a path stands: its value, or the key of the nearest thing around it. */
export function placeOf(tree: TreeNode, path: Path): Place {
  const node = nodeAt(tree, path);
  if (node?.kind === "scalar" && node.value !== null) return node.place;
  return keyPlaceOf(tree, path);
}

/** Where the key of a path stands; for an item of a list, the item. */
export function keyPlaceOf(tree: TreeNode, path: Path): Place {
  for (let length = path.length; length > 0; length--) {
    const parent = nodeAt(tree, path.slice(0, length - 1));
    const last = path[length - 1];
    if (parent?.kind === "map" && typeof last === "string") {
      const entry = parent.entries.get(last);
      if (entry) return entry.place;
    }
    if (parent?.kind === "list" && typeof last === "number") {
      const item = parent.items[last];
      if (item) return item.place;
    }
  }
  return tree.place;
}

/** The tree without places. */
export function toValue(node: TreeNode): Value {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(toValue);
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, toValue(value)]));
}

/** JSON Merge Patch (RFC 7396): maps are merged, nothing removes, everything else replaces. */
export function merge(target: TreeNode | undefined, patch: TreeNode): TreeNode {
  if (patch.kind !== "map") return patch;
  const entries = new Map(target?.kind === "map" ? target.entries : []);
  for (const [key, entry] of patch.entries) {
    if (entry.value.kind === "scalar" && entry.value.value === null) entries.delete(key);
    else entries.set(key, { ...entry, value: merge(entries.get(key)?.value, entry.value) });
  }
  return { kind: "map", place: target?.place ?? patch.place, entries };
}

/** Lays `defaults` under a tree: what the tree says stays, even if it says nothing. */
export function underlay(defaults: TreeNode, tree: TreeNode): TreeNode {
  if (defaults.kind !== "map" || tree.kind !== "map") return tree;
  const entries = new Map(tree.entries);
  for (const [key, entry] of defaults.entries) {
    const own = entries.get(key);
    entries.set(key, own ? { ...own, value: underlay(entry.value, own.value) } : entry);
  }
  return { ...tree, entries };
}

/** A copy of a map with one key set to another value. */
export function withEntry(map: MapNode, key: string, value: TreeNode): MapNode {
  const place = map.entries.get(key)?.place ?? value.place;
  return { ...map, entries: new Map(map.entries).set(key, { place, value }) };
}

/** A tree of a plain value that all stands at one place, such as a named set of defaults. */
export function fromValue(value: Value, place: Place): TreeNode {
  if (Array.isArray(value)) {
    return { kind: "list", place, items: value.map((item) => fromValue(item, place)) };
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .map(([key, item]): [string, Entry] => [key, { place, value: fromValue(item, place) }]);
    return { kind: "map", place, entries: new Map(entries) };
  }
  return { kind: "scalar", place, value, written: String(value), shown: String(value) };
}
