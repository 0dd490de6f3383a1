/**
 * Events as an async iterator: what arrived and was not yet taken waits here, in order.
 *
 * One consumer. `for await` closes it when the loop is left, and so does `await using`.
 */
export class EventStream<T> implements AsyncIterableIterator<T> {
  #arrived: T[] = [];
  #waiting: { resolve(r: IteratorResult<T>): void; reject(e: unknown): void }[] = [];
  #ended = false;
  #error: unknown;
  readonly #close: () => Promise<void>;

  /** @internal */
  constructor(close: () => Promise<void> = () => Promise.resolve()) {
    this.#close = close;
  }

  /** @internal */
  push(event: T): void {
    if (this.#ended) return;
    const next = this.#waiting.shift();
    if (next) next.resolve({ done: false, value: event });
    else this.#arrived.push(event);
  }

  /** @internal Ends after what has arrived; with an error, when the end was not asked for. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const next of waiting) {
      if (error !== undefined) {
        next.reject(error);
        error = undefined;
      } else next.resolve({ done: true, value: undefined });
    }
    this.#error = error;
  }

  /** The next event; `done` after the end. Rejects once if the session ended instead. */
  next(): Promise<IteratorResult<T>> {
    const event = this.#arrived.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Stops the events; what has arrived and was not taken is dropped. Idempotent. */
  close(): Promise<void> {
    this.#arrived = [];
    this.end();
    this.#error = undefined;
    return this.#close();
  }

  /** What `for await` calls when the loop is left early. */
  return(): Promise<IteratorResult<T>> {
    return this.close().then(() => ({ done: true, value: undefined }));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
