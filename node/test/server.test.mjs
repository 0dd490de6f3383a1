import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { Client, Server } from "../index.mjs";
import { failing } from "./session.mjs";

async function folder(t) {
  const path = await mkdtemp("/tmp/pinfold-node-");
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("it serves on a port of its own and stops, twice without harm", async () => {
  const server = await Server.start();
  assert.match(server.address, /^127\.0\.0\.1:\d+$/);
  const client = await Client.connect(server.address);
  await client.create("/x", "y");
  await client.close();
  await server.stop();
  await server.stop();
  await server[Symbol.asyncDispose]();
  const late = Client.connect(server.address, { connectTimeoutMs: 200 });
  await assert.rejects(late, failing("NOT_CONNECTED"));
});

test("two servers are two trees", async (t) => {
  const servers = [await Server.start(), await Server.start()];
  t.after(() => Promise.all(servers.map((server) => server.stop())));
  const clients = await Promise.all(servers.map(({ address }) => Client.connect(address)));
  t.after(() => Promise.all(clients.map((client) => client.close())));
  await clients[0].create("/only-here");
  assert.equal(await clients[1].exists("/only-here"), null);
});

test("with a data directory, what was written is there after a restart", async (t) => {
  const dataDir = await folder(t);
  for (const round of [0, 1, 2]) {
    const server = await Server.start({ dataDir });
    const client = await Client.connect(server.address);
    assert.equal((await client.getChildren("/")).names.includes(`round-${round - 1}`), round > 0);
    await client.create(`/round-${round}`);
    await client.close();
    await server.stop();
  }
  assert.ok(existsSync(dataDir));
});

test("a server of which only the address is kept goes on serving", async (t) => {
  const stopped = [];
  const address = await (async () => {
    const server = await Server.start();
    const kept = new WeakRef(server);
    stopped.push(() => kept.deref().stop());
    return server.address;
  })();
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
  }
  t.after(() => stopped[0]());
  const client = await Client.connect(address);
  assert.notEqual(await client.exists("/"), null);
  await client.close();
});

test("what cannot be used is an error that says which", async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const taken = await Server.start({ listen: server.address }).catch((error) => error);
  assert.equal(taken.codeName, "SERVER");
  assert.ok(taken.message.includes(server.address), taken.message);

  const file = `${await folder(t)}/file`;
  await writeFile(file, "mine");
  const foreign = await Server.start({ dataDir: file }).catch((error) => error);
  assert.equal(foreign.codeName, "SERVER");
  assert.ok(foreign.message.includes(file), foreign.message);

  await assert.rejects(Server.start({ tickTimeMs: "2000" }), failing("INVALID_ARGUMENT"));
  await assert.rejects(Server.start({ listen: 7 }), failing("INVALID_ARGUMENT"));
  await assert.rejects(Server.start(7), failing("INVALID_ARGUMENT"));
});

test("starting and stopping leave the event loop running", async () => {
  let turns = 0;
  let going = true;
  const turn = () => {
    turns += 1;
    if (going) setImmediate(turn);
  };
  turn();
  const server = await Server.start();
  const atStart = turns;
  await server.stop();
  going = false;
  assert.ok(atStart > 1, "no turn while it started");
  assert.ok(turns > atStart, "no turn while it stopped");
});
