import * as argument from "./argument";
import type { Client } from "./client";
import { acquire, participants, tryAcquire, type Hold, type TimedOptions } from "./hold";
import type { Inbox } from "./inbox";
import type { LockLayout, LockMode, Participant } from "./vocabulary";

/** Options of `Lock` and `ReadWriteLock`. */
export interface LockOptions {
  /** How the znodes are named, for a lock among programs of other libraries too. */
  readonly layout?: LockLayout | undefined;
}

/** A lock among all that use the same path, first come, first served. Not reentrant. */
export class Lock {
  readonly #inbox: Inbox;
  readonly #path: string;
  readonly #layout: LockLayout | undefined;

  /** `path` is made by the first to acquire it. */
  constructor(client: Client, path: string, options?: LockOptions) {
    this.#inbox = client.inbox;
    this.#path = path;
    this.#layout = argument.options("options", options).layout;
  }

  /** Waits for the lock; `await using` releases it at the end of the block. */
  acquire(options?: TimedOptions): Promise<Hold> {
    return acquire(this.#inbox, "lock_acquire", () => this.#args(options), options);
  }

  /** The lock if nobody has it and nobody waits, else null. */
  tryAcquire(options?: TimedOptions): Promise<Hold | null> {
    return tryAcquire(this.#inbox, "lock_acquire", () => this.#args(options));
  }

  /** Who has it and who waits, in their order. */
  participants(): Promise<Participant[]> {
    const args = (): unknown[] => [argument.text("path", this.#path), this.#layout];
    return this.#inbox.recipe("lock_participants", args, participants);
  }

  #args(options: TimedOptions | undefined): unknown[] {
    const { data } = argument.options("options", options);
    return [argument.text("path", this.#path), argument.bytes("data", data), this.#layout];
  }
}

/** A lock that many readers have together, or one writer alone; first come, first served. */
export class ReadWriteLock {
  readonly #inbox: Inbox;
  readonly #path: string;
  readonly #layout: LockLayout | undefined;

  /** `path` is made by the first to acquire it. */
  constructor(client: Client, path: string, options?: LockOptions) {
    this.#inbox = client.inbox;
    this.#path = path;
    this.#layout = argument.options("options", options).layout;
  }

  /** Waits until no writer is before it. */
  read(options?: TimedOptions): Promise<Hold> {
    return acquire(this.#inbox, ACQUIRE, () => this.#args("read", options), options);
  }

  /** Waits until nobody is before it. */
  write(options?: TimedOptions): Promise<Hold> {
    return acquire(this.#inbox, ACQUIRE, () => this.#args("write", options), options);
  }

  /** To read if no writer has it or waits, else null. */
  tryRead(options?: TimedOptions): Promise<Hold | null> {
    return tryAcquire(this.#inbox, ACQUIRE, () => this.#args("read", options));
  }

  /** To write if nobody has it and nobody waits, else null. */
  tryWrite(options?: TimedOptions): Promise<Hold | null> {
    return tryAcquire(this.#inbox, ACQUIRE, () => this.#args("write", options));
  }

  /** Who has it and who waits, in their order. */
  participants(): Promise<Participant[]> {
    const args = (): unknown[] => [argument.text("path", this.#path), this.#layout];
    return this.#inbox.recipe("read_write_lock_participants", args, participants);
  }

  #args(mode: LockMode, options: TimedOptions | undefined): unknown[] {
    const { data } = argument.options("options", options);
    const path = argument.text("path", this.#path);
    return [path, mode, argument.bytes("data", data), this.#layout];
  }
}

const ACQUIRE = "read_write_lock_acquire";

/** A number of leases, first come, first served. All have to give the same number. */
export class Semaphore {
  readonly #inbox: Inbox;
  readonly #path: string;
  readonly #permits: number;

  /** `path` is made by the first to acquire a lease. */
  constructor(client: Client, path: string, permits: number) {
    this.#inbox = client.inbox;
    this.#path = path;
    this.#permits = permits;
  }

  /** Waits for a lease; `await using` releases it at the end of the block. */
  acquire(options?: TimedOptions): Promise<Hold> {
    return acquire(this.#inbox, "semaphore_acquire", () => this.#args(options), options);
  }

  /** A lease if one is free, else null. */
  tryAcquire(options?: TimedOptions): Promise<Hold | null> {
    return tryAcquire(this.#inbox, "semaphore_acquire", () => this.#args(options));
  }

  /** Who has a lease and who waits, in their order. */
  participants(): Promise<Participant[]> {
    return this.#inbox.recipe("semaphore_participants", () => this.#place(), participants);
  }

  #place(): unknown[] {
    const permits = argument.uint32("permits", this.#permits);
    return [argument.text("path", this.#path), permits];
  }

  #args(options: TimedOptions | undefined): unknown[] {
    const { data } = argument.options("options", options);
    return [...this.#place(), argument.bytes("data", data)];
  }
}
