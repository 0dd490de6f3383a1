import { ErrorCode, OUTCOME_NAMES, type ErrorName, type Outcome } from "./vocabulary";
import type { NativeError } from "./native";

/**
 * The one error class of this package.
 *
 * Every failed operation rejects with it, a misused argument included; no method throws
 * synchronously, apart from constructors.
 */
export class PinfoldError extends Error {
  override readonly name = "PinfoldError";
  /** ZooKeeper's number where it has one; Pinfold's own are -1000 and below. */
  readonly code: number;
  /** The stable name of `code`, as in `ErrorCode`: for example `"NO_NODE"`. */
  readonly codeName: ErrorName;
  /** The znode the error is about, or null. */
  readonly path: string | null;
  /** Whether the request may have changed the tree: what a caller branches on. */
  readonly outcome: Outcome;
  /** For a failed `multi`: the index of the operation that failed. Otherwise null. */
  readonly opIndex: number | null;

  constructor(
    codeName: ErrorName,
    message: string,
    details: {
      code?: number;
      path?: string | null;
      outcome?: Outcome;
      opIndex?: number | null;
    } = {},
  ) {
    super(message);
    this.code = details.code ?? ErrorCode[codeName];
    this.codeName = codeName;
    this.path = details.path ?? null;
    this.outcome = details.outcome ?? "not_applied";
    this.opIndex = details.opIndex ?? null;
  }

  /** @internal */
  static fromNative(error: NativeError): PinfoldError {
    const [code, name, message, path, outcome, opIndex] = error;
    return new PinfoldError(name as ErrorName, message, {
      code,
      path,
      outcome: OUTCOME_NAMES[outcome] as Outcome,
      opIndex,
    });
  }
}
