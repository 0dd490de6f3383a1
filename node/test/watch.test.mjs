import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, failing, room } from "./session.mjs";

test("one-shot watches of get, exists and getChildren fire once", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const seen = [];
  const watch = ({ kind, path }) => seen.push(`${kind} ${path.slice(at.length)}`);
  await client.exists(`${at}/a`, watch);
  await client.getChildren(at, watch);
  await client.create(`${at}/a`);
  await client.get(`${at}/a`, watch);
  await client.set(`${at}/a`, "1");
  await client.set(`${at}/a`, "2");
  await client.exists(`${at}/a`, watch);
  await client.delete(`${at}/a`);
  assert.deepEqual(seen.slice(0, 2).sort(), ["children_changed ", "created /a"]);
  assert.deepEqual(seen.slice(2), ["data_changed /a", "deleted /a"]);
});

test("an operation that fails arms no watch", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const seen = [];
  await assert.rejects(
    client.get(`${at}/a`, (event) => seen.push(event)),
    failing("NO_NODE"),
  );
  await client.create(`${at}/a`);
  await client.sync(at);
  assert.deepEqual(seen, []);
});

test("an event carries kind, path and zxid", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const event = await new Promise((resolve) => {
    void client.get(at, resolve);
    void client.set(at, "x");
  });
  assert.equal(event.kind, "data_changed");
  assert.equal(event.path, at);
  assert.equal(typeof event.zxid, "bigint");
});

test("a lasting watch is an async iterator; leaving the loop removes it", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const watch = await client.addWatch(at, "persistent_recursive");
  assert.equal(watch.path, at);
  assert.equal(watch.mode, "persistent_recursive");
  await client.create(`${at}/a`);
  await client.set(`${at}/a`, "1");
  await client.delete(`${at}/a`);
  const seen = [];
  for await (const { kind, path } of watch) {
    seen.push(`${kind} ${path.slice(at.length)}`);
    if (kind === "deleted") break;
  }
  assert.deepEqual(seen, ["created /a", "data_changed /a", "deleted /a"]);
  await client.create(`${at}/b`);
  assert.deepEqual(await watch.next(), { done: true, value: undefined });
  await assert.rejects(client.removeWatches(watch), failing("NO_WATCHER"));
  await watch.close();
});

test("two watches on one znode are two registrations", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const [one, two] = [[], []];
  const first = await client.addWatch(at, "persistent", () => one.push(1));
  await client.addWatch(at, "persistent", () => two.push(1));
  await client.set(at, "1");
  await client.removeWatches(first);
  await client.set(at, "2");
  assert.deepEqual([one.length, two.length], [1, 2]);
});

test("an event that is waited for arrives; close ends a waiting iterator", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const watch = await client.addWatch(at);
  const next = watch.next();
  await client.set(at, "x");
  assert.equal((await next).value.kind, "data_changed");
  const last = watch.next();
  await watch[Symbol.asyncDispose]();
  assert.equal((await last).done, true);
});

test("closing the client ends its watches", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const watch = await client.addWatch(at);
  const seen = [];
  const reading = (async () => {
    for await (const event of watch) seen.push(event.kind);
  })();
  await client.set(at, "x");
  await client.close();
  await reading;
  assert.deepEqual(seen, ["data_changed"]);
  await watch.close();
});

test("a listener that throws disturbs nothing but itself", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const thrown = new Promise((resolve) => {
    process.setUncaughtExceptionCaptureCallback((error) => {
      process.setUncaughtExceptionCaptureCallback(null);
      resolve(error);
    });
  });
  await client.get(at, () => {
    throw new Error("mine");
  });
  const stat = await client.set(at, "x");
  assert.equal(stat.version, 1);
  assert.equal((await thrown).message, "mine");
  assert.notEqual(await client.exists(at), null);
});
