import { acl, data, int32, list, member, options, text, type DataLike } from "./argument";
import { OPEN_ACL } from "./acl";
import { MultiKind, type NativeMultiOp } from "./native";
import { CREATE_MODE_VALUES, type Acl, type CreateMode, type Stat } from "./vocabulary";

/** One operation of a `multi`. */
export type MultiOp =
  | {
      readonly op: "create";
      readonly path: string;
      readonly data?: DataLike | null;
      readonly mode?: CreateMode;
      readonly acl?: readonly Acl[];
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
      return [kind, path, data(`${at}.data`, op.data), mode, list];
    }
    case "set":
      return [kind, path, data(`${at}.data`, op.data), version(at, op.version), []];
    default:
      return [kind, path, null, version(at, op.version), []];
  }
}

function version(at: string, value: number | undefined): number {
  return int32(`${at}.version`, value ?? -1);
}
