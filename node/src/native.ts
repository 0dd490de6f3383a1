// The private face of the native module: conversion only. It takes positional arguments and
// answers arrays, because arrays are cheaper to build from native code than objects. Enumerations
// are their numbers, ids of tickets and recipes are plain numbers (they count from 1).

/** @internal [code, name, message, path, outcome, op_index] */
export type NativeError = [number, string, string, string | null, number, number | null];

/** @internal In the order of the record `stat`. */
export type NativeStat = [
  bigint, bigint, bigint, bigint, number, number, number, bigint, number, number, bigint,
];

/** @internal [perms, scheme, id] */
export type NativeAcl = [number, string, string];

/** @internal [kind, path, data, mode or version, acl, ttl]; kinds as in `MultiKind`. */
export type NativeMultiOp = [number, string, Buffer | null, number, NativeAcl[], number];

/** @internal [whether the children, else the data; path] */
export type NativeReadOp = [boolean, string];

/** @internal Kinds of multi operations and of their results. */
export const enum MultiKind {
  Create = 0,
  Delete = 1,
  Set = 2,
  Check = 3,
}

/** @internal Kinds of results of a multi read. */
export const enum ReadKind {
  Data = 0,
  Children = 1,
  Failure = 2,
}

/** @internal What a value begins with; the rest depends on it. */
export const enum ValueKind {
  Done = 0,
  Created = 1,
  Exists = 2,
  Data = 3,
  Stat = 4,
  Children = 5,
  Acl = 6,
  Multi = 7,
  Record = 8,
  Records = 9,
  Task = 10,
  Recipe = 11,
  Number = 12,
  Truth = 13,
  MultiRead = 15,
  Paths = 16,
  Count = 17,
  Identities = 18,
}

/** @internal What an item of the inbox begins with. */
export const enum ItemKind {
  /** ticket, value */
  Reply = 0,
  /** ticket, error */
  Failure = 1,
  /** watch, event kind, path, zxid */
  Watch = 2,
  /** state */
  State = 3,
  /** recipe, event kind, task, worker, payload, attempt, token, reason, path */
  Recipe = 4,
  Closed = 5,
}

/** @internal A ticket, or why there is none. */
export type Submitted = number | NativeError;

/** @internal A value: its kind, then its fields. */
export type NativeValue = unknown[];

/** @internal An item: its kind, then its fields. */
export type NativeItem = unknown[];

/** @internal */
export interface NativeClient {
  drain(max: number): NativeItem[];
  close(): void;
  /** Lets go of the waker; after the last item. */
  release(): void;
  sessionId(): bigint;
  sessionTimeoutMs(): number;
  renew(wake: () => void): NativeClient | NativeError;

  create(
    path: string,
    data: Buffer | null,
    mode: number,
    acl: NativeAcl[],
    ttlMs: number,
  ): Submitted;
  delete(path: string, version: number): Submitted;
  exists(path: string, watch: boolean): Submitted;
  get(path: string, watch: boolean): Submitted;
  set(path: string, data: Buffer | null, version: number): Submitted;
  getChildren(path: string, watch: boolean): Submitted;
  getAcl(path: string): Submitted;
  setAcl(path: string, acl: NativeAcl[], version: number): Submitted;
  sync(path: string): Submitted;
  multi(ops: NativeMultiOp[]): Submitted;
  multiRead(ops: NativeReadOp[]): Submitted;
  getEphemerals(prefix: string): Submitted;
  getAllChildrenNumber(path: string): Submitted;
  whoAmI(): Submitted;
  addAuth(scheme: string, auth: Buffer): Submitted;
  addWatch(path: string, mode: number): Submitted;
  removeWatches(watch: number): Submitted;
  removeAllWatches(path: string, watchType: number): Submitted;
  checkWatches(path: string, watchType: number): Submitted;

  /** The operation `name` of a recipe; undefined stands for an argument's default. */
  recipe(name: string, args: unknown[]): Submitted;
  /** Gives an operation of a recipe up; whether there was one under way. */
  cancel(ticket: number): boolean;
}

type Text = string | null;

/** @internal [CA, certificate, key, store password, server name, user, password, verify] */
export type NativeSecurity = [Text, Text, Text, Text, Text, Text, Text, number | null];

/** @internal [hosts, session timeout, connect timeout, auth, read only, in-flight limit, safety] */
export type NativeOptions = [
  string, number, number, [string, Buffer][], boolean, number, NativeSecurity,
];

/** @internal */
export interface NativeServer {
  address(): string;
  stop(): Promise<NativeError | null>;
}

interface NativeModule {
  open(options: NativeOptions, wake: () => void): NativeClient | NativeError;
  startServer(
    listen: string | null,
    dataDir: string | null,
    tickTimeMs: number,
    properties: [string, string][],
  ): Promise<NativeServer | NativeError>;
  api(): string;
}

function load(): NativeModule {
  const name = `pinfold.${process.platform}-${process.arch}.node`;
  try {
    return require(`../native/${name}`) as NativeModule;
  } catch (cause) {
    throw new Error(
      `pinfold: the native module native/${name} cannot be loaded; this package was not built ` +
        `for ${process.platform} ${process.arch}, or not built at all`,
      { cause },
    );
  }
}

/** @internal */
export const native = load();
