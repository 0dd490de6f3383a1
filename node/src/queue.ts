import * as argument from "./argument";
import type { DataLike } from "./argument";
import type { Client } from "./client";
import type { Inbox } from "./inbox";
import * as record from "./record";
import type { QueueCounts, TaskResult } from "./vocabulary";

/**
 * Tasks under one root znode, each committed exactly once: by workers of a `Master`, or by
 * `claim` without one.
 */
export class TaskQueue {
  readonly #inbox: Inbox;
  readonly #root: string;

  /** `root` is made when it is missing. */
  constructor(client: Client, root: string) {
    this.#inbox = client.inbox;
    this.#root = root;
  }

  /** Submits a task; resolves to its id. */
  submit(payload: DataLike): Promise<string> {
    return this.#inbox.call(
      (to) => to.queueSubmit(this.#rootText(), argument.bytes("payload", payload)),
      record.task,
    );
  }

  /**
   * Resolves when the task has a committed result. Rejects with TASK_FAILED, the reason in the
   * message, when it was given up.
   */
  result(task: string): Promise<TaskResult> {
    return this.#inbox.call(
      (to) => to.queueResult(this.#rootText(), argument.text("task", task)),
      record.taskResult,
    );
  }

  /** How many tasks are where, and who is there. */
  counts(): Promise<QueueCounts> {
    return this.#inbox.call((to) => to.queueCounts(this.#rootText()), record.counts);
  }

  /** Claims the next waiting task without a master; resolves when there is one. */
  claim(worker: string): Promise<Claim> {
    return this.#inbox.call(
      (to) => to.queueClaim(this.#rootText(), argument.text("worker", worker)),
      (value) => new Claim(this.#inbox, value),
    );
  }

  #rootText(): string {
    return argument.text("root", this.#root);
  }
}

/** A task that this client has claimed for itself. */
export class Claim {
  /** The task's id. */
  readonly task: string;
  readonly payload: Buffer;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly #inbox: Inbox;
  readonly #recipe: number;

  /** @internal */
  constructor(inbox: Inbox, value: unknown[]) {
    this.#inbox = inbox;
    this.#recipe = value[1] as number;
    this.task = value[2] as string;
    this.payload = value[3] as Buffer;
    this.attempt = value[4] as number;
  }

  /** Commits the result, at most once; CLAIM_LOST when the task has gone to another. */
  complete(result: DataLike): Promise<void> {
    return this.#inbox.call(
      (to) => to.claimComplete(this.#recipe, argument.bytes("result", result)),
      record.done,
    );
  }

  /** Fails this attempt; after the third the task is given up, with the reason. */
  fail(reason: string): Promise<void> {
    return this.#inbox.call(
      (to) => to.claimFail(this.#recipe, argument.text("reason", reason)),
      record.done,
    );
  }

  /** Puts the task back; the attempt does not count. */
  release(): Promise<void> {
    return this.#inbox.call((to) => to.claimRelease(this.#recipe), record.done);
  }
}

/** Submits one task under `root`; the same as `new TaskQueue(client, root).submit(payload)`. */
export function submit(client: Client, root: string, payload: DataLike): Promise<string> {
  return new TaskQueue(client, root).submit(payload);
}
