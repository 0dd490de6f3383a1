import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import * as module from "../index.mjs";

const require = createRequire(import.meta.url);
const vocabulary = require("../dist/vocabulary.js");
const { native } = require("../dist/native.js");
const api = JSON.parse(native.api());

const camel = (name) => name.replace(/_[a-z]/g, (part) => part[1].toUpperCase());

test("the module was built with the table that the package was generated from", () => {
  assert.equal(api.version, vocabulary.API_VERSION);
  const codes = api.errors.map(({ name, code }) => [name, code]);
  assert.deepEqual(Object.fromEntries(codes), vocabulary.ErrorCode);
  for (const { name, variants } of api.enums) {
    const values = variants.map((variant) => [variant.name, variant.value]);
    assert.deepEqual(
      Object.fromEntries(values),
      vocabulary[`${name.toUpperCase()}_VALUES`],
      `run cargo x gen, then build again: the enumeration ${name} differs`,
    );
  }
  const all = [...api.operations, ...api.recipes.flatMap(({ operations }) => operations)];
  const operations = all.map(({ name, args }) => [name, args.map((arg) => arg.name)]);
  assert.deepEqual(Object.fromEntries(operations), vocabulary.OPERATIONS);
});

test("every operation of the session is a method of Client", () => {
  for (const { name } of api.operations) {
    assert.equal(typeof module.Client.prototype[camel(name)], "function", name);
  }
});

test("both module systems export the same things", () => {
  const script = require("../dist/index.js");
  assert.deepEqual(Object.keys(module).sort(), Object.keys(script).sort());
  for (const name of Object.keys(script)) assert.equal(module[name], script[name], name);
});
