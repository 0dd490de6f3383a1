import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Server } from "../index.mjs";
import { connect, failing, hosts, room } from "./session.mjs";

test("a session has an id, a negotiated timeout and a state", async (t) => {
  const client = await connect(t, { sessionTimeoutMs: 12_000 });
  assert.equal(client.state, "connected");
  assert.equal(typeof client.sessionId, "bigint");
  assert.notEqual(client.sessionId, 0n);
  assert.equal(client.sessionTimeoutMs, 12_000);
});

test("calls may be made before the session is connected", async (t) => {
  const client = Client.open(hosts);
  t.after(() => client.close());
  assert.notEqual(await client.exists("/"), null);
});

test("close completes every call, ends the states, and says closed last", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const states = client.states();
  const seen = [];
  client.on("state", (state) => seen.push(state));
  const set = (_, n) => client.set(at, `${n}`).then(() => seen.push(n));
  const calls = Array.from({ length: 100 }, set);
  await client.close();
  await Promise.all(calls);
  assert.equal(client.state, "closed");
  assert.equal(seen.at(-1), "closed");
  assert.equal(seen.filter((entry) => entry === "closed").length, 1);
  const told = [];
  for await (const state of states) told.push(state);
  assert.deepEqual(told, ["closed"]);
  assert.deepEqual(await client.states().next(), { done: true, value: undefined });
});

test("close is idempotent, and legal inside a listener", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const closed = new Promise((resolve) => {
    void client.get(at, () => resolve(client.close()));
  });
  await client.set(at, "x");
  await closed;
  await client.close();
  await client[Symbol.asyncDispose]();
});

test("after close every call is refused", async (t) => {
  const client = await connect(t);
  await client.close();
  const refused = failing("CLOSED", { code: -1000, outcome: "not_applied" });
  await assert.rejects(client.get("/"), refused);
  await assert.rejects(client.create("/x"), refused);
  await assert.rejects(client.multi([]), refused);
  await assert.rejects(client.addWatch("/"), refused);
});

test("renew opens another session with the same options", async (t) => {
  const client = await connect(t, { sessionTimeoutMs: 11_000 });
  const renewed = await client.renew();
  t.after(() => renewed.close());
  assert.notEqual(renewed.sessionId, client.sessionId);
  assert.equal(renewed.sessionTimeoutMs, 11_000);
  assert.notEqual(await renewed.exists("/"), null);
});

test("a restarted server: suspended, then connected, with the same session", async (t) => {
  const { mkdtemp, rm } = await import("node:fs/promises");
  const dataDir = await mkdtemp("/tmp/pinfold-node-");
  t.after(() => rm(dataDir, { recursive: true }));
  const before = await Server.start({ dataDir });
  const client = await Client.connect(before.address, { sessionTimeoutMs: 20_000 });
  t.after(() => client.close());
  const { sessionId } = client;
  const fired = new Promise((resolve) => void client.exists("/later", resolve));
  await client.create("/kept", "x", { mode: "ephemeral" });
  const states = client.states();
  await before.stop();
  assert.equal((await states.next()).value, "suspended");
  const after = await Server.start({ dataDir, listen: before.address });
  t.after(() => after.stop());
  let state = "suspended";
  while (state !== "connected") state = (await states.next()).value;
  assert.equal(client.sessionId, sessionId);
  assert.equal((await client.exists("/kept")).ephemeralOwner, sessionId);
  await client.create("/later");
  assert.equal((await fired).kind, "created");
});
