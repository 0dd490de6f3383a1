// What the public methods accept, checked before anything crosses into the native module: a wrong
// type becomes a PinfoldError (INVALID_ARGUMENT) and is never coerced or truncated.

import { PinfoldError } from "./error";
import type { NativeAcl } from "./native";
import type { Acl } from "./vocabulary";

/** What is stored can be given as text, which is stored as UTF-8, or as bytes. */
export type DataLike = string | Uint8Array;

const INT32_MIN = -0x8000_0000;
const INT32_MAX = 0x7fff_ffff;
const UINT32_MAX = 0xffff_ffff;
const SAFE = Number.MAX_SAFE_INTEGER;
const EMPTY = Buffer.alloc(0);

/** @internal */
export function invalid(message: string): PinfoldError {
  return new PinfoldError("INVALID_ARGUMENT", message);
}

/** @internal What a call rejects with whose time limit has passed. */
export function late(message: string): PinfoldError {
  return new PinfoldError("TIMEOUT", message);
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}

/** @internal A string that survives the way to UTF-8: a lone surrogate would be replaced. */
export function text(name: string, value: unknown): string {
  if (typeof value !== "string") {
    throw invalid(`${name} must be a string, not ${describe(value)}`);
  }
  if (!value.isWellFormed()) {
    throw invalid(`${name} is not well-formed Unicode: it holds a lone surrogate`);
  }
  return value;
}

/** @internal Text of which only the meaning counts: what is not well-formed is replaced. */
export function wellFormed(value: string): string {
  return value.toWellFormed();
}

/** @internal Data of a znode; left out means empty. */
export function data(name: string, value: unknown): Buffer | null {
  return value === null ? null : bytes(name, value);
}

/** @internal Bytes that cannot be null; left out means empty. */
export function bytes(name: string, value: unknown): Buffer {
  if (value === undefined) return EMPTY;
  if (typeof value === "string") return Buffer.from(text(name, value), "utf8");
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  throw invalid(`${name} must be a string or a Uint8Array, not ${describe(value)}`);
}

/** @internal A signed 32-bit number; a BigInt is refused rather than narrowed. */
export function int32(name: string, value: unknown): number {
  return integer(name, value, INT32_MIN, INT32_MAX);
}

/** @internal An unsigned 32-bit number. */
export function uint32(name: string, value: unknown): number {
  return integer(name, value, 0, UINT32_MAX);
}

/** @internal A signed 64-bit number: a BigInt, or a number that is exact. */
export function int64(name: string, value: unknown): bigint {
  const whole = typeof value === "bigint" ? value : BigInt(integer(name, value, -SAFE, SAFE));
  if (BigInt.asIntN(64, whole) === whole) return whole;
  throw invalid(`${name} must be from -2^63 to 2^63 - 1, not ${whole}`);
}

/** @internal A time to live; the native module knows its range. */
export function ttl(name: string, value: unknown): number {
  return integer(name, value, -SAFE, SAFE);
}

function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== "number") {
    throw invalid(`${name} must be a number, not ${describe(value)}`);
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(`${name} must be an integer from ${min} to ${max}, not ${value}`);
  }
  return value;
}

/** @internal The number of an enumeration's value. */
export function member(name: string, value: unknown, values: Record<string, number>): number {
  if (typeof value === "string" && Object.hasOwn(values, value)) return values[value] as number;
  const shown = typeof value === "string" ? JSON.stringify(value) : describe(value);
  throw invalid(`${name} must be one of ${Object.keys(values).join(", ")}, not ${shown}`);
}

/** @internal true or false. */
export function bool(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw invalid(`${name} must be a boolean, not ${describe(value)}`);
}

/** @internal A function, or undefined where it may be left out. */
export function listener<F>(name: string, value: F | undefined): F | undefined {
  if (value !== undefined && typeof value !== "function") {
    throw invalid(`${name} must be a function, not ${describe(value)}`);
  }
  return value;
}

/** @internal An options object, or undefined. */
export function options<T extends object>(name: string, value: T | undefined): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(`${name} must be an object, not ${describe(value)}`);
  }
  return value;
}

/** @internal A list. */
export function list(name: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${name} must be an array, not ${describe(value)}`);
  return value;
}

/** @internal A list of texts; left out means empty. */
export function texts(name: string, value: unknown): string[] {
  return value === undefined ? [] : list(name, value).map((one, at) => text(`${name}[${at}]`, one));
}

/** @internal A finite number. */
export function real(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw invalid(`${name} must be a finite number, not ${describe(value)}`);
}

/** @internal A value as JSON, in UTF-8. */
export function json(name: string, value: unknown): Buffer {
  const written = JSON.stringify(value) as string | undefined;
  if (written === undefined) throw invalid(`${name} has no form in JSON: ${describe(value)}`);
  return Buffer.from(written);
}

/** @internal An access control list, as the native module takes it. */
export function acl(name: string, value: readonly Acl[]): NativeAcl[] {
  return list(name, value).map((entry, index) => {
    const at = `${name}[${index}]`;
    const { perms, scheme, id } = options(at, entry as Acl);
    return [int32(`${at}.perms`, perms), text(`${at}.scheme`, scheme), text(`${at}.id`, id)];
  });
}
