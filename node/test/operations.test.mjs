import assert from "node:assert/strict";
import { test } from "node:test";
import { CREATOR_ACL, OPEN_ACL, Perms } from "../index.mjs";
import { connect, failing, room } from "./session.mjs";

test("create, get, set, exists, delete, with their stats", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const { path, stat } = await client.create(`${at}/a`, "one");
  assert.equal(path, `${at}/a`);
  assert.equal(stat.version, 0);
  assert.equal(stat.dataLength, 3);
  assert.equal(typeof stat.czxid, "bigint");
  assert.equal(stat.mzxid, stat.czxid);
  assert.equal(stat.ephemeralOwner, 0n);
  assert.ok(Math.abs(Date.now() - Number(stat.ctime)) < 3_600_000);

  const changed = await client.set(path, Buffer.from("three"), 0);
  assert.equal(changed.version, 1);
  assert.ok(changed.mzxid > stat.czxid);
  const read = await client.get(path);
  assert.ok(Buffer.isBuffer(read.data));
  assert.equal(read.data.toString(), "three");
  assert.deepEqual(read.stat, changed);
  assert.deepEqual(await client.exists(path), changed);

  assert.equal(await client.delete(path, 1), undefined);
  assert.equal(await client.exists(path), null);
});

test("data: text, bytes, a view of a larger buffer, empty, null", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const stored = async (data) => {
    await client.set(at, data);
    return (await client.get(at)).data;
  };
  assert.equal((await stored("grüße 🦀")).toString(), "grüße 🦀");
  assert.deepEqual([...(await stored(new Uint8Array([0, 255, 7])))], [0, 255, 7]);
  assert.deepEqual([...(await stored(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)))], [2, 3]);
  assert.equal((await stored("")).length, 0);
  assert.equal(await stored(null), null);
  const { path } = await client.create(`${at}/left-out`);
  assert.equal((await client.get(path)).data.length, 0);
});

test("a buffer may be changed as soon as the call has returned", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const buffer = Buffer.from("before");
  const set = client.set(at, buffer);
  buffer.fill("x");
  await set;
  assert.equal((await client.get(at)).data.toString(), "before");
});

test("modes: sequential names, ephemerals go with their session", async (t) => {
  const client = await connect(t);
  const other = await connect(t);
  const at = await room(client);
  const first = await client.create(`${at}/s-`, "", { mode: "persistent_sequential" });
  const second = await other.create(`${at}/s-`, "", { mode: "ephemeral_sequential" });
  assert.equal(first.path, `${at}/s-0000000000`);
  assert.equal(second.path, `${at}/s-0000000001`);
  assert.equal(second.stat.ephemeralOwner, other.sessionId);
  await other.close();
  const { names, stat } = await client.getChildren(at);
  assert.deepEqual(names, ["s-0000000000"]);
  assert.equal(stat.numChildren, 1);
});

test("access control lists", async (t) => {
  const owner = await connect(t, { auth: [["digest", "ann:secret"]] });
  const stranger = await connect(t);
  const at = await room(owner);
  const { path } = await owner.create(`${at}/mine`, "x", { acl: CREATOR_ACL });
  const { acl, stat } = await owner.getAcl(path);
  assert.equal(acl.length, 1);
  assert.equal(acl[0].perms, Perms.ALL);
  assert.equal(acl[0].scheme, "digest");
  assert.match(acl[0].id, /^ann:/);
  assert.equal(stat.aversion, 0);

  await assert.rejects(stranger.get(path), failing("NO_AUTH", { path }));
  await stranger.addAuth("digest", "ann:secret");
  assert.equal((await stranger.get(path)).data.toString(), "x");

  const opened = await owner.setAcl(path, OPEN_ACL, 0);
  assert.equal(opened.aversion, 1);
  assert.deepEqual((await stranger.getAcl(path)).acl, OPEN_ACL);
});

test("multi: all or none, with the index of the culprit", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const results = await client.multi([
    { op: "create", path: `${at}/m`, data: "1" },
    { op: "check", path: `${at}/m`, version: 0 },
    { op: "set", path: `${at}/m`, data: "22", version: 0 },
    { op: "create", path: `${at}/n-`, mode: "ephemeral_sequential" },
    { op: "delete", path: `${at}/m` },
  ]);
  assert.deepEqual(
    results.map(({ op }) => op),
    ["create", "check", "set", "create", "delete"],
  );
  assert.equal(results[0].path, `${at}/m`);
  assert.equal(results[2].stat.version, 1);
  assert.equal(results[3].path, `${at}/n-0000000001`);

  const failed = client.multi([
    { op: "create", path: `${at}/o` },
    { op: "delete", path: `${at}/absent` },
  ]);
  await assert.rejects(failed, failing("NO_NODE", { opIndex: 1, outcome: "not_applied" }));
  assert.equal(await client.exists(`${at}/o`), null);
  assert.deepEqual(await client.multi([]), []);
});

test("sync resolves to nothing", async (t) => {
  const client = await connect(t);
  assert.equal(await client.sync("/"), undefined);
});

test("a chroot is cut from what comes back", async (t) => {
  const client = await connect(t);
  const at = await room(client);
  const { Client } = await import("../index.mjs");
  const { hosts } = await import("./session.mjs");
  const inside = await Client.connect(`${hosts}${at}`);
  t.after(() => inside.close());
  assert.equal((await inside.create("/x")).path, "/x");
  assert.deepEqual((await client.getChildren(at)).names, ["x"]);
});
