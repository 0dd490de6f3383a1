import * as argument from "./argument";
import type { DataLike } from "./argument";
import type { Client } from "./client";
import { follow } from "./following";
import type { Inbox } from "./inbox";
import type { NativeValue } from "./native";
import * as record from "./record";
import type { EventStream } from "./stream";
import type {
  DeadLetter,
  QueueCounts,
  QueueMetrics,
  RecipeEvent,
  SubmitOptions,
  TaskResult,
} from "./vocabulary";

/** Options of `TaskQueue.claim`. */
export interface ClaimOptions {
  /** What the claimant can do. Default: nothing in particular. */
  readonly abilities?: readonly string[] | undefined;
  /** Ends the wait when it aborts: the promise rejects with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `TaskQueue.deadLetters`. */
export interface DeadLetterOptions {
  /** Only those of younger tasks than this one. Default: all. */
  readonly after?: string | undefined;
  /** So many at most. Default: 100. */
  readonly limit?: number | undefined;
}

/** Options of `Claim.fail`. */
export interface FailOptions {
  /** Whether another attempt may go better. Default: true. */
  readonly retryable?: boolean | undefined;
}

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

  /** Submits a task, once whatever reply is lost; resolves to its id. */
  submit(payload: DataLike, options?: SubmitOptions): Promise<string> {
    return this.#submit(() => argument.bytes("payload", payload), options);
  }

  /** Submits a task whose payload is `value` as JSON. */
  submitJson(value: unknown, options?: SubmitOptions): Promise<string> {
    return this.#submit(() => argument.json("value", value), options);
  }

  /** Submits many tasks, pipelined, with the same options; resolves to their ids in order. */
  submitMany(payloads: readonly DataLike[], options?: SubmitOptions): Promise<string[]> {
    const args = (): unknown[] => [
      this.#rootText(),
      argument.list("payloads", payloads).map((one, at) => argument.bytes(`payloads[${at}]`, one)),
      ...submitOptions(options),
    ];
    return this.#inbox.recipe("queue_submit_many", args, record.paths);
  }

  /**
   * Resolves when the task has a committed result. Rejects with TASK_FAILED, the reason in the
   * message, when it was given up.
   */
  result(task: string): Promise<TaskResult> {
    const args = (): unknown[] => [this.#rootText(), argument.text("task", task)];
    return this.#inbox.recipe("queue_result", args, record.taskResult);
  }

  /**
   * Follows what becomes of the tasks, those that there are first: events of the kinds
   * `task_completed`, with the result as `payload`, and `task_dead`, with the `reason`.
   */
  results(): Promise<EventStream<RecipeEvent>> {
    const args = (): unknown[] => [this.#rootText()];
    return follow(this.#inbox, "queue_results", "queue_ignore", args, (event) => event);
  }

  /**
   * Follows how far the work on a task is, until its end: events of the kind `task_progress`,
   * with what its worker wrote as `payload`. What is written over fast may be skipped, the latest
   * counts.
   */
  progress(task: string): Promise<EventStream<RecipeEvent>> {
    const args = (): unknown[] => this.#ofTask(task);
    return follow(this.#inbox, "queue_progress", "queue_ignore", args, (event) => event);
  }

  /**
   * Cancels a task, wherever it is: it becomes a dead letter, and a worker that has it is told.
   * Resolves to whether it was in time.
   */
  cancel(task: string, reason = ""): Promise<boolean> {
    const args = (): unknown[] => [...this.#ofTask(task), argument.text("reason", reason)];
    return this.#inbox.recipe("queue_cancel", args, record.truth);
  }

  /** Dead letters, those of the oldest tasks first. */
  deadLetters(options?: DeadLetterOptions): Promise<DeadLetter[]> {
    const { after = "", limit = 100 } = argument.options("options", options);
    const args = (): unknown[] => [
      this.#rootText(),
      argument.text("after", after),
      argument.uint32("limit", limit),
    ];
    return this.#inbox.recipe("queue_dead_letters", args, record.deadLetters);
  }

  /**
   * Submits a dead letter's task once more, as a new task in the letter's place; resolves to its
   * id. NO_NODE when there is no such letter.
   */
  replay(task: string): Promise<string> {
    return this.#inbox.recipe("queue_replay", () => this.#ofTask(task), record.task);
  }

  /** Removes a result or a dead letter; resolves to whether there was one. */
  forget(task: string): Promise<boolean> {
    return this.#inbox.recipe("queue_forget", () => this.#ofTask(task), record.truth);
  }

  /** Removes results that are older, milliseconds; resolves to how many. */
  forgetResults(ageMs: number): Promise<bigint> {
    const args = (): unknown[] => [this.#rootText(), argument.int64("ageMs", ageMs)];
    return this.#inbox.recipe("queue_forget_results", args, record.number);
  }

  /** Removes dead letters that are older, milliseconds; resolves to how many. */
  forgetDead(ageMs: number): Promise<bigint> {
    const args = (): unknown[] => [this.#rootText(), argument.int64("ageMs", ageMs)];
    return this.#inbox.recipe("queue_forget_dead", args, record.number);
  }

  /** Pauses the queue: nothing is given out or claimed until it is resumed. */
  pause(): Promise<void> {
    return this.#inbox.recipe("queue_pause", () => [this.#rootText()], record.done);
  }

  /** Resumes the queue. */
  resume(): Promise<void> {
    return this.#inbox.recipe("queue_resume", () => [this.#rootText()], record.done);
  }

  /** Whether the queue is paused. */
  isPaused(): Promise<boolean> {
    return this.#inbox.recipe("queue_is_paused", () => [this.#rootText()], record.truth);
  }

  /** Resolves when no task waits and none is with a worker. */
  drain(): Promise<QueueCounts> {
    return this.#inbox.recipe("queue_drain", () => [this.#rootText()], record.counts);
  }

  /** Depth, age and latencies. */
  metrics(): Promise<QueueMetrics> {
    return this.#inbox.recipe("queue_metrics", () => [this.#rootText()], record.metrics);
  }

  /** How many tasks are where, and who is there. */
  counts(): Promise<QueueCounts> {
    return this.#inbox.recipe("queue_counts", () => [this.#rootText()], record.counts);
  }

  /**
   * Claims the next waiting task without a master; resolves when there is one. Aborting the
   * signal of the options ends the wait.
   */
  claim(worker: string, options?: ClaimOptions): Promise<Claim> {
    const { abilities, signal } = argument.options("options", options);
    const args = (): unknown[] => [
      this.#rootText(),
      argument.text("worker", worker),
      argument.texts("abilities", abilities),
    ];
    const decode = (value: NativeValue): Claim => new Claim(this.#inbox, value);
    return this.#inbox.recipe("queue_claim", args, decode, signal);
  }

  #submit(payload: () => Buffer, options: SubmitOptions | undefined): Promise<string> {
    const args = (): unknown[] => [this.#rootText(), payload(), ...submitOptions(options)];
    return this.#inbox.recipe("queue_submit", args, record.task);
  }

  #ofTask(task: string): unknown[] {
    return [this.#rootText(), argument.text("task", task)];
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
  readonly #lost = new AbortController();

  /** @internal */
  constructor(inbox: Inbox, value: NativeValue) {
    this.#inbox = inbox;
    this.#recipe = value[1] as number;
    this.task = value[2] as string;
    this.payload = value[3] as Buffer;
    this.attempt = value[4] as number;
    inbox.attach(this.#recipe, {
      event: ({ kind, reason }) => {
        if (kind === "revoked") this.#lost.abort(reason);
      },
      end: () => this.#lost.abort("the client was closed"),
    });
  }

  /** Aborts when the task is no longer this client's: its result could not be committed. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** The payload, decoded from JSON. */
  json(): unknown {
    return JSON.parse(this.payload.toString());
  }

  /** Writes how far the work is, up to 16 KiB; CLAIM_LOST when the task is another's by now. */
  progress(data: DataLike): Promise<void> {
    const args = (): unknown[] => [this.#recipe, argument.bytes("data", data)];
    return this.#inbox.recipe("claim_progress", args, record.done);
  }

  /** Commits the result, at most once; CLAIM_LOST when the task has gone to another. */
  complete(result: DataLike): Promise<void> {
    const args = (): unknown[] => [this.#recipe, argument.bytes("result", result)];
    return this.#inbox.recipe("claim_complete", args, record.done);
  }

  /** Commits `value` as JSON. */
  completeJson(value: unknown): Promise<void> {
    const args = (): unknown[] => [this.#recipe, argument.json("value", value)];
    return this.#inbox.recipe("claim_complete", args, record.done);
  }

  /**
   * Fails this attempt; after the last the task is given up, with the reason, and at once when
   * another attempt would not go better.
   */
  fail(reason: string, options?: FailOptions): Promise<void> {
    const { retryable = true } = argument.options("options", options);
    const args = (): unknown[] => [
      this.#recipe,
      argument.text("reason", reason),
      argument.bool("retryable", retryable),
    ];
    return this.#inbox.recipe("claim_fail", args, record.done);
  }

  /** Puts the task back; the attempt does not count. */
  release(): Promise<void> {
    return this.#inbox.recipe("claim_release", () => [this.#recipe], record.done);
  }
}

/** Submits one task under `root`; the same as `new TaskQueue(client, root).submit(payload)`. */
export function submit(
  client: Client,
  root: string,
  payload: DataLike,
  options?: SubmitOptions,
): Promise<string> {
  return new TaskQueue(client, root).submit(payload, options);
}

/** @internal The options in the order of the table; undefined stands for a default. */
function submitOptions(given: SubmitOptions | undefined): unknown[] {
  const options = argument.options("options", given);
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(CHECKS, name));
  if (unknown !== undefined) {
    throw argument.invalid(`options has no ${unknown}; ${Object.keys(CHECKS).join(", ")}`);
  }
  return Object.entries(CHECKS).map(([name, check]) => {
    const value = options[name as keyof SubmitOptions];
    return value === undefined ? undefined : check(`options.${name}`, value);
  });
}

/** In the order of the table. */
const CHECKS: Record<keyof SubmitOptions, (name: string, value: unknown) => unknown> = {
  maxAttempts: argument.uint32,
  initialBackoffMs: argument.int64,
  backoffFactor: argument.real,
  maxBackoffMs: argument.int64,
  delayMs: argument.int64,
  notBeforeMs: argument.int64,
  priority: argument.int32,
  needs: argument.texts,
  key: argument.text,
  scheduleToStartMs: argument.int64,
  startToCloseMs: argument.int64,
  heartbeatMs: argument.int64,
};
