/**
 * Queues over a fixed number of entries, each in one of them or in none, at a constant cost. Pure.
 */

/** Doubly linked lists; the one that an entry is in need not be named to take it out. */
export class Lists {
  readonly #entries: number;
  /** Entries first, then the head of each list, which is its own neighbour while it is empty. */
  #next: Int32Array;
  #previous: Int32Array;
  #lists = 0;

  constructor(entries: number, lists: number) {
    this.#entries = entries;
    this.#next = new Int32Array(entries + lists).fill(NONE);
    this.#previous = new Int32Array(entries + lists).fill(NONE);
    for (let list = 0; list < lists; list++) this.add();
  }

  /** Adds a list, empty. @returns its number. */
  add(): number {
    const head = this.#entries + this.#lists;
    if (head >= this.#next.length) {
      this.#next = grown(this.#next);
      this.#previous = grown(this.#previous);
    }
    this.#next[head] = head;
    this.#previous[head] = head;
    return this.#lists++;
  }

  /** Puts an entry that is in no list at the end of one. */
  append(list: number, entry: number): void {
    const head = this.#entries + list;
    const last = this.#previous[head]!;
    this.#next[last] = entry;
    this.#previous[entry] = last;
    this.#next[entry] = head;
    this.#previous[head] = entry;
  }

  /** Takes an entry out of its list. */
  remove(entry: number): void {
    const next = this.#next[entry]!;
    const previous = this.#previous[entry]!;
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  /** The entry that was appended first; NONE (−1) if the list is empty. */
  first(list: number): number {
    const first = this.#next[this.#entries + list]!;
    return first < this.#entries ? first : NONE;
  }
}

function grown(words: Int32Array): Int32Array {
  const more = new Int32Array(words.length + ROOM);
  more.set(words);
  return more;
}

const NONE = -1;
/** Lists are added rarely, and then often several. */
const ROOM = 16;
