import * as argument from "./argument";
import type { Client } from "./client";
import type { Inbox } from "./inbox";
import { Recipe } from "./recipe";
import * as record from "./record";
import type { AssignmentStrategy } from "./vocabulary";

/** Options of `Master.start`. */
export interface MasterOptions {
  /** Name of this candidate. */
  readonly id: string;
  /** Attempts before a task is given up. Default: 3. */
  readonly maxAttempts?: number | undefined;
  /** Which worker gets a task. Default: the one with the most room for its capacity. */
  readonly strategy?: AssignmentStrategy | undefined;
  /** Results are removed when they are so old, milliseconds. Default: never. */
  readonly keepResultsMs?: number | undefined;
  /** Dead letters are removed when they are so old, milliseconds. Default: never. */
  readonly keepDeadMs?: number | undefined;
}

/**
 * The master of a master-worker application: elected, it gives waiting tasks to workers. Start
 * as many as you like; one leads, the others take over from the tree alone.
 */
export class Master extends Recipe {
  /** Name of this candidate. */
  readonly id: string;
  readonly #inbox: Inbox;
  readonly #recipe: number;

  /** @internal Use `Master.start`. */
  constructor(inbox: Inbox, recipe: number, id: string) {
    super();
    this.#inbox = inbox;
    this.#recipe = recipe;
    this.id = id;
  }

  /** Stands as a candidate under `root`; resolves when it is registered, elected or not. */
  static start(client: Client, root: string, options: MasterOptions): Promise<Master> {
    const { inbox } = client;
    return inbox.recipe(
      "master_start",
      () => {
        const given = argument.options("options", options);
        const { id, maxAttempts = 3, strategy, keepResultsMs = 0, keepDeadMs = 0 } = given;
        return [
          argument.text("root", root),
          argument.text("id", id),
          argument.uint32("maxAttempts", maxAttempts),
          strategy,
          argument.int64("keepResultsMs", keepResultsMs),
          argument.int64("keepDeadMs", keepDeadMs),
        ];
      },
      (value) => {
        const master = new Master(inbox, value[1] as number, options.id);
        inbox.attach(value[1] as number, master.sink);
        return master;
      },
    );
  }

  /** Resigns and ends. */
  stop(): Promise<void> {
    return this.#inbox.recipe("master_stop", () => [this.#recipe], record.done);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
