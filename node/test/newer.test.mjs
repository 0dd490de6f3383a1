// The operations that came to ZooKeeper with 3.5 and later.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Client, Server } from "../index.mjs";
import { failing } from "./session.mjs";

const server = await Server.start({ properties: { extendedTypesEnabled: "true" } });
after(() => server.stop());

async function connect(t) {
  const client = await Client.connect(server.address);
  t.after(() => client.close());
  return client;
}

test("containers and times to live", async (t) => {
  const client = await connect(t);
  await client.create("/c", "", { mode: "container" });
  const ttl = { mode: "persistent_with_ttl", ttlMs: 3_600_000 };
  const { stat } = await client.create("/t", "1", ttl);
  assert.equal(stat.ephemeralOwner, 0n);
  const mode = "persistent_sequential_with_ttl";
  const ops = [{ op: "create", path: "/c/s-", mode, ttlMs: 2 ** 40 - 1 }];
  const [made] = await client.multi(ops);
  assert.equal(made.path, "/c/s-0000000000");
  const refused = failing("BAD_ARGUMENTS", { path: "/x" });
  await assert.rejects(client.create("/x", "", { mode: ttl.mode }), refused);
  await assert.rejects(client.create("/x", "", { ...ttl, ttlMs: 2 ** 40 }), refused);
  await assert.rejects(client.create("/x", "", { ttlMs: 1 }), refused);
  const invalid = failing("INVALID_ARGUMENT");
  await assert.rejects(client.create("/x", "", { ...ttl, ttlMs: 1.5 }), invalid);
  await assert.rejects(client.create("/x", "", { ...ttl, ttlMs: 1n }), invalid);
});

test("each read of a multi read fails by itself", async (t) => {
  const client = await connect(t);
  await client.create("/r", Buffer.from([0, 255]));
  await client.create("/r/k", null);
  const results = await client.multiRead([
    { op: "get", path: "/r" },
    { op: "get_children", path: "/r" },
    { op: "get", path: "/none" },
    { op: "get", path: "/r/k" },
  ]);
  assert.deepEqual(
    results.map(({ op }) => op),
    ["get", "get_children", "error", "get"],
  );
  assert.deepEqual([...results[0].data], [0, 255]);
  assert.equal(results[0].stat.numChildren, 1);
  assert.deepEqual(results[1].names, ["k"]);
  assert.equal(results[2].error.codeName, "NO_NODE");
  assert.equal(results[2].error.path, "/none");
  assert.equal(results[3].data, null);
  await assert.rejects(client.multiRead([{ op: "set", path: "/r" }]), failing("INVALID_ARGUMENT"));
});

test("ephemerals, descendants, identities", async (t) => {
  const client = await connect(t);
  await client.create("/e", "", { mode: "ephemeral" });
  assert.deepEqual(await client.getEphemerals("/"), ["/e"]);
  assert.deepEqual(await client.getEphemerals("/x"), []);
  assert.equal(await client.getAllChildrenNumber("/e"), 0);
  await assert.rejects(client.getAllChildrenNumber("/x"), failing("NO_NODE", { path: "/x" }));
  assert.deepEqual(await client.whoAmI(), [{ scheme: "ip", user: "127.0.0.1" }]);
});

test("watches are removed by their type, and told", async (t) => {
  const client = await connect(t);
  await client.create("/w");
  await assert.rejects(client.checkWatches("/w"), failing("NO_WATCHER", { path: "/w" }));
  const watch = await client.addWatch("/w", "persistent_recursive");
  const heard = [];
  await client.get("/w", ({ kind }) => heard.push(kind));
  await client.checkWatches("/w", "persistent_recursive");
  await client.removeAllWatches("/w", "data");
  assert.deepEqual(heard, ["data_watch_removed"]);
  await client.removeAllWatches("/w");
  const kinds = [];
  for await (const { kind } of watch) kinds.push(kind);
  assert.deepEqual(kinds, ["persistent_watch_removed"]);
  await watch.close();
  await assert.rejects(client.removeAllWatches("/w", "any"), failing("NO_WATCHER"));
  await assert.rejects(client.checkWatches("/w", "all"), failing("INVALID_ARGUMENT"));
});
