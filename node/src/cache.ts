import * as argument from "./argument";
import type { Client } from "./client";
import { end, sink } from "./following";
import type { Inbox } from "./inbox";
import type { NativeValue } from "./native";
import * as record from "./record";
import { EventStream } from "./stream";
import type { Data, RecipeEvent } from "./vocabulary";

/** How much is copied. */
export interface CacheOptions {
  /** 0 for the znode alone, 1 for its children too. Default: everything below it. */
  readonly maxDepth?: number | undefined;
}

/**
 * A copy of a znode and what is below it, and a stream of what changes: each znode that is there,
 * `initialized`, then the changes. After a broken connection the difference is told; changes that
 * follow each other fast may be told as one. `await using` ends it.
 */
export class TreeCache extends EventStream<RecipeEvent> {
  readonly #inbox: Inbox;
  readonly #recipe: number;

  /** @internal Use `TreeCache.start`. */
  constructor(inbox: Inbox, value: NativeValue) {
    super(() => end(inbox, value, "cache_stop"));
    this.#inbox = inbox;
    this.#recipe = value[1] as number;
    inbox.attach(this.#recipe, sink<RecipeEvent>(this, (event) => event));
  }

  /** Begins to follow a znode, which need not be there. */
  static start(client: Client, path: string, options?: CacheOptions): Promise<TreeCache> {
    const { maxDepth = -1 } = argument.options("options", options);
    const args = (): unknown[] => [
      argument.text("path", path),
      argument.int32("maxDepth", maxDepth),
    ];
    const { inbox } = client;
    return inbox.recipe("cache_start", args, (value) => new TreeCache(inbox, value));
  }

  /** A znode as it was read last, or null; asks no server. */
  get(path: string): Promise<Data | null> {
    const args = (): unknown[] => [this.#recipe, argument.text("path", path)];
    return this.#inbox.recipe("cache_get", args, record.cached);
  }

  /** The names of a znode's children, sorted; asks no server. */
  children(path: string): Promise<string[]> {
    const args = (): unknown[] => [this.#recipe, argument.text("path", path)];
    return this.#inbox.recipe("cache_children", args, record.paths);
  }
}
