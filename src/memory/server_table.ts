/**
 * What every thread must know of each server at once: may it take a connection, and how many has
 * it. A weight or drain written here holds for the very next connection of every worker.
 */

/** A server's place in the table. It stays the server's own as long as the appliance knows it. */
export type Row = number & { readonly __brand: "Row" };

/** What an operator has said about a server. */
export type AdminState = "ready" | "drain" | "maint";

/** What checks have said about a server. */
export type Health = "unchecked" | "up" | "down";

/**
 * Weight, limit, admin state, health and active connections by row, and a number that changes with
 * all of them but the last, so that nobody has to look at a thousand rows to see that none did.
 *
 * Writers: weight, limit and admin state, the main thread; health, the prober, and the main thread
 * before the prober knows the row; what agents say, the prober; active connections, all data-plane
 * workers, atomically.
 */
export class ServerTable {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array<SharedArrayBuffer>;

  /** Lays a table over `memory`, or over new memory for so many rows. */
  constructor(memory: SharedArrayBuffer | number) {
    this.buffer = typeof memory === "number"
      ? new SharedArrayBuffer((memory * COLUMNS + 1) * Int32Array.BYTES_PER_ELEMENT)
      : memory;
    this.#cells = new Int32Array(this.buffer);
  }

  /** How many servers there is room for. */
  get rows(): number {
    return (this.#cells.length - 1) / COLUMNS;
  }

  /** Another number after each change of a weight, a limit, an admin state or a health. */
  version(): number {
    return Atomics.load(this.#cells, this.#cells.length - 1);
  }

  /**
   * Whether the server may be given a new connection: the only place where admin and health meet.
   */
  takesConnections(row: Row): boolean {
    const at = row * COLUMNS;
    return Atomics.load(this.#cells, at + ADMIN) === READY &&
      Atomics.load(this.#cells, at + HEALTH) === UP &&
      Atomics.load(this.#cells, at + WEIGHT) > 0;
  }

  /**
   * Whether the UDP sessions that it has may stay: while it drains too, but not once it is gone.
   */
  keepsSessions(row: Row): boolean {
    const at = row * COLUMNS;
    return Atomics.load(this.#cells, at + ADMIN) !== MAINT &&
      Atomics.load(this.#cells, at + HEALTH) < DOWN;
  }

  /** Share of new connections, 0 to 256. */
  weight(row: Row): number {
    return Atomics.load(this.#cells, row * COLUMNS + WEIGHT);
  }

  setWeight(row: Row, weight: number): void {
    this.#set(row, WEIGHT, weight);
  }

  /** How many connections the server may have at once; 0 for any number. */
  limit(row: Row): number {
    return Atomics.load(this.#cells, row * COLUMNS + LIMIT);
  }

  setLimit(row: Row, limit: number): void {
    this.#set(row, LIMIT, limit);
  }

  admin(row: Row): AdminState {
    return ADMIN_STATES[Atomics.load(this.#cells, row * COLUMNS + ADMIN)]!;
  }

  setAdmin(row: Row, state: AdminState): void {
    this.#set(row, ADMIN, ADMIN_STATES.indexOf(state));
  }

  health(row: Row): Health {
    return HEALTHS[Atomics.load(this.#cells, row * COLUMNS + HEALTH) & ~AGENT_DOWN]!;
  }

  /** How firmly the health stands, as `core/health` counts; `undefined` where nobody has said. */
  healthCount(row: Row): number | undefined {
    const count = Atomics.load(this.#cells, row * COLUMNS + HEALTH_COUNT);
    return count === 0 ? undefined : count - 1;
  }

  setHealth(row: Row, health: Health, count = -1): void {
    this.#changeHealth(row, AGENT_DOWN, HEALTHS.indexOf(health));
    // Nobody chooses by it: it makes no other version.
    Atomics.store(this.#cells, row * COLUMNS + HEALTH_COUNT, count + 1);
  }

  /** Whether an agent beside the server says that it is down, whatever checks say. */
  isAgentDown(row: Row): boolean {
    return (Atomics.load(this.#cells, row * COLUMNS + HEALTH) & AGENT_DOWN) !== 0;
  }

  setAgentDown(row: Row, isDown: boolean): void {
    this.#changeHealth(row, ~AGENT_DOWN, isDown ? AGENT_DOWN : 0);
  }

  /** What agents have said of other rows than these no longer counts. */
  keepAgents(isAsked: (row: number) => boolean): void {
    for (let row = 0; row < this.rows; row++) {
      if (!isAsked(row)) this.setAgentDown(row as Row, false);
    }
  }

  /** Connections to the server that are open or being opened, of all workers. */
  active(row: Row): number {
    return Atomics.load(this.#cells, row * COLUMNS + ACTIVE);
  }

  /** Adds to the active connections; `change` may be negative. */
  addActive(row: Row, change: number): void {
    Atomics.add(this.#cells, row * COLUMNS + ACTIVE, change);
  }

  /** Counts one more active connection, unless the server has as many as it may. */
  claim(row: Row): boolean {
    const at = row * COLUMNS + ACTIVE;
    const limit = this.limit(row);
    if (limit === 0) {
      Atomics.add(this.#cells, at, 1);
      return true;
    }
    for (let active = Atomics.load(this.#cells, at); active < limit;) {
      const found = Atomics.compareExchange(this.#cells, at, active, active + 1);
      if (found === active) return true;
      active = found;
    }
    return false;
  }

  /** Two facts share a cell: neither may be lost to a change of the other. */
  #changeHealth(row: Row, kept: number, value: number): void {
    const at = row * COLUMNS + HEALTH;
    for (let before = Atomics.load(this.#cells, at);;) {
      const after = before & kept | value;
      const found = Atomics.compareExchange(this.#cells, at, before, after);
      if (found === before) {
        if (after !== before) Atomics.add(this.#cells, this.#cells.length - 1, 1);
        return;
      }
      before = found;
    }
  }

  #set(row: Row, column: number, value: number): void {
    const before = Atomics.exchange(this.#cells, row * COLUMNS + column, value);
    if (before !== value) Atomics.add(this.#cells, this.#cells.length - 1, 1);
  }
}

const WEIGHT = 0;
const ADMIN = 1;
const HEALTH = 2;
const ACTIVE = 3;
const LIMIT = 4;
/** Plus one; 0 means that nobody has said. */
const HEALTH_COUNT = 5;
const COLUMNS = 6;

const ADMIN_STATES: readonly AdminState[] = ["ready", "drain", "maint"];
const HEALTHS: readonly Health[] = ["unchecked", "up", "down"];
const READY = ADMIN_STATES.indexOf("ready");
const MAINT = ADMIN_STATES.indexOf("maint");
const UP = HEALTHS.indexOf("up");
const DOWN = HEALTHS.indexOf("down");
/** In the cell of the health, so that neither costs those who choose a server another look. */
const AGENT_DOWN = 4;
