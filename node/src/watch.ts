import { EventStream } from "./stream";
import type { Client } from "./client";
import type { WatchSink } from "./inbox";
import type { PinfoldError } from "./error";
import type { ErrorName, WatchEvent, WatchMode } from "./vocabulary";

/** Called with an event, in the session's order: after the replies that it follows. */
export type WatchListener = (event: WatchEvent) => void;

/** @internal A watch of `get`, `exists` or `getChildren`: one event, then forgotten. */
export class OneShot implements WatchSink {
  readonly once = true;
  readonly event: WatchListener;

  constructor(listener: WatchListener) {
    this.event = listener;
  }

  /** A one-shot watch that never fired ends silently; the session's state tells why. */
  end(): void {}
}

/**
 * A lasting watch of `addWatch`: events until it is closed.
 *
 * With a listener, events go to the listener. Without one, iterate: `for await (const event of
 * watch)`. If the session ends by expiry the iterator rejects, because changes may be missed.
 */
export class Watch extends EventStream<WatchEvent> {
  /** The znode it was armed on. */
  readonly path: string;
  /** What it covers. */
  readonly mode: WatchMode;

  readonly #client: Client;
  #ticket = 0;

  /** @internal */
  constructor(client: Client, path: string, mode: WatchMode) {
    super();
    this.#client = client;
    this.path = path;
    this.mode = mode;
  }

  /** @internal The ticket that armed it, by which the session knows it. */
  get ticket(): number {
    return this.#ticket;
  }

  /** @internal */
  armed(ticket: number): this {
    this.#ticket = ticket;
    return this;
  }

  /** Removes the watch. Idempotent: a watch that is gone, by whatever way, needs no removing. */
  override close(): Promise<void> {
    void super.close();
    return this.#client.removeWatches(this).catch((error: PinfoldError) => {
      if (!GONE.has(error.codeName)) throw error;
    });
  }

  /** @internal */
  sink(listener: WatchListener | undefined): WatchSink {
    return {
      once: false,
      event: listener ?? ((event) => this.push(event)),
      end: (error: PinfoldError | undefined) => this.end(error),
    };
  }
}

/** Errors which say that there is no such watch any more. */
const GONE: ReadonlySet<ErrorName> = new Set([
  "NO_WATCHER",
  "CLOSED",
  "CLOSING",
  "SESSION_EXPIRED",
  "AUTH_FAILED",
]);
