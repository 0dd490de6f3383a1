// How the native module's arrays become the records of the vocabulary, one function a value.

import { PinfoldError } from "./error";
import {
  MultiKind,
  ReadKind,
  type NativeAcl,
  type NativeError,
  type NativeStat,
  type NativeValue,
} from "./native";
import type {
  Acl,
  AclResult,
  Children,
  Created,
  Data,
  DeadLetter,
  Identity,
  Leader,
  Member,
  QueueCounts,
  QueueMetrics,
  Stat,
  TaskResult,
} from "./vocabulary";
import type { MultiResult, ReadResult } from "./multi";

// Every value begins with its kind, at index 0.

/** @internal */
export function done(): void {}

/** @internal */
export function stat(value: NativeValue): Stat {
  return statOf(value[1] as NativeStat);
}

/** @internal */
export function exists(value: NativeValue): Stat | null {
  return value[1] === null ? null : stat(value);
}

/** @internal */
export function created(value: NativeValue): Created {
  return { path: value[1] as string, stat: statOf(value[2] as NativeStat) };
}

/** @internal */
export function data(value: NativeValue): Data {
  return { data: value[1] as Buffer | null, stat: statOf(value[2] as NativeStat) };
}

/** @internal */
export function children(value: NativeValue): Children {
  return { names: value[1] as string[], stat: statOf(value[2] as NativeStat) };
}

/** @internal */
export function acl(value: NativeValue): AclResult {
  const entries = value[1] as NativeAcl[];
  const list: Acl[] = entries.map(([perms, scheme, id]) => ({ perms, scheme, id }));
  return { acl: list, stat: statOf(value[2] as NativeStat) };
}

/** @internal */
export function multi(value: NativeValue): MultiResult[] {
  return (value[1] as unknown[][]).map((result): MultiResult => {
    switch (result[0] as MultiKind) {
      case MultiKind.Create:
        return { op: "create", ...created(result) };
      case MultiKind.Delete:
        return { op: "delete" };
      case MultiKind.Set:
        return { op: "set", stat: stat(result) };
      case MultiKind.Check:
        return { op: "check" };
    }
  });
}

/** @internal */
export function multiRead(value: NativeValue): ReadResult[] {
  return (value[1] as unknown[][]).map((result): ReadResult => {
    switch (result[0] as ReadKind) {
      case ReadKind.Data:
        return { op: "get", ...data(result) };
      case ReadKind.Children:
        return { op: "get_children", names: result[1] as string[] };
      case ReadKind.Failure:
        return { op: "error", error: PinfoldError.fromNative(result[1] as NativeError) };
    }
  });
}

/** @internal */
export function paths(value: NativeValue): string[] {
  return value[1] as string[];
}

/** @internal */
export function count(value: NativeValue): number {
  return value[1] as number;
}

/** @internal A 64-bit number. */
export function number(value: NativeValue): bigint {
  return value[1] as bigint;
}

/** @internal */
export function truth(value: NativeValue): boolean {
  return value[1] as boolean;
}

/** @internal */
export function members(value: NativeValue): Member[] {
  const rows = value[1] as [number, string, Buffer, number, bigint][];
  return rows.map(([, id, data, capacity, token]) => ({ id, data, capacity, token }));
}

/** @internal */
export function cached(value: NativeValue): Data | null {
  return value[1] === null ? null : data(value);
}

/** @internal */
export function identities(value: NativeValue): Identity[] {
  return (value[1] as [string, string][]).map(([scheme, user]) => ({ scheme, user }));
}

/** @internal */
export function leader(value: NativeValue): Leader | null {
  if (value[1] === null) return null;
  return { data: value[1] as Buffer, token: value[2] as bigint };
}

/** @internal */
export function task(value: NativeValue): string {
  return value[1] as string;
}

/** @internal */
export function taskResult(value: NativeValue): TaskResult {
  return {
    task: value[1] as string,
    attempt: value[2] as number,
    worker: value[3] as string,
    result: value[4] as Buffer,
  };
}

/** @internal */
export function counts(value: NativeValue): QueueCounts {
  const [, waiting, assigned, finished, dead, workers] = value as number[];
  return { waiting, assigned, done: finished, dead, workers, master: value[6] } as QueueCounts;
}

/** @internal */
export function metrics(value: NativeValue): QueueMetrics {
  const figures = METRICS.map((name, at) => [name, value[at + 1]]);
  return Object.fromEntries(figures) as unknown as QueueMetrics;
}

/** In the order of the record `queue_metrics`. */
const METRICS: readonly (keyof QueueMetrics)[] = [
  "waiting",
  "assigned",
  "done",
  "dead",
  "workers",
  "isPaused",
  "oldestWaitingMs",
  "waitedCount",
  "waitedMeanMs",
  "waitedMedianMs",
  "waitedP95Ms",
  "waitedMaxMs",
  "workedCount",
  "workedMeanMs",
  "workedMedianMs",
  "workedP95Ms",
  "workedMaxMs",
];

/** @internal */
export function deadLetters(value: NativeValue): DeadLetter[] {
  return (value[1] as unknown[][]).map(
    ([, task, attempt, worker, cause, reason, endedMs, payload]) =>
      ({ task, attempt, worker, cause, reason, endedMs, payload }) as DeadLetter,
  );
}

function statOf(fields: NativeStat): Stat {
  return {
    czxid: fields[0],
    mzxid: fields[1],
    ctime: fields[2],
    mtime: fields[3],
    version: fields[4],
    cversion: fields[5],
    aversion: fields[6],
    ephemeralOwner: fields[7],
    dataLength: fields[8],
    numChildren: fields[9],
    pzxid: fields[10],
  };
}
