import type { Inbox, RecipeSink } from "./inbox";
import type { RecipeEvent } from "./vocabulary";

/**
 * Something that this client has until it is given up or lost; `signal` aborts at either, and at
 * a loss before the server could expire us.
 */
export abstract class Held {
  /** @internal */
  protected readonly inbox: Inbox;
  /** @internal */
  protected readonly recipe: number;
  readonly #giveUp: string;
  readonly #lost = new AbortController();

  /** @internal `giveUp` is the operation that ends it. */
  constructor(inbox: Inbox, recipe: number, giveUp: string) {
    this.inbox = inbox;
    this.recipe = recipe;
    this.#giveUp = giveUp;
    inbox.attach(recipe, this.#sink);
  }

  /** Aborts when it is lost or released: pass it to the work that needs it. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether no loss has been told yet. */
  get isHeld(): boolean {
    return !this.#lost.signal.aborted;
  }

  /** Resolves to the reason when it is lost or released. */
  lost(): Promise<string> {
    const { signal } = this.#lost;
    return new Promise((resolve) => {
      if (signal.aborted) resolve(String(signal.reason));
      else signal.addEventListener("abort", () => resolve(String(signal.reason)), { once: true });
    });
  }

  /** Gives it up; resolves when the others can see that. */
  release(): Promise<void> {
    return this.inbox.recipe(this.#giveUp, () => [this.recipe], () => {
      this.#lost.abort("released");
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.isHeld ? this.release() : Promise.resolve();
  }

  readonly #sink: RecipeSink = {
    event: (event: RecipeEvent) => this.#lost.abort(event.reason || "it has ended"),
    end: () => this.#lost.abort("the client was closed"),
  };
}
