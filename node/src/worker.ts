import * as argument from "./argument";
import type { DataLike } from "./argument";
import type { Client } from "./client";
import type { PinfoldError } from "./error";
import type { Inbox } from "./inbox";
import { Recipe } from "./recipe";
import * as record from "./record";
import type { RecipeEvent } from "./vocabulary";

/** Options of `Worker.start`. */
export interface WorkerOptions {
  /** Name of this worker, unique among the living ones. */
  readonly id: string;
  /** Tasks that it takes at a time. Default: 1. */
  readonly capacity?: number | undefined;
  /** What it can do. Default: nothing in particular. */
  readonly abilities?: readonly string[] | undefined;
}

/** A task for this worker. */
export interface Assignment {
  /** The task's id. */
  readonly task: string;
  readonly payload: Buffer;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** Fencing token: it grows with each time that the task is given to somebody. */
  readonly token: bigint;
  /** Aborts when the task is no longer this worker's: its result could not be committed. */
  readonly signal: AbortSignal;
  /** The payload, decoded from JSON. */
  json(): unknown;
  /**
   * Writes how far the work is, up to 16 KiB, which is a sign of life, too. CLAIM_LOST when the
   * task is not this worker's any more.
   */
  progress(data: DataLike): Promise<void>;
}

/** What a handler throws for a failure that another attempt would not mend. */
export class FatalError extends Error {
  override readonly name = "FatalError";
}

/**
 * Does a task and answers its result, or a promise of it; a throw fails the attempt with the
 * error's message as the reason. Up to `capacity` calls run at a time.
 */
export type TaskHandler = (assignment: Assignment) => DataLike | Promise<DataLike>;

/** A task in hand. */
interface Running {
  readonly token: bigint;
  readonly abort: AbortController;
}

/** A worker: handles the tasks that the master gives to it. */
export class Worker extends Recipe {
  /** Name of this worker. */
  readonly id: string;
  readonly #inbox: Inbox;
  readonly #recipe: number;
  readonly #handler: TaskHandler;
  readonly #running = new Map<string, Running>();

  /** @internal Use `Worker.start`. */
  constructor(inbox: Inbox, recipe: number, id: string, handler: TaskHandler) {
    super();
    this.#inbox = inbox;
    this.#recipe = recipe;
    this.#handler = handler;
    this.id = id;
  }

  /** Registers a worker under `root` and has `handler` do its tasks until it is stopped. */
  static start(
    client: Client,
    root: string,
    options: WorkerOptions,
    handler: TaskHandler,
  ): Promise<Worker> {
    const { inbox } = client;
    return inbox.recipe(
      "worker_start",
      () => {
        const { id, capacity = 1, abilities = [] } = argument.options("options", options);
        if (typeof handler !== "function") throw argument.invalid("handler must be a function");
        return [
          argument.text("root", root),
          argument.text("id", id),
          argument.uint32("capacity", capacity),
          argument.texts("abilities", abilities),
        ];
      },
      (value) => {
        const worker = new Worker(inbox, value[1] as number, options.id, handler);
        inbox.attach(value[1] as number, worker.sink);
        return worker;
      },
    );
  }

  /** A handler that gets a payload decoded from JSON, and whose result is encoded as JSON. */
  static json(handler: (value: unknown, assignment: Assignment) => unknown): TaskHandler {
    return async (assignment) =>
      argument.json("the result", await handler(assignment.json(), assignment));
  }

  /** Takes no new tasks; resolves when those in hand are at their end and it has left. */
  drain(): Promise<void> {
    return this.#inbox.recipe("worker_drain", () => [this.#recipe], record.done);
  }

  /** Gives unfinished tasks back and ends. */
  stop(): Promise<void> {
    return this.#inbox.recipe("worker_stop", () => [this.#recipe], record.done);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal */
  protected override handle(event: RecipeEvent): void {
    switch (event.kind) {
      case "assigned":
        return this.#begin(event);
      case "revoked":
        return this.#abort(event.task, event.token, event.reason);
      case "session_lost":
      case "ended":
        for (const [task, { token }] of [...this.#running]) this.#abort(task, token, event.kind);
    }
  }

  #begin({ task, payload, attempt, token }: RecipeEvent): void {
    const abort = new AbortController();
    const running = { token, abort };
    this.#running.set(task, running);
    const assignment: Assignment = {
      task,
      payload,
      attempt,
      token,
      signal: abort.signal,
      json: () => JSON.parse(payload.toString()) as unknown,
      progress: (data) =>
        this.#tell("worker_progress", task, () => [argument.bytes("data", data), token]),
    };
    void this.#attempt(assignment)
      // Not committed: the task is done again by the worker that it is given to.
      .catch((error: PinfoldError) => abort.abort(error.message))
      .finally(() => {
        if (this.#running.get(task) === running) this.#running.delete(task);
      });
  }

  async #attempt(assignment: Assignment): Promise<void> {
    const { task, token } = assignment;
    let result: Buffer;
    try {
      result = argument.bytes("the result", await this.#handler(assignment));
    } catch (error) {
      return this.#fail(assignment, error);
    }
    try {
      await this.#tell("worker_complete", task, () => [result, token]);
    } catch (error) {
      // A result above the limit: the attempt has failed, and says why.
      if ((error as PinfoldError).codeName !== "INVALID_ARGUMENT") throw error;
      return this.#fail(assignment, error);
    }
  }

  #fail({ task, token }: Assignment, error: unknown): Promise<void> {
    const reason = argument.wellFormed(error instanceof Error ? error.message : String(error));
    const retryable = !(error instanceof FatalError);
    return this.#tell("worker_fail", task, () => [reason, token, retryable]);
  }

  #tell(operation: string, task: string, args: () => unknown[]): Promise<void> {
    return this.#inbox.recipe(operation, () => [this.#recipe, task, ...args()], record.done);
  }

  #abort(task: string, token: bigint, reason: string): void {
    const running = this.#running.get(task);
    if (running?.token !== token) return;
    this.#running.delete(task);
    running.abort.abort(reason);
  }
}
