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
  /** Aborts when the task is no longer this worker's: its result could not be committed. */
  readonly signal: AbortSignal;
}

/**
 * Does a task and answers its result, or a promise of it; a throw fails the attempt with the
 * error's message as the reason. Up to `capacity` calls run at a time.
 */
export type TaskHandler = (assignment: Assignment) => DataLike | Promise<DataLike>;

/** A worker: handles the tasks that the master gives to it. */
export class Worker extends Recipe {
  /** Name of this worker. */
  readonly id: string;
  readonly #inbox: Inbox;
  readonly #recipe: number;
  readonly #handler: TaskHandler;
  readonly #running = new Map<string, AbortController>();

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
    return inbox.call(
      (to) => {
        const { id, capacity = 1, abilities = [] } = argument.options("options", options);
        if (typeof handler !== "function") throw argument.invalid("handler must be a function");
        return to.workerStart(
          argument.text("root", root),
          argument.text("id", id),
          argument.uint32("capacity", capacity),
          argument.list("abilities", abilities).map((one, at) =>
            argument.text(`abilities[${at}]`, one),
          ),
        );
      },
      (value) => {
        const worker = new Worker(inbox, value[1] as number, options.id, handler);
        inbox.attach(value[1] as number, worker.sink);
        return worker;
      },
    );
  }

  /** Gives unfinished tasks back and ends. */
  stop(): Promise<void> {
    return this.#inbox.call((to) => to.workerStop(this.#recipe), record.done);
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
        return this.#abort(event.task, event.reason || "revoked");
      case "session_lost":
      case "ended":
        for (const task of [...this.#running.keys()]) this.#abort(task, event.kind);
    }
  }

  #begin({ task, payload, attempt }: RecipeEvent): void {
    const abort = new AbortController();
    this.#running.set(task, abort);
    const assignment = { task, payload, attempt, signal: abort.signal };
    void this.#attempt(assignment)
      // Not committed: the task is done again by the worker that it is given to.
      .catch((error: PinfoldError) => abort.abort(error.message))
      .finally(() => {
        if (this.#running.get(task) === abort) this.#running.delete(task);
      });
  }

  async #attempt(assignment: Assignment): Promise<void> {
    const { task } = assignment;
    let result: Buffer;
    try {
      result = argument.bytes("result", await this.#handler(assignment));
    } catch (error) {
      const reason = argument.wellFormed(error instanceof Error ? error.message : String(error));
      return this.#inbox.call((to) => to.workerFail(this.#recipe, task, reason), record.done);
    }
    return this.#inbox.call((to) => to.workerComplete(this.#recipe, task, result), record.done);
  }

  #abort(task: string, reason: string): void {
    this.#running.get(task)?.abort(reason);
    this.#running.delete(task);
  }
}
