import * as argument from "./argument";
import type { Client } from "./client";
import type { Inbox } from "./inbox";
import * as record from "./record";

/** A signed 64-bit number: a BigInt, or a number that is a safe integer. */
export type Int64Like = bigint | number;

/** A number that many change, each change exactly once. 0 before the first change. */
export class Counter {
  readonly #inbox: Inbox;
  readonly #path: string;

  /** `path` is made by the first change. */
  constructor(client: Client, path: string) {
    this.#inbox = client.inbox;
    this.#path = path;
  }

  /** The number now. */
  get(): Promise<bigint> {
    return this.#inbox.recipe("counter_get", () => this.#args(), record.number);
  }

  /** Adds to it, exactly once whatever reply is lost; resolves to the new number. */
  add(addend: Int64Like): Promise<bigint> {
    const args = (): unknown[] => [...this.#args(), argument.int64("addend", addend)];
    return this.#inbox.recipe("counter_add", args, record.number);
  }

  /** Sets it, whatever it was. */
  set(number: Int64Like): Promise<void> {
    const args = (): unknown[] => [...this.#args(), argument.int64("number", number)];
    return this.#inbox.recipe("counter_set", args, record.done);
  }

  /** Sets it if it is what is expected; resolves to whether it was. */
  compareAndSet(expected: Int64Like, number: Int64Like): Promise<boolean> {
    const args = (): unknown[] => [
      ...this.#args(),
      argument.int64("expected", expected),
      argument.int64("number", number),
    ];
    return this.#inbox.recipe("counter_compare_and_set", args, record.truth);
  }

  #args(): unknown[] {
    return [argument.text("path", this.#path)];
  }
}
