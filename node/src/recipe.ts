import { EventEmitter } from "node:events";
import { PinfoldError } from "./error";
import type { RecipeSink } from "./inbox";
import type { RecipeEvent } from "./vocabulary";

/** Events of a running recipe. */
export interface RecipeEvents {
  /** Everything that it tells, in the session's order; `ended` is the last. */
  event: [event: RecipeEvent];
}

/** A recipe that runs until it is stopped, or until its session cannot go on. */
export abstract class Recipe extends EventEmitter<RecipeEvents> {
  #end!: (failure: string) => void;

  /** Resolves when the recipe has ended; rejects with the reason when it could not go on. */
  readonly ended: Promise<void> = new Promise((resolve, reject) => {
    this.#end = (failure) => (failure ? reject(new PinfoldError("CLOSED", failure)) : resolve());
  });

  /** @internal */
  constructor() {
    super();
    // Who does not look at `ended` must not be punished by an unhandled rejection.
    this.ended.catch(() => {});
  }

  /** @internal */
  readonly sink: RecipeSink = {
    event: (event) => {
      this.handle(event);
      this.emit("event", event);
      if (event.kind === "ended") this.#end(event.reason);
    },
    end: () => this.#end(""),
  };

  /** @internal */
  protected handle(_: RecipeEvent): void {}
}
