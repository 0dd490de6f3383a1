import * as argument from "./argument";
import type { DataLike } from "./argument";
import type { Client } from "./client";
import { follow } from "./following";
import { Held } from "./held";
import type { AcquireOptions } from "./hold";
import type { Inbox } from "./inbox";
import type { NativeValue } from "./native";
import * as record from "./record";
import type { EventStream } from "./stream";
import type { Member, RecipeEvent } from "./vocabulary";

/** How to join a group. */
export interface JoinOptions extends AcquireOptions {
  /** How much this member can take, compared with the others. Default: 1. */
  readonly capacity?: number | undefined;
}

/** Who is there, with data and capacity, among all that use the same path. */
export class Group {
  readonly #inbox: Inbox;
  readonly #path: string;

  /** `path` is made by the first that joins. */
  constructor(client: Client, path: string) {
    this.#inbox = client.inbox;
    this.#path = path;
  }

  /**
   * Joins under a name; `await using` leaves at the end of the block. Waits for the end of
   * another session that has the name.
   */
  join(id: string, options?: JoinOptions): Promise<Membership> {
    const { data, capacity = 1, signal } = argument.options("options", options);
    return this.#inbox.recipe(
      "group_join",
      () => [
        ...this.#args(),
        argument.text("id", id),
        argument.bytes("data", data),
        argument.uint32("capacity", capacity),
      ],
      (value) => new Membership(this.#inbox, value),
      signal,
    );
  }

  /** Who is there, by name. */
  members(): Promise<Member[]> {
    return this.#inbox.recipe("group_members", () => this.#args(), record.members);
  }

  /**
   * Follows who is there: an event for each that is, `initialized`, and then who comes, changes
   * and goes. The member's name is `worker`, its data `payload`, its capacity `attempt`. Nothing
   * is missed, also not over a broken connection.
   */
  watch(): Promise<EventStream<RecipeEvent>> {
    const args = (): unknown[] => this.#args();
    return follow(this.#inbox, "group_watch", "group_ignore", args, (event) => event);
  }

  #args(): unknown[] {
    return [argument.text("path", this.#path)];
  }
}

/** The time in which this client is a member of a group. */
export class Membership extends Held {
  /** Fencing token: it grows with each that has this name. */
  readonly token: bigint;
  /** Its znode. */
  readonly path: string;

  /** @internal */
  constructor(inbox: Inbox, value: NativeValue) {
    super(inbox, value[1] as number, "group_leave");
    this.token = value[2] as bigint;
    this.path = value[3] as string;
  }

  /** Changes what others see of it; CLAIM_LOST when it is lost. */
  update(data: DataLike): Promise<void> {
    const args = (): unknown[] => [this.recipe, argument.bytes("data", data)];
    return this.inbox.recipe("group_update", args, record.done);
  }

  /** Leaves the group; resolves when nobody takes this client for a member. */
  leave(): Promise<void> {
    return this.release();
  }
}
