import { EventEmitter } from "node:events";
import { OPEN_ACL } from "./acl";
import { Anchor } from "./anchor";
import * as argument from "./argument";
import type { DataLike } from "./argument";
import { PinfoldError } from "./error";
import { Inbox } from "./inbox";
import {
  multiOps,
  readOps,
  type MultiOp,
  type MultiResult,
  type ReadOp,
  type ReadResult,
} from "./multi";
import {
  native,
  type NativeClient,
  type NativeError,
  type NativeOptions,
  type NativeSecurity,
} from "./native";
import * as record from "./record";
import { EventStream } from "./stream";
import {
  CLIENT_DEFAULTS,
  CREATE_MODE_VALUES,
  TLS_VERIFY_VALUES,
  WATCH_MODE_VALUES,
  WATCH_TYPE_VALUES,
  type Acl,
  type AclResult,
  type Children,
  type ClientOptions,
  type CreateMode,
  type Created,
  type Data,
  type Identity,
  type SessionState,
  type Stat,
  type WatchMode,
  type WatchType,
} from "./vocabulary";
import { OneShot, Watch, type WatchListener } from "./watch";

/** How `create` makes a znode. */
export interface CreateOptions {
  /** Default: persistent. */
  readonly mode?: CreateMode | undefined;
  /** Default: `OPEN_ACL`. */
  readonly acl?: readonly Acl[] | undefined;
  /**
   * Time to live, milliseconds, 1 to 2^40 - 1, for the two modes that have one: the znode goes
   * when it has no children and its data have not been set for so long.
   */
  readonly ttlMs?: number | undefined;
}

/** Events of a client. */
export interface ClientEvents {
  /** Every change of the session's state, in the session's order. */
  state: [state: SessionState];
}

/**
 * One ZooKeeper session.
 *
 * A request takes its place in the session's order when its method is called, also when its
 * promise is not awaited: pipelined calls are answered in call order. Promises settle and
 * listeners run in the order in which the session saw replies and events, on the thread that made
 * the client; so a watch's event is seen before any reply that shows data newer than the event.
 * (An async wrapper around a call adds turns of its own and can be overtaken.)
 *
 * A client keeps the process alive until `close()`; see `unref()`. When the session expires every
 * call fails with SESSION_EXPIRED, and `renew()` opens another session.
 */
export class Client extends EventEmitter<ClientEvents> {
  /** @internal */
  readonly inbox: Inbox;
  readonly #anchor = new Anchor(this);
  readonly #closed: Promise<void>;
  readonly #states = new Set<EventStream<SessionState>>();
  readonly #connectTimeoutMs: number;
  #state: SessionState = "connecting";

  /** @internal Use `Client.connect` or `Client.open`. */
  constructor(
    open: (wake: () => void) => NativeClient | NativeError,
    connectTimeoutMs: number,
  ) {
    super();
    this.#connectTimeoutMs = connectTimeoutMs;
    let closed = (): void => {};
    this.#closed = new Promise((resolve) => (closed = resolve));
    try {
      this.inbox = new Inbox(open, (state) => this.#change(state), () => this.#end(closed));
    } catch (error) {
      this.#anchor.release();
      throw error;
    }
  }

  /**
   * Opens a session on `hosts` ("host:port,host:port/chroot") and returns at once: calls made
   * before it is connected wait for it. Throws for options that cannot be used.
   */
  static open(hosts: string, options?: ClientOptions): Client {
    const fields = optionFields(hosts, options);
    return new Client((wake) => native.open(fields, wake), fields[2]);
  }

  /**
   * Opens a session and resolves when it is connected. Rejects with NOT_CONNECTED when no server
   * answers within `connectTimeoutMs`, and then leaves nothing open.
   */
  static connect(hosts: string, options?: ClientOptions): Promise<Client> {
    return settled(() => Client.open(hosts, options).#connected());
  }

  /** The session's state, as last told by the event `state`. */
  get state(): SessionState {
    return this.#state;
  }

  /** The session's id; 0n before the first connection. */
  get sessionId(): bigint {
    return this.inbox.native.sessionId();
  }

  /** The session timeout that the server granted, in milliseconds. */
  get sessionTimeoutMs(): number {
    return this.inbox.native.sessionTimeoutMs();
  }

  /** The states to come, as an async iterator that ends when the client is closed. */
  states(): EventStream<SessionState> {
    const stream: EventStream<SessionState> = new EventStream(() => {
      this.#states.delete(stream);
      return Promise.resolve();
    });
    if (this.#state === "closed") stream.end();
    else this.#states.add(stream);
    return stream;
  }

  /** Creates a znode; resolves to its path, numbered if it is sequential, and its stat. */
  create(path: string, data?: DataLike | null, options?: CreateOptions): Promise<Created> {
    return this.inbox.call((to) => {
      const given = argument.options("options", options);
      const { mode = "persistent", acl = OPEN_ACL, ttlMs = 0 } = given;
      return to.create(
        argument.text("path", path),
        argument.data("data", data),
        argument.member("mode", mode, CREATE_MODE_VALUES),
        argument.acl("acl", acl),
        argument.ttl("ttlMs", ttlMs),
      );
    }, record.created);
  }

  /** Deletes a znode without children, if its version is `version`; -1 for any. */
  delete(path: string, version = -1): Promise<void> {
    return this.inbox.call(
      (to) => to.delete(argument.text("path", path), argument.int32("version", version)),
      record.done,
    );
  }

  /** The znode's stat, or null where there is none; a watch is armed in both cases. */
  exists(path: string, watch?: WatchListener): Promise<Stat | null> {
    return this.#read("exists", path, watch, record.exists);
  }

  /** The znode's data and stat. `watch` is called once, at the next change. */
  get(path: string, watch?: WatchListener): Promise<Data> {
    return this.#read("get", path, watch, record.data);
  }

  /** Sets the znode's data, if its version is `version`; -1 for any. */
  set(path: string, data: DataLike | null, version = -1): Promise<Stat> {
    return this.inbox.call(
      (to) =>
        to.set(
          argument.text("path", path),
          argument.data("data", data),
          argument.int32("version", version),
        ),
      record.stat,
    );
  }

  /** The names of the znode's children, and its stat. `watch` is called once. */
  getChildren(path: string, watch?: WatchListener): Promise<Children> {
    return this.#read("getChildren", path, watch, record.children);
  }

  /** The znode's access control list and stat. */
  getAcl(path: string): Promise<AclResult> {
    return this.inbox.call((to) => to.getAcl(argument.text("path", path)), record.acl);
  }

  /** Replaces the access control list, if its version (`aversion`) is `version`; -1 for any. */
  setAcl(path: string, acl: readonly Acl[], version = -1): Promise<Stat> {
    return this.inbox.call(
      (to) =>
        to.setAcl(
          argument.text("path", path),
          argument.acl("acl", acl),
          argument.int32("version", version),
        ),
      record.stat,
    );
  }

  /** Brings the connected server up to date: a read after it sees every earlier write. */
  sync(path: string): Promise<void> {
    return this.inbox.call((to) => to.sync(argument.text("path", path)), record.done);
  }

  /** Applies all operations or none. If it fails, the error's `opIndex` names the culprit. */
  multi(ops: readonly MultiOp[]): Promise<MultiResult[]> {
    return this.inbox.call((to) => to.multi(multiOps(ops)), record.multi);
  }

  /**
   * Reads the data or the children of several znodes with one request, from one state of the
   * tree. Each read succeeds or fails by itself, and tells so in its result.
   */
  multiRead(ops: readonly ReadOp[]): Promise<ReadResult[]> {
    return this.inbox.call((to) => to.multiRead(readOps(ops)), record.multiRead);
  }

  /**
   * The paths of this session's ephemeral znodes that begin with `prefix`, sorted. It is compared
   * as text: `/a` finds `/ab` too, and `/` finds all.
   */
  getEphemerals(prefix: string): Promise<string[]> {
    return this.inbox.call(
      (to) => to.getEphemerals(argument.text("prefix", prefix)),
      record.paths,
    );
  }

  /** How many znodes there are below the znode, at any depth. */
  getAllChildrenNumber(path: string): Promise<number> {
    return this.inbox.call(
      (to) => to.getAllChildrenNumber(argument.text("path", path)),
      record.count,
    );
  }

  /** Who the server takes this connection for, without secrets. */
  whoAmI(): Promise<Identity[]> {
    return this.inbox.call((to) => to.whoAmI(), record.identities);
  }

  /** Adds credentials to the session; they are given again at every reconnection. */
  addAuth(scheme: string, auth: DataLike): Promise<void> {
    return this.inbox.call(
      (to) => to.addAuth(argument.text("scheme", scheme), argument.bytes("auth", auth)),
      record.done,
    );
  }

  /**
   * Arms a watch that lasts until it is closed; the znode need not exist. Events go to `listener`
   * if there is one, otherwise iterate over the watch.
   */
  addWatch(
    path: string,
    mode: WatchMode = "persistent",
    listener?: WatchListener,
  ): Promise<Watch> {
    const watch = new Watch(this, path, mode);
    return this.inbox.call(
      (to) => {
        argument.listener("listener", listener);
        return to.addWatch(
          argument.text("path", path),
          argument.member("mode", mode, WATCH_MODE_VALUES),
        );
      },
      (_, ticket) => watch.armed(ticket),
      watch.sink(listener),
    );
  }

  /** Removes a watch, which delivers nothing more. NO_WATCHER if it has been removed before. */
  removeWatches(watch: Watch): Promise<void> {
    return this.inbox.call((to) => {
      if (!(watch instanceof Watch)) throw argument.invalid("watch must be a Watch");
      this.inbox.forget(watch.ticket);
      watch.end();
      return to.removeWatches(watch.ticket);
    }, record.done);
  }

  /**
   * Removes every watch of a type on the znode, whoever of this client armed it, the recipes
   * included. Each gets a last event that tells so, before this resolves; NO_WATCHER if there is
   * none.
   */
  removeAllWatches(path: string, watchType: WatchType = "any"): Promise<void> {
    return this.inbox.call(
      (to) =>
        to.removeAllWatches(
          argument.text("path", path),
          argument.member("watchType", watchType, WATCH_TYPE_VALUES),
        ),
      record.done,
    );
  }

  /** Asks the server whether it has a watch of a type on the znode; NO_WATCHER if not. */
  checkWatches(path: string, watchType: WatchType = "any"): Promise<void> {
    return this.inbox.call(
      (to) =>
        to.checkWatches(
          argument.text("path", path),
          argument.member("watchType", watchType, WATCH_TYPE_VALUES),
        ),
      record.done,
    );
  }

  /** Opens another session with the same options; resolves when it is connected. */
  renew(): Promise<Client> {
    return settled(() => {
      const open = (wake: () => void): NativeClient | NativeError =>
        this.inbox.native.renew(wake);
      return new Client(open, this.#connectTimeoutMs).#connected();
    });
  }

  /**
   * Ends the session: its ephemeral znodes go, every open call completes, every stream ends.
   * Resolves after all of that. Idempotent, and legal inside a listener.
   */
  close(): Promise<void> {
    this.inbox.native.close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Keeps the process alive while this client is open; so it is from the start. */
  ref(): this {
    this.#anchor.ref();
    return this;
  }

  /** Lets the process exit although this client is open. */
  unref(): this {
    this.#anchor.unref();
    return this;
  }

  #read<T>(
    verb: "exists" | "get" | "getChildren",
    path: string,
    watch: WatchListener | undefined,
    decode: (value: unknown[]) => T,
  ): Promise<T> {
    return this.inbox.call(
      (to) => {
        argument.listener("watch", watch);
        return to[verb](argument.text("path", path), watch !== undefined);
      },
      decode,
      watch && new OneShot(watch),
    );
  }

  #change(state: SessionState): void {
    this.#state = state;
    for (const stream of this.#states) stream.push(state);
    this.emit("state", state);
  }

  #end(closed: () => void): void {
    if (this.#state !== "closed") this.#change("closed");
    for (const stream of this.#states) stream.end();
    this.#states.clear();
    this.#anchor.release();
    closed();
  }

  /** Resolves at the first connection; closes the client if that does not come. */
  #connected(): Promise<this> {
    return new Promise((resolve, reject) => {
      const message = `no server answered within ${this.#connectTimeoutMs} ms`;
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.off("state", look);
        act();
      };
      const fail = (error: PinfoldError): void =>
        settle(() => {
          void this.close();
          reject(error);
        });
      const timer = setTimeout(
        () => fail(new PinfoldError("NOT_CONNECTED", message)),
        this.#connectTimeoutMs,
      );
      const look = (state: SessionState): void => {
        if (state === "connected" || state === "read_only") settle(() => resolve(this));
        if (state === "auth_failed") fail(over("AUTH_FAILED", "the credentials were refused"));
        if (state === "expired") fail(over("SESSION_EXPIRED", "the session has expired"));
        if (state === "closed") fail(new PinfoldError("NOT_CONNECTED", message));
      };
      this.on("state", look);
    });
  }
}

function over(codeName: "AUTH_FAILED" | "SESSION_EXPIRED", message: string): PinfoldError {
  return new PinfoldError(codeName, message, { outcome: "session_over" });
}

function optionFields(hosts: string, options: ClientOptions | undefined): NativeOptions {
  const given = { ...CLIENT_DEFAULTS, ...defined(argument.options("options", options)) };
  const auth = argument.list("auth", given.auth).map((pair, index): [string, Buffer] => {
    const [scheme, secret] = argument.list(`auth[${index}]`, pair);
    const at = `auth[${index}]`;
    return [argument.text(`${at} scheme`, scheme), argument.bytes(`${at} secret`, secret)];
  });
  return [
    argument.text("hosts", hosts),
    argument.uint32("sessionTimeoutMs", given.sessionTimeoutMs),
    argument.uint32("connectTimeoutMs", given.connectTimeoutMs),
    auth,
    argument.bool("readOnly", given.readOnly),
    argument.uint32("inFlightLimit", given.inFlightLimit),
    security(given),
  ];
}

function security(given: ClientOptions): NativeSecurity {
  const text = (name: keyof ClientOptions): string | null => {
    const value = given[name] ?? null;
    return value === null ? null : argument.text(name, value);
  };
  const verify = given.tlsVerify ?? null;
  return [
    text("tlsCaFile"),
    text("tlsCertFile"),
    text("tlsKeyFile"),
    text("tlsStorePassword"),
    text("tlsServerName"),
    text("saslUser"),
    text("saslPassword"),
    verify === null ? null : argument.member("tlsVerify", verify, TLS_VERIFY_VALUES),
  ];
}

/** Without the keys whose value is undefined, which would hide a default. */
function defined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** What `act` throws becomes a rejection. */
function settled<T>(act: () => Promise<T>): Promise<T> {
  return new Promise((resolve) => resolve(act()));
}
