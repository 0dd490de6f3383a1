import * as argument from "./argument";
import type { DataLike } from "./argument";
import { Held } from "./held";
import type { Inbox } from "./inbox";
import { multiOps, type MultiOp, type MultiResult } from "./multi";
import type { NativeValue } from "./native";
import * as record from "./record";
import type { Participant } from "./vocabulary";

/** How to wait for something that others want too. */
export interface AcquireOptions {
  /** What others see of the one that has it or waits. Default: nothing. */
  readonly data?: DataLike | undefined;
  /** Gives up when it aborts: the promise rejects with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Something that this client has alone or by turns, a lock, a lease or the lead; it holds until
 * `signal` aborts, which is before the server could expire us.
 */
export class Hold extends Held {
  /** Fencing token: larger for every later holder. Hand it to whatever the holder writes to. */
  readonly token: bigint;
  /** Its znode. */
  readonly path: string;

  /** @internal */
  constructor(inbox: Inbox, value: NativeValue) {
    super(inbox, value[1] as number, "hold_release");
    this.token = value[2] as bigint;
    this.path = value[3] as string;
  }

  /** The operation that makes a `multi` fail once this is lost, whatever this process believes. */
  check(): MultiOp {
    return { op: "check", path: this.path, version: -1 };
  }

  /**
   * Applies several operations while this is held, all of them or none: then it rejects with
   * CLAIM_LOST.
   */
  write(ops: readonly MultiOp[]): Promise<MultiResult[]> {
    return this.inbox.recipe("hold_write", () => [this.recipe, multiOps(ops)], record.multi);
  }
}

/** @internal Acquires something by an operation whose arguments end with the time to wait. */
export async function acquire(
  inbox: Inbox,
  operation: string,
  args: () => unknown[],
  options: TimedOptions | undefined,
): Promise<Hold> {
  const { timeoutMs, signal } = argument.options("options", options);
  const limit = timeoutMs === undefined ? -1 : argument.uint32("timeoutMs", timeoutMs) || 1;
  const decode = (value: NativeValue): Hold | null => held(inbox, value);
  const hold = await inbox.recipe(operation, () => [...args(), limit], decode, signal);
  if (hold) return hold;
  throw argument.late(`it was not acquired within ${timeoutMs} ms`);
}

/** @internal Acquires something if nobody has it, else null. */
export function tryAcquire(
  inbox: Inbox,
  operation: string,
  args: () => unknown[],
): Promise<Hold | null> {
  return inbox.recipe(operation, () => [...args(), 0], (value) => held(inbox, value));
}

/** How to wait for something, and for how long. */
export interface TimedOptions extends AcquireOptions {
  /** How long to wait, milliseconds; the promise then rejects with TIMEOUT. Default: no limit. */
  readonly timeoutMs?: number | undefined;
}

function held(inbox: Inbox, value: NativeValue): Hold | null {
  return value[1] === null ? null : new Hold(inbox, value);
}

/** @internal */
export function participants(value: NativeValue): Participant[] {
  return (value[1] as NativeValue[]).map((one) => ({
    data: one[1] as Buffer,
    token: one[2] as bigint,
    path: one[3] as string,
    holds: one[4] as boolean,
  }));
}
