import * as argument from "./argument";
import type { Client } from "./client";
import { Held } from "./held";
import type { AcquireOptions } from "./hold";
import type { Inbox } from "./inbox";
import * as record from "./record";

/** How to wait for others. */
export type WaitOptions = Pick<AcquireOptions, "signal">;

/**
 * A barrier that holds back whoever waits, as long as it is set. It stays when the session that
 * set it ends.
 */
export class Barrier {
  readonly #inbox: Inbox;
  readonly #path: string;

  /** `path` is the barrier's znode: it is there while the barrier is set. */
  constructor(client: Client, path: string) {
    this.#inbox = client.inbox;
    this.#path = path;
  }

  /** Sets it, if it is not set. */
  set(): Promise<void> {
    return this.#inbox.recipe("barrier_set", this.#args, record.done);
  }

  /** Removes it, if it is set: all that wait may pass. */
  remove(): Promise<void> {
    return this.#inbox.recipe("barrier_remove", this.#args, record.done);
  }

  /** Whether it is set. */
  isSet(): Promise<boolean> {
    return this.#inbox.recipe("barrier_is_set", this.#args, record.truth);
  }

  /** Resolves when it is not set. */
  wait(options?: WaitOptions): Promise<void> {
    const { signal } = argument.options("options", options);
    return this.#inbox.recipe("barrier_wait", this.#args, record.done, signal);
  }

  readonly #args = (): unknown[] => [argument.text("path", this.#path)];
}

/**
 * A barrier for so many: nobody is in before all have come, nobody is out before all have left.
 * All have to give the same number.
 */
export class DoubleBarrier {
  readonly #inbox: Inbox;
  readonly #path: string;
  readonly #members: number;

  /** `path` is made by the first that comes. */
  constructor(client: Client, path: string, members: number) {
    this.#inbox = client.inbox;
    this.#path = path;
    this.#members = members;
  }

  /**
   * Resolves when all have come; `await using` leaves at the end of the block. To give the wait
   * up is not to have come.
   */
  enter(options?: WaitOptions): Promise<Round> {
    const { signal } = argument.options("options", options);
    return this.#inbox.recipe(
      "double_barrier_enter",
      () => [argument.text("path", this.#path), argument.uint32("members", this.#members)],
      (value) => new Round(this.#inbox, value[1] as number, "double_barrier_leave"),
      signal,
    );
  }
}

/** A round of a double barrier that this client is in, until it leaves or its session ends. */
export class Round extends Held {
  /** Leaves; resolves when all of the round have left. */
  leave(): Promise<void> {
    return this.release();
  }
}
