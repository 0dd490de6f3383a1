import { acl, data, int32, list, member, options, text, ttl, type DataLike } from "./argument";
import { OPEN_ACL } from "./acl";
import type { PinfoldError } from "./error";
import { MultiKind, type NativeMultiOp, type NativeReadOp } from "./native";
import { CREATE_MODE_VALUES, type Acl, type CreateMode, type Stat } from "./vocabulary";

/** One operation of a `multi`. */
export type MultiOp =
  | {
      readonly op: "create";
      readonly path: string;
      readonly data?: DataLike | null;
      readonly mode?: CreateMode;
      readonly acl?: readonly Acl[];
      /** Time to live, milliseconds, 1 to 2^40 - 1, for the two modes that have one. */
      readonly ttlMs?: number;
    }
  | { readonly op: "delete"; readonly path: string; readonly version?: number }
  | {
      readonly op: "set";
      readonly path: string;
      readonly data: DataLike | null;
      readonly version?: number;
    }
  | { readonly op: "check"; readonly path: string; readonly version: number };

/** What an operation of a `multi` answered, at the same index. */
export type MultiResult =
  | { readonly op: "create"; readonly path: string; readonly stat: Stat }
  | { readonly op: "delete" }
  | { readonly op: "set"; readonly stat: Stat }
  | { readonly op: "check" };

const KINDS: Record<MultiOp["op"], number> = {
  create: MultiKind.Create,
  delete: MultiKind.Delete,
  set: MultiKind.Set,
  check: MultiKind.Check,
};

/** @internal */
export function multiOps(ops: readonly MultiOp[]): NativeMultiOp[] {
  return list("ops", ops).map((op, index) => multiOp(`ops[${index}]`, op as MultiOp));
}

function multiOp(at: string, op: MultiOp): NativeMultiOp {
  options(at, op);
  const kind: MultiKind = member(`${at}.op`, op.op, KINDS);
  const path = text(`${at}.path`, op.path);
  switch (op.op) {
    case "create": {
      const mode = member(`${at}.mode`, op.mode ?? "persistent", CREATE_MODE_VALUES);
      const list = acl(`${at}.acl`, op.acl ?? OPEN_ACL);
      const ttlMs = ttl(`${at}.ttlMs`, op.ttlMs ?? 0);
      return [kind, path, data(`${at}.data`, op.data), mode, list, ttlMs];
    }
    case "set":
      return [kind, path, data(`${at}.data`, op.data), version(at, op.version), [], 0];
    default:
      return [kind, path, null, version(at, op.version), [], 0];
  }
}

function version(at: string, value: number | undefined): number {
  return int32(`${at}.version`, value ?? -1);
}

/** One read of a `multiRead`. */
export interface ReadOp {
  /** `get` reads data and stat, `get_children` the names of the children. */
  readonly op: "get" | "get_children";
  readonly path: string;
}

/** What a read of a `multiRead` answered, at the same index; each fails by itself. */
export type ReadResult =
  | { readonly op: "get"; readonly data: Buffer | null; readonly stat: Stat }
  | { readonly op: "get_children"; readonly names: readonly string[] }
  | { readonly op: "error"; readonly error: PinfoldError };

const READS: Record<ReadOp["op"], number> = { get: 0, get_children: 1 };

/** @internal */
export function readOps(ops: readonly ReadOp[]): NativeReadOp[] {
  return list("ops", ops).map((op, index) => {
    const at = `ops[${index}]`;
    const { op: verb, path } = options(at, op as ReadOp);
    return [member(`${at}.op`, verb, READS) === READS.get_children, text(`${at}.path`, path)];
  });
}
