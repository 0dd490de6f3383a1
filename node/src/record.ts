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
  Identity,
  Leader,
  QueueCounts,
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
