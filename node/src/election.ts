import * as argument from "./argument";
import type { DataLike } from "./argument";
import type { Client } from "./client";
import { Hold, participants, type AcquireOptions } from "./hold";
import type { Inbox } from "./inbox";
import * as record from "./record";
import { follow } from "./following";
import type { EventStream } from "./stream";
import type { ElectionLayout, Leader, Participant, RecipeEvent } from "./vocabulary";

/** Options of `LeaderElection`. */
export interface ElectionOptions {
  /** How the candidates are named, for an election among programs of other libraries too. */
  readonly layout?: ElectionLayout | undefined;
}

/** Elects one leader among the clients that campaign on the same znode. */
export class LeaderElection {
  readonly #inbox: Inbox;
  readonly #path: string;
  readonly #layout: ElectionLayout | undefined;

  /** `path` is made when it is missing. */
  constructor(client: Client, path: string, options?: ElectionOptions) {
    this.#inbox = client.inbox;
    this.#path = path;
    this.#layout = argument.options("options", options).layout;
  }

  /**
   * Stands as a candidate; resolves when this client leads. `data` is what others see of it.
   * Aborting the signal of the options withdraws the candidate.
   */
  campaign(data?: DataLike, options?: Pick<AcquireOptions, "signal">): Promise<Leadership> {
    const { signal } = argument.options("options", options);
    const args = (): unknown[] => [
      argument.text("path", this.#path),
      argument.bytes("data", data),
      this.#layout,
    ];
    const decode = (value: unknown[]): Leadership => new Leadership(this.#inbox, value);
    return this.#inbox.recipe("election_campaign", args, decode, signal);
  }

  /** Who leads, or null. */
  leader(): Promise<Leader | null> {
    return this.#inbox.recipe("election_leader", () => this.#place(), record.leader);
  }

  /** Who leads and who waits, in their order. */
  candidates(): Promise<Participant[]> {
    return this.#inbox.recipe("election_candidates", () => this.#place(), participants);
  }

  /**
   * Who leads, now and after each change; the token is 0 while nobody does. Changes that follow
   * each other fast may be skipped, the latest never is.
   */
  observe(): Promise<EventStream<Leader>> {
    const leader = ({ payload, token }: RecipeEvent): Leader => ({ data: payload, token });
    return follow(this.#inbox, "election_observe", "election_ignore", () => this.#place(), leader);
  }

  #place(): unknown[] {
    return [argument.text("path", this.#path), this.#layout];
  }
}

/** A won election; it holds until `signal` aborts, which is before the server could expire us. */
export class Leadership extends Hold {
  /** Gives the leadership up; resolves when the next candidate can lead. */
  resign(): Promise<void> {
    return this.release();
  }
}
