import { PinfoldError } from "./error";
import {
  ItemKind,
  type NativeClient,
  type NativeError,
  type NativeItem,
  type NativeValue,
  type Submitted,
} from "./native";
import {
  EVENT_KIND_NAMES,
  RECIPE_EVENT_KIND_NAMES,
  SESSION_STATE_NAMES,
  type ErrorName,
  type RecipeEvent,
  type SessionState,
  type WatchEvent,
} from "./vocabulary";

/** Where the events of one armed watch go. */
export interface WatchSink {
  /** A one-shot watch is forgotten after its first event. */
  readonly once: boolean;
  event(event: WatchEvent): void;
  /** The session is over; undefined when that was asked for. */
  end(error: PinfoldError | undefined): void;
}

/** Where the events of one running recipe go; `ended` is the last. */
export interface RecipeSink {
  event(event: RecipeEvent): void;
  /** The client was closed. */
  end(): void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: PinfoldError): void;
  decode(value: NativeValue, ticket: number): unknown;
}

/** Last events of watches that were removed by their path. */
const REMOVALS: ReadonlySet<WatchEvent["kind"]> = new Set([
  "data_watch_removed",
  "child_watch_removed",
  "persistent_watch_removed",
]);

/** Items taken in one turn, so that a flood of replies leaves the event loop its other work. */
const TURN = 1024;

/**
 * The JavaScript end of the session's inbox: tickets to promises, watches and recipes to sinks.
 *
 * The native side wakes it once when its queue becomes non-empty. `#drain` then takes the items
 * and settles promises and queues callbacks as microtasks **in the order of the items**, so code
 * sees replies and events in the order in which the session saw them.
 */
export class Inbox {
  readonly #native: NativeClient;
  readonly #pending = new Map<number, Pending>();
  readonly #watches = new Map<number, WatchSink>();
  readonly #recipes = new Map<number, RecipeSink>();
  readonly #state: (state: SessionState) => void;
  readonly #closed: () => void;

  constructor(
    open: (wake: () => void) => NativeClient | NativeError,
    state: (state: SessionState) => void,
    closed: () => void,
  ) {
    const opened = open(() => this.#drain());
    if (Array.isArray(opened)) throw PinfoldError.fromNative(opened);
    this.#native = opened;
    this.#state = state;
    this.#closed = closed;
  }

  get native(): NativeClient {
    return this.#native;
  }

  /**
   * The promise of a submitted operation. `submit` takes the operation's place in the session's
   * order before this returns; whatever it throws becomes a rejection.
   */
  call<T>(
    submit: (native: NativeClient) => Submitted,
    decode: (value: NativeValue, ticket: number) => T,
    watch?: WatchSink,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // A throw in here rejects.
      const ticket = submit(this.#native);
      if (typeof ticket !== "number") {
        reject(PinfoldError.fromNative(ticket));
        return;
      }
      this.#pending.set(ticket, {
        resolve: resolve as (value: unknown) => void,
        reject,
        decode,
      });
      if (watch) this.#watches.set(ticket, watch);
    });
  }

  /**
   * The promise of a recipe's operation. When `signal` aborts, the operation is given up and the
   * promise rejects with CANCELLED.
   */
  recipe<T>(
    name: string,
    args: () => unknown[],
    decode: (value: NativeValue, ticket: number) => T,
    signal?: AbortSignal,
  ): Promise<T> {
    let ticket = 0;
    const giveUp = (): void => void (ticket && this.#native.cancel(ticket));
    const called = this.call((native) => {
      if (signal?.aborted) throw new PinfoldError("CANCELLED", "aborted before it was submitted");
      const submitted = native.recipe(name, args());
      if (typeof submitted === "number") ticket = submitted;
      return submitted;
    }, decode);
    if (!signal || !ticket) return called;
    signal.addEventListener("abort", giveUp, { once: true });
    return called.finally(() => signal.removeEventListener("abort", giveUp));
  }

  /** Sends a recipe's events to `sink`: called while its handle's reply is decoded. */
  attach(recipe: number, sink: RecipeSink): void {
    this.#recipes.set(recipe, sink);
  }

  /** Delivers no further event of a watch. */
  forget(watch: number): void {
    this.#watches.delete(watch);
  }

  #drain(): void {
    const items = this.#native.drain(TURN);
    for (const item of items) this.#dispatch(item);
    // A full turn may have left items, for which there is no second wake.
    if (items.length === TURN) setImmediate(() => this.#drain());
  }

  #dispatch(item: NativeItem): void {
    switch (item[0] as ItemKind) {
      case ItemKind.Reply:
        return this.#reply(item[1] as number, item[2] as NativeValue);
      case ItemKind.Failure:
        return this.#failure(item[1] as number, item[2] as NativeError);
      case ItemKind.Watch:
        return this.#watch(item);
      case ItemKind.State:
        return this.#change(SESSION_STATE_NAMES[item[1] as number] as SessionState);
      case ItemKind.Recipe:
        return this.#recipe(item);
      case ItemKind.Closed:
        return this.#end();
    }
  }

  #reply(ticket: number, value: NativeValue): void {
    const pending = this.#take(ticket);
    if (!pending) return;
    try {
      pending.resolve(pending.decode(value, ticket));
    } catch (error) {
      pending.reject(error as PinfoldError);
    }
  }

  #failure(ticket: number, error: NativeError): void {
    // An operation that failed has armed no watch.
    this.#watches.delete(ticket);
    this.#take(ticket)?.reject(PinfoldError.fromNative(error));
  }

  #take(ticket: number): Pending | undefined {
    const pending = this.#pending.get(ticket);
    this.#pending.delete(ticket);
    return pending;
  }

  #watch(item: NativeItem): void {
    const watch = item[1] as number;
    const sink = this.#watches.get(watch);
    if (!sink) return;
    const kind = EVENT_KIND_NAMES[item[2] as number] as WatchEvent["kind"];
    const event = { kind, path: item[3] as string, zxid: item[4] as bigint };
    const removed = REMOVALS.has(kind);
    if (sink.once || removed) this.#watches.delete(watch);
    queueMicrotask(() => sink.event(event));
    if (removed) queueMicrotask(() => sink.end(undefined));
  }

  #recipe(item: NativeItem): void {
    const recipe = item[1] as number;
    const sink = this.#recipes.get(recipe);
    if (!sink) return;
    const event: RecipeEvent = {
      kind: RECIPE_EVENT_KIND_NAMES[item[2] as number] as RecipeEvent["kind"],
      task: item[3] as string,
      worker: item[4] as string,
      payload: item[5] as Buffer,
      attempt: item[6] as number,
      token: item[7] as bigint,
      reason: item[8] as string,
      path: item[9] as string,
    };
    if (event.kind === "ended") this.#recipes.delete(recipe);
    queueMicrotask(() => sink.event(event));
  }

  #change(state: SessionState): void {
    queueMicrotask(() => this.#state(state));
    if (state === "expired") this.#endWatches("SESSION_EXPIRED", "the session has expired");
    if (state === "auth_failed") this.#endWatches("AUTH_FAILED", "the credentials were refused");
  }

  /** The session's watches are gone without the user's asking, which a loop must not mistake. */
  #endWatches(code: ErrorName, message: string): void {
    const error = new PinfoldError(code, message, { outcome: "session_over" });
    for (const sink of this.#watches.values()) queueMicrotask(() => sink.end(error));
    this.#watches.clear();
  }

  /** The last item: every ticket has been completed. */
  #end(): void {
    for (const sink of this.#watches.values()) queueMicrotask(() => sink.end(undefined));
    for (const sink of this.#recipes.values()) queueMicrotask(() => sink.end());
    this.#watches.clear();
    this.#recipes.clear();
    this.#native.release();
    queueMicrotask(this.#closed);
  }
}
