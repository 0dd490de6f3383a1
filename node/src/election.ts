import * as argument from "./argument";
import type { DataLike } from "./argument";
import type { Client } from "./client";
import type { Inbox, RecipeSink } from "./inbox";
import * as record from "./record";
import type { Leader, RecipeEvent } from "./vocabulary";

/** Elects one leader among the clients that campaign on the same znode. */
export class LeaderElection {
  readonly #inbox: Inbox;
  readonly #path: string;

  /** `path` is made when it is missing. */
  constructor(client: Client, path: string) {
    this.#inbox = client.inbox;
    this.#path = path;
  }

  /** Stands as a candidate; resolves when this client leads. `data` is what others see of it. */
  campaign(data?: DataLike): Promise<Leadership> {
    return this.#inbox.call(
      (to) =>
        to.electionCampaign(argument.text("path", this.#path), argument.bytes("data", data)),
      (value) => {
        const recipe = value[1] as number;
        const leadership = new Leadership(this.#inbox, recipe, value[2] as bigint);
        this.#inbox.attach(recipe, leadership.sink);
        return leadership;
      },
    );
  }

  /** Who leads, or null. */
  leader(): Promise<Leader | null> {
    return this.#inbox.call(
      (to) => to.electionLeader(argument.text("path", this.#path)),
      record.leader,
    );
  }
}

/** A won election; it holds until `signal` aborts, which is before the server could expire us. */
export class Leadership {
  /** Fencing token: larger for every later leader. Hand it to whatever the leader writes to. */
  readonly token: bigint;
  readonly #inbox: Inbox;
  readonly #recipe: number;
  readonly #lost = new AbortController();

  /** @internal */
  constructor(inbox: Inbox, recipe: number, token: bigint) {
    this.#inbox = inbox;
    this.#recipe = recipe;
    this.token = token;
  }

  /** Aborts when the leadership is lost or resigned: pass it to the work that needs it. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether no loss has been told yet. */
  get isHeld(): boolean {
    return !this.#lost.signal.aborted;
  }

  /** Resolves to the reason when the leadership is lost or resigned. */
  lost(): Promise<string> {
    const { signal } = this.#lost;
    return new Promise((resolve) => {
      if (signal.aborted) resolve(String(signal.reason));
      else signal.addEventListener("abort", () => resolve(String(signal.reason)), { once: true });
    });
  }

  /** Gives the leadership up. */
  resign(): Promise<void> {
    return this.#inbox.call((to) => to.electionResign(this.#recipe), () => {
      this.#lost.abort("resigned");
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.isHeld ? this.resign() : Promise.resolve();
  }

  /** @internal */
  readonly sink: RecipeSink = {
    event: (event: RecipeEvent) => this.#lost.abort(event.reason || "the leadership has ended"),
    end: () => this.#lost.abort("the client was closed"),
  };
}
