import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, room } from "./session.mjs";

test("10,000 pipelined calls: every event comes before the reply that follows it", async (t) => {
  const client = await connect(t, { sessionTimeoutMs: 30_000 });
  const at = await room(client);
  const seen = [];
  const calls = [];
  for (let round = 0; round < 5_000; round += 1) {
    const event = ({ kind }) => seen.push(`event ${round} ${kind}`);
    calls.push(client.get(at, event).then(() => seen.push(`get ${round}`)));
    calls.push(client.set(at, String(round)).then(() => seen.push(`set ${round}`)));
  }
  await Promise.all(calls);
  const wanted = [];
  for (let round = 0; round < 5_000; round += 1) {
    wanted.push(`get ${round}`, `event ${round} data_changed`, `set ${round}`);
  }
  assert.deepEqual(seen, wanted);
});

test("the same for code that awaits: its continuation and callbacks interleave", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const seen = [];
  const rounds = 1_000;
  const reader = async (round) => {
    await client.get(at, () => seen.push(`event ${round}`));
    seen.push(`get ${round}`);
  };
  const writer = async (round) => {
    await client.set(at, String(round));
    seen.push(`set ${round}`);
  };
  const running = [];
  for (let round = 0; round < rounds; round += 1) running.push(reader(round), writer(round));
  await Promise.all(running);
  const wanted = Array.from({ length: rounds }, (_, round) => [
    `get ${round}`,
    `event ${round}`,
    `set ${round}`,
  ]);
  assert.deepEqual(seen, wanted.flat());
});

test("a request takes its place when it is called, awaited or not", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const mode = "persistent_sequential";
  const create = (_, n) => client.create(`${at}/s-`, `${n}`, { mode });
  const created = await Promise.all(Array.from({ length: 3_000 }, create));
  const numbers = created.map(({ path }) => Number(path.slice(-10)));
  assert.deepEqual(
    numbers,
    Array.from({ length: 3_000 }, (_, n) => n),
  );
  const first = await client.get(created[17].path);
  assert.equal(first.data.toString(), "17");
});

test("a lasting watch sees another session's writes before a reply that shows them", async (t) => {
  const reader = await connect(t);
  const writer = await connect(t);
  const at = await room(reader);
  let told = 0;
  await reader.addWatch(at, "persistent", () => (told += 1));
  const writes = [];
  for (let n = 0; n < 500; n += 1) writes.push(writer.set(at, String(n)));
  let version = 0;
  while (version < 500) {
    version = (await reader.exists(at)).version;
    assert.ok(told >= version, `version ${version} was seen after ${told} events`);
  }
  await Promise.all(writes);
  assert.equal(told, 500);
});

test("state events are in order too: connected before the first reply", async (t) => {
  const { Client } = await import("../index.mjs");
  const { hosts } = await import("./session.mjs");
  const client = Client.open(hosts);
  t.after(() => client.close());
  const seen = [];
  client.on("state", (state) => seen.push(state));
  await client.exists("/").then(() => seen.push("reply"));
  assert.deepEqual(seen.slice(-2), ["connected", "reply"]);
});
