import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, ErrorCode, LeaderElection, PinfoldError, TaskQueue, Worker } from "../index.mjs";
import { connect, failing, hosts, room } from "./session.mjs";

test("an error carries code, name, path and outcome", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const error = await client.get(`${at}/absent`).catch((caught) => caught);
  assert.ok(error instanceof PinfoldError);
  assert.ok(error instanceof Error);
  assert.equal(error.code, -101);
  assert.equal(error.code, ErrorCode.NO_NODE);
  assert.equal(error.codeName, "NO_NODE");
  assert.equal(error.path, `${at}/absent`);
  assert.equal(error.outcome, "not_applied");
  assert.equal(error.opIndex, null);
  assert.match(error.message, /absent/);
});

test("errors of the server", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const ephemeral = `${at}/e`;
  await client.create(ephemeral, "", { mode: "ephemeral" });
  await assert.rejects(client.create(at), failing("NODE_EXISTS"));
  await assert.rejects(client.delete(at), failing("NOT_EMPTY"));
  await assert.rejects(client.delete(ephemeral, 7), failing("BAD_VERSION"));
  await assert.rejects(client.set(ephemeral, "", 7), failing("BAD_VERSION"));
  await assert.rejects(client.create(`${at}/no/parent`), failing("NO_NODE"));
  await assert.rejects(client.create(`${ephemeral}/x`), failing("NO_CHILDREN_FOR_EPHEMERALS"));
  await assert.rejects(client.getChildren(`${at}/no`), failing("NO_NODE"));
  await assert.rejects(client.setAcl(at, [], -1), failing("INVALID_ACL"));
  const unknown = [{ perms: 31, scheme: "nonsense", id: "x" }];
  await assert.rejects(client.create(`${at}/x`, "", { acl: unknown }), failing("INVALID_ACL"));
});

test("illegal paths are refused with the path in the message", async (t) => {
  const client = await connect(t);
  for (const path of ["", "a", "/a/", "//a", "/a/../b", "/.", "/a\u0000b", "/a\u0001"]) {
    const error = await client.create(path).catch((caught) => caught);
    assert.equal(error.codeName, "BAD_ARGUMENTS", JSON.stringify(path));
    assert.equal(error.outcome, "not_applied");
  }
});

test("too much data is refused with its size and the limit", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const error = await client.set(at, Buffer.alloc(2_000_000)).catch((caught) => caught);
  assert.equal(error.codeName, "BAD_ARGUMENTS");
  assert.match(error.message, /20\d{5}.*\d{7}/);
  assert.equal((await client.get(at)).data.length, 0);
});

test("wrong types are refused: nothing is coerced, nothing is sent", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const refused = failing("INVALID_ARGUMENT", { outcome: "not_applied" });
  const calls = [
    () => client.get(),
    () => client.get(7),
    () => client.get(Buffer.from(at)),
    () => client.get("/lone-\ud800"),
    () => client.get(at, "not a function"),
    () => client.get(at, true),
    () => client.create(at, 7),
    () => client.create(at, {}),
    () => client.create(at, [1, 2]),
    () => client.create(at, "lone \udfff"),
    () => client.create(at, "", "ephemeral"),
    () => client.create(at, "", { mode: "eternal" }),
    () => client.create(at, "", { mode: 1 }),
    () => client.create(at, "", { mode: "toString" }),
    () => client.create(at, "", { acl: "world" }),
    () => client.create(at, "", { acl: [{ perms: "all", scheme: "world", id: "anyone" }] }),
    () => client.create(at, "", { acl: [null] }),
    () => client.set(at, "", "1"),
    () => client.set(at, "", 1n),
    () => client.set(at, "", 0.5),
    () => client.set(at, "", NaN),
    () => client.delete(at, 2 ** 31),
    () => client.delete(at, -(2n ** 63n)),
    () => client.multi(),
    () => client.multi("create"),
    () => client.multi([null]),
    () => client.multi([{ op: "get", path: at }]),
    () => client.multi([{ op: "create" }]),
    () => client.addAuth("digest", null),
    () => client.addWatch(at, "forever"),
    () => client.addWatch(at, "persistent", 5),
    () => client.removeWatches(7),
    () => client.removeWatches({ ticket: 1 }),
    () => new LeaderElection(client, null).campaign(),
    () => new TaskQueue(client, at).submit(null),
    () => new TaskQueue(client, at).claim(),
    () => Worker.start(client, at, { id: "w" }, null),
    () => Worker.start(client, at, { id: "w", capacity: -1 }, () => ""),
    () => Worker.start(client, at, undefined, () => ""),
    () => Client.connect(null),
    () => Client.connect(hosts, 5),
    () => Client.connect(hosts, { sessionTimeoutMs: "10" }),
    () => Client.connect(hosts, { sessionTimeoutMs: 10n }),
    () => Client.connect(hosts, { sessionTimeoutMs: 0 }),
    () => Client.connect(hosts, { inFlightLimit: 0 }),
    () => Client.connect(hosts, { readOnly: 1 }),
    () => Client.connect(hosts, { auth: "digest" }),
    () => Client.connect(hosts, { auth: [[7, "x"]] }),
  ];
  for (const call of calls) {
    let promise;
    assert.doesNotThrow(() => (promise = call()), String(call));
    await assert.rejects(promise, refused, String(call));
  }
  assert.equal((await client.exists(at)).version, 0);
});

test("hosts that cannot be used are refused", async () => {
  for (const bad of ["", "host:99999", "host:port", "127.0.0.1:1/a/"]) {
    const error = await Client.connect(bad).catch((caught) => caught);
    assert.match(error.codeName ?? "", /BAD_ARGUMENTS|INVALID_ARGUMENT/, bad);
  }
  assert.throws(() => Client.open(7), failing("INVALID_ARGUMENT"));
});

test("no server: NOT_CONNECTED after the time limit, and nothing stays open", async () => {
  const connecting = Client.connect("127.0.0.1:1", { connectTimeoutMs: 300 });
  await assert.rejects(connecting, failing("NOT_CONNECTED"));
});

test("the in-flight window refuses rather than grows", async (t) => {
  const client = await connect(t, { inFlightLimit: 8 });
  const at = await room(client);
  const calls = Array.from({ length: 100 }, () => client.exists(at));
  const settled = await Promise.allSettled(calls);
  const refused = settled.filter(({ status }) => status === "rejected");
  assert.ok(refused.length > 0);
  for (const { reason } of refused) assert.equal(reason.codeName, "IN_FLIGHT_FULL");
  assert.equal(settled[0].status, "fulfilled");
  assert.notEqual(await client.exists(at), null);
});
