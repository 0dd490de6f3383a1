/**
 * Pinfold for Node: a ZooKeeper client, coordination recipes and an embedded server.
 */
export { CREATOR_ACL, OPEN_ACL, Perms, READ_ACL } from "./acl";
export type { DataLike } from "./argument";
export { Client, type ClientEvents, type CreateOptions } from "./client";
export { Leadership, LeaderElection } from "./election";
export { PinfoldError } from "./error";
export { Master, type MasterOptions } from "./master";
export type { MultiOp, MultiResult, ReadOp, ReadResult } from "./multi";
export { Claim, submit, TaskQueue } from "./queue";
export { Recipe, type RecipeEvents } from "./recipe";
export { Server } from "./server";
export { EventStream } from "./stream";
export {
  CreateMode,
  ErrorCode,
  EventKind,
  Outcome,
  RecipeEventKind,
  SessionState,
  TlsVerify,
  WatchMode,
  WatchType,
  type Acl,
  type AclResult,
  type Children,
  type ClientOptions,
  type Created,
  type Data,
  type ErrorName,
  type Identity,
  type Leader,
  type QueueCounts,
  type RecipeEvent,
  type ServerOptions,
  type Stat,
  type TaskResult,
  type WatchEvent,
} from "./vocabulary";
export { Watch, type WatchListener } from "./watch";
export {
  Worker,
  type Assignment,
  type TaskHandler,
  type WorkerOptions,
} from "./worker";
