/**
 * Which index a name has in the tables that all threads share. A name keeps its index for as long
 * as it is in the plan; who has gone keeps it as well, until nothing uses it and another name needs
 * one. Tables cannot grow: there is a capacity. What stands at an index is for others to know.
 */

/** Names at their places. Never edited: the next plan has places of its own. */
export interface Places {
  readonly capacity: number;
  /** By index: who has it, or had it last. Without holes; as long as indexes were ever given. */
  readonly names: readonly string[];
  /** The indexes of those who are there, in the order of the plan. */
  readonly indexes: ReadonlyMap<string, number>;
}

/** Places after a change of plan. */
export interface Placed {
  readonly places: Places;
  /** Indexes that have another name than before, or had none: what they have counted is not its. */
  readonly fresh: readonly number[];
}

/** Places that nobody has taken yet. */
export function noPlaces(capacity: number): Places {
  return { capacity, names: [], indexes: new Map() };
}

/**
 * Gives exactly these names their places.
 *
 * Who comes back while no other has taken its index has it again. An index is not given away by the
 * same change that sets it free, so that this change can be undone.
 *
 * @param names each once.
 * @param isUsed asked only of indexes whose name had gone before: whether something still lives
 *   there.
 * @returns `undefined` if there is not a place for each.
 */
export function place(
  before: Places,
  names: readonly string[],
  isUsed: (index: number) => boolean,
): Placed | undefined {
  const all = [...before.names];
  const known = new Map(before.names.map((name, index) => [name, index]));
  const staying = new Set(names.flatMap((name) => known.get(name) ?? []));
  const taken = new Set([...staying, ...before.indexes.values()]);
  const fresh: number[] = [];
  let next = 0;
  const free = () => {
    while (next < all.length && (taken.has(next) || isUsed(next))) next++;
    return next++;
  };
  const indexes = new Map(names.map((name) => {
    const old = known.get(name);
    if (old !== undefined) return [name, old];
    const index = free();
    all[index] = name;
    fresh.push(index);
    return [name, index];
  }));
  if (all.length > before.capacity) return undefined;
  return { places: { capacity: before.capacity, names: all, indexes }, fresh };
}

/** Whether the name at an index is in the plan, and not one that has gone. */
export function isPresent({ names, indexes }: Places, index: number): boolean {
  const name = names[index];
  return name !== undefined && indexes.get(name) === index;
}

/**
 * Lays things out by index: everybody in the plan at its place, and where one has gone what was
 * there before.
 */
export function laidOut<Thing>(
  places: Places,
  thingOf: (name: string) => Thing,
  before: readonly Thing[],
): Thing[] {
  return places.names.map((name, index) =>
    isPresent(places, index) ? thingOf(name) : before[index] ?? thingOf(name)
  );
}
