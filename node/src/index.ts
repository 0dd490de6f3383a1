/**
 * Pinfold for Node: a ZooKeeper client, coordination recipes and an embedded server.
 */
export { CREATOR_ACL, OPEN_ACL, Perms, READ_ACL } from "./acl";
export type { DataLike } from "./argument";
export { Barrier, DoubleBarrier, Round, type WaitOptions } from "./barrier";
export { TreeCache, type CacheOptions } from "./cache";
export { Client, type ClientEvents, type CreateOptions } from "./client";
export { Counter, type Int64Like } from "./counter";
export { Leadership, LeaderElection, type ElectionOptions } from "./election";
export { PinfoldError } from "./error";
export { Group, Membership, type JoinOptions } from "./group";
export { Held } from "./held";
export { Hold, type AcquireOptions, type TimedOptions } from "./hold";
export { Lock, ReadWriteLock, Semaphore, type LockOptions } from "./lock";
export { Master, type MasterOptions } from "./master";
export type { MultiOp, MultiResult, ReadOp, ReadResult } from "./multi";
export {
  Claim,
  submit,
  TaskQueue,
  type ClaimOptions,
  type DeadLetterOptions,
  type FailOptions,
} from "./queue";
export { Recipe, type RecipeEvents } from "./recipe";
export { Server } from "./server";
export { EventStream } from "./stream";
export {
  AssignmentStrategy,
  CreateMode,
  ElectionLayout,
  ErrorCode,
  EventKind,
  LockLayout,
  LockMode,
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
  type DeadLetter,
  type ErrorName,
  type Identity,
  type Leader,
  type Member,
  type Participant,
  type QueueCounts,
  type QueueMetrics,
  type RecipeEvent,
  type ServerOptions,
  type Stat,
  type SubmitOptions,
  type TaskResult,
  type WatchEvent,
} from "./vocabulary";
export { Watch, type WatchListener } from "./watch";
export {
  FatalError,
  Worker,
  type Assignment,
  type TaskHandler,
  type WorkerOptions,
} from "./worker";
