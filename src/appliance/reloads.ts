/**
 * Reloads: the file that the appliance runs from is read again, judged as a whole, compared with
 * what runs, and applied; one at a time. A file that is not good, or cannot be applied, changes
 * nothing. How a plan is applied is for others to know.
 */

import { Conflict, type Refused, type ReloadWish } from "../admin/appliance.ts";
import type { ConfigPlan, Configuration, Reload } from "../admin/model_config.ts";
import { formatProblem } from "../config/problem.ts";
import type { Plan } from "../core/plan/plan.ts";
import type { Configurations } from "../journal/configurations.ts";
import { compared, planned, refusal, type Running } from "./planned.ts";

/** What reloads work with. */
export interface ReloadsParts {
  readonly file: string;
  /** What the appliance has started with. */
  readonly text: string;
  readonly plan: Plan;
  /** Reads the file, or throws. */
  readonly read: () => string;
  readonly running: Omit<Running, "plan">;
  /** The file with every default, without secrets. */
  readonly resolve: (text: string) => string;
  /**
   * Makes a plan the one that runs; throws what has failed once everything is as before.
   *
   * @returns what had been said at run time and the file overrules, a line each.
   */
  readonly apply: (plan: Plan) => Promise<readonly string[]>;
  readonly kept: Pick<Configurations, "keep" | "list">;
  /** Told once of each outcome; an event is one that somebody may look for later. */
  readonly tell: (outcome: Outcome) => void;
  readonly manager: { reloading(): void; reloaded(status: string): void };
  /** Told whether the file shall be watched. */
  readonly watch: (isWanted: boolean) => void;
}

/** What came of a reload, for people. */
export interface Outcome {
  readonly level: "info" | "warn" | "error";
  /** In one line. */
  readonly message: string;
  /** What is wrong with the file, a line each. */
  readonly problems: readonly string[];
  readonly isEvent: boolean;
  readonly by: string;
  readonly reason: string | null;
}

/** All reloads of one appliance. */
export class Reloads {
  readonly #parts: ReloadsParts;
  readonly #started = Promise.withResolvers<void>();
  #plan: Plan;
  /** What runs. */
  #text: string;
  /** What was read last, good or not; `undefined` when it could not be read. */
  #seen: string | undefined;
  #loadedAt = new Date();
  #last: Configuration["lastReload"] = null;
  #turn: Promise<unknown> = this.#started.promise;
  #waiting = 0;
  readonly #triggered = new Set<string>();
  /** Whether what runs is what a plan says: not after an undo, which may have failed itself. */
  #isSound = true;
  #isStopping = false;

  constructor(parts: ReloadsParts) {
    this.#parts = parts;
    this.#plan = parts.plan;
    this.#text = parts.text;
    this.#seen = parts.text;
  }

  /** The plan that runs, as the file said it. */
  get plan(): Plan {
    return this.#plan;
  }

  /** What status and metrics tell. */
  get summary(): { file: string; hash: string; loadedAt: string; lastReloadSuccessful: boolean } {
    return {
      file: this.#parts.file,
      hash: this.#plan.hash,
      loadedAt: this.#loadedAt.toISOString(),
      lastReloadSuccessful: this.#last?.successful ?? true,
    };
  }

  /** What is configured, and how it came to be. */
  get configuration(): Configuration {
    const { file, hash, loadedAt } = this.summary;
    const resolved = this.#parts.resolve(this.#text);
    return { file, hash, loadedAt, lastReload: this.#last, resolved, kept: this.#keptOnes() };
  }

  /** What another text would change. */
  planned(text: string): ConfigPlan | Refused {
    return planned(text, { ...this.#parts.running, plan: this.#plan });
  }

  /** Everything runs: what was asked for meanwhile may begin. */
  start(): void {
    this.#keep();
    this.#parts.watch(this.#plan.watch);
    this.#started.resolve();
  }

  /** Takes no more, and waits for the one that is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#parts.watch(false);
    this.#started.resolve();
    await this.#turn;
  }

  /** Whether a text is another one than was read last; `undefined` is a file that is not there. */
  isNews(text: string | undefined): boolean {
    return text !== this.#seen;
  }

  /** Reloads without an answer, unless one wanted by the same is to begin anyway. */
  trigger(by: string): void {
    if (this.#triggered.has(by)) return;
    this.#triggered.add(by);
    const wish = { caller: { name: by, role: "admin" }, reason: null, dryRun: false } as const;
    this.#queue(() => {
      this.#triggered.delete(by);
      return this.#reload(wish);
    }).catch((error) => {
      // What was refused has been told.
      if (error instanceof Conflict) return;
      const message = `a reload has failed: ${error instanceof Error ? error.stack : error}`;
      this.#tell({ level: "error", message, by });
    });
  }

  /**
   * Reloads when those that were asked for before are done, from what the file says then.
   *
   * @throws {Conflict} when the file is good but cannot be applied: what ran before runs on.
   */
  async reload(wish: ReloadWish): Promise<Reload | Refused> {
    if (this.#waiting >= MOST_WAITING) {
      throw new Conflict(
        `${this.#waiting} reloads are waiting already; ask again when they are done`,
      );
    }
    return await this.#queue(() => this.#reload(wish));
  }

  #queue<Result>(run: () => Promise<Result>): Promise<Result> {
    this.#waiting++;
    const done = this.#turn.then(() => {
      this.#waiting--;
      return run();
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  async #reload(wish: ReloadWish): Promise<Reload | Refused> {
    if (this.#isStopping) throw new Conflict("the appliance is stopping");
    wish.requireMatch?.(this.configuration);
    if (wish.dryRun) return await this.#carryOut(wish);
    const { manager } = this.#parts;
    manager.reloading();
    try {
      return await this.#carryOut(wish);
    } finally {
      manager.reloaded(this.#last?.message ?? "");
    }
  }

  async #carryOut(wish: ReloadWish): Promise<Reload | Refused> {
    const { file, running } = this.#parts;
    let text: string;
    try {
      text = this.#parts.read();
    } catch (error) {
      const detail = messageOf(error);
      if (!wish.dryRun) this.#seen = undefined;
      return this.#refuse(wish, [`${file}: ${detail}`], { problems: [{ path: "", detail }] });
    }
    if (!wish.dryRun) this.#seen = text;
    const loaded = running.load(text);
    if (!loaded.plan) {
      return this.#refuse(wish, loaded.problems.map(formatProblem), refusal(loaded.problems));
    }
    const { plan, shown } = compared(loaded, { ...running, plan: this.#plan });
    const answer: Reload = { ...shown, file, applied: false };
    if (wish.dryRun) return answer;
    if (shown.changes.length === 0 && this.#isSound) return this.#done(wish, plan, text, answer);
    const remarks = await this.#apply(wish, plan);
    return this.#done(wish, plan, text, { ...answer, applied: true, remarks: [...remarks] });
  }

  async #apply(wish: ReloadWish, plan: Plan): Promise<readonly string[]> {
    try {
      const remarks = await this.#parts.apply(plan);
      this.#isSound = true;
      return remarks;
    } catch (error) {
      this.#isSound = false;
      const message = `${this.#parts.file} is valid and was not applied: ${messageOf(error)}; ` +
        "what ran before runs on";
      this.#note(wish, { message, successful: false, isEvent: true });
      throw new Conflict(message);
    }
  }

  #refuse(wish: ReloadWish, lines: readonly string[], refused: Refused): Refused {
    if (wish.dryRun) return refused;
    const [first = "", ...others] = lines;
    const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
    const message = `not reloaded, what ran before runs on: ${first}${more}`;
    this.#note(wish, { message, problems: lines, successful: false, isEvent: true });
    return refused;
  }

  #done(wish: ReloadWish, plan: Plan, text: string, answer: Reload): Reload {
    this.#plan = plan;
    this.#text = text;
    this.#loadedAt = new Date();
    this.#keep();
    const message = `the configuration was reloaded: ${summaryOf(answer)}`;
    // That nothing has changed is no event: it would drown the others of who reloads every minute.
    this.#note(wish, { message, successful: true, isEvent: answer.applied });
    this.#parts.watch(plan.watch);
    return answer;
  }

  #note(
    { caller: { name: by }, reason }: ReloadWish,
    { message, problems = [], successful, isEvent }: {
      readonly message: string;
      readonly problems?: readonly string[];
      readonly successful: boolean;
      readonly isEvent: boolean;
    },
  ): void {
    const at = new Date().toISOString();
    this.#last = { at, successful, message, problems: [...problems], by, reason };
    this.#tell({ level: successful ? "info" : "error", message, problems, isEvent, by, reason });
  }

  #keep(): void {
    try {
      this.#parts.kept.keep(this.#text, this.#plan.hash, this.#loadedAt);
    } catch (error) {
      const message = `this configuration is not kept for later: ${messageOf(error)}`;
      this.#tell({ level: "warn", message, by: "lintel" });
    }
  }

  #tell(outcome: Pick<Outcome, "level" | "message" | "by"> & Partial<Outcome>): void {
    this.#parts.tell({ problems: [], isEvent: false, reason: null, ...outcome });
  }

  #keptOnes(): Configuration["kept"] {
    try {
      return this.#parts.kept.list();
    } catch {
      // Who asks what runs is not to be refused for the sake of what ran once.
      return [];
    }
  }
}

function summaryOf({ changes, nextStart }: Reload): string {
  const later = nextStart.map(({ path }) => path).join(", ");
  const waits = later === "" ? "" : ` (at the next start: ${later})`;
  const counts = KINDS.flatMap(({ kind, word }) => {
    const count = changes.filter((change) => change.kind === kind).length;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return (counts.join(", ") || "nothing is other than before") + waits;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const KINDS = [
  { kind: "add", word: "added" },
  { kind: "change", word: "changed" },
  { kind: "remove", word: "removed" },
] as const;
const MOST_WAITING = 16;
