import assert from "node:assert/strict";
import { test } from "node:test";
import { Barrier, Counter, DoubleBarrier, Group, TreeCache } from "../index.mjs";
import { connect, failing, room } from "./session.mjs";

test("barrier: who waits passes when it is removed", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const path = `${await room(one)}/barrier`;
  const [mine, theirs] = [new Barrier(one, path), new Barrier(two, path)];
  await mine.wait();
  await mine.set();
  await mine.set();
  assert.equal(await theirs.isSet(), true);
  const abort = new AbortController();
  const givenUp = theirs.wait({ signal: abort.signal });
  abort.abort();
  await assert.rejects(givenUp, failing("CANCELLED"));
  let passed = false;
  const waiting = theirs.wait().then(() => (passed = true));
  await theirs.isSet();
  assert.equal(passed, false);
  await mine.remove();
  await waiting;
});

test("double barrier: all come, then all leave", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const path = `${await room(one)}/double`;
  const entering = new DoubleBarrier(one, path, 2).enter();
  const [first, second] = await Promise.all([entering, new DoubleBarrier(two, path, 2).enter()]);
  assert.ok(first.isHeld && second.isHeld);
  let left = false;
  const leaving = first.leave().then(() => (left = true));
  await one.exists(path);
  assert.equal(left, false);
  await Promise.all([leaving, second.leave()]);
  assert.ok(first.signal.aborted);
  await assert.rejects(new DoubleBarrier(one, path, 0).enter(), failing("INVALID_ARGUMENT"));
});

test("counter: every addition once", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const path = `${await room(one)}/counter`;
  const counters = [new Counter(one, path), new Counter(two, path)];
  assert.equal(await counters[0].get(), 0n);
  await Promise.all(Array.from({ length: 40 }, (_, i) => counters[i % 2].add(i % 4 ? 1 : 2n)));
  assert.equal(await counters[1].get(), 50n);
  await counters[0].set(2n ** 62n);
  assert.equal(await counters[1].compareAndSet(7, 8), false);
  assert.equal(await counters[1].compareAndSet(2n ** 62n, -5), true);
  assert.equal(await counters[0].add(-1), -6n);
  for (const wrong of [2n ** 63n, 1.5, 2 ** 60, "1"]) {
    await assert.rejects(counters[0].add(wrong), failing("INVALID_ARGUMENT"));
  }
});

test("group: who comes, changes and goes", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const path = `${await room(one)}/group`;
  const group = new Group(one, path);
  const mine = await group.join("me", { data: "one", capacity: 3 });
  const told = async (events) => {
    const { kind, worker, payload, attempt } = (await events.next()).value;
    return [kind, worker, payload.toString(), attempt];
  };
  const events = await new Group(two, path).watch();
  assert.deepEqual(await told(events), ["member_joined", "me", "one", 3]);
  assert.deepEqual((await told(events))[0], "initialized");
  await mine.update("two");
  assert.deepEqual(await told(events), ["member_updated", "me", "two", 3]);
  const [member] = await group.members();
  assert.deepEqual(member, {
    id: "me",
    data: Buffer.from("two"),
    capacity: 3,
    token: mine.token,
  });
  await mine.leave();
  assert.deepEqual((await told(events)).slice(0, 2), ["member_left", "me"]);
  await assert.rejects(mine.update("x"), failing("INVALID_HANDLE"));
  await events.close();
  assert.equal((await events.next()).done, true);
  const lost = await group.join("other");
  await two.delete(lost.path);
  assert.ok(await lost.lost());
  await assert.rejects(lost.update("x"), failing("CLAIM_LOST"));
});

test("tree cache: what is there, then the changes", async (t) => {
  const client = await connect(t);
  const path = await room(client);
  await client.set(path, "root");
  const cache = await TreeCache.start(client, path);
  const told = async () => {
    const { kind, path: at, payload } = (await cache.next()).value;
    return [kind, at, payload.toString()];
  };
  assert.deepEqual(await told(), ["node_added", path, "root"]);
  assert.equal((await told())[0], "initialized");
  await client.create(`${path}/leaf`, "green");
  assert.deepEqual(await told(), ["node_added", `${path}/leaf`, "green"]);
  assert.deepEqual(await cache.children(path), ["leaf"]);
  assert.equal((await cache.get(`${path}/leaf`)).data.toString(), "green");
  assert.equal(await cache.get(`${path}/none`), null);
  await client.delete(`${path}/leaf`);
  assert.deepEqual((await told()).slice(0, 2), ["node_removed", `${path}/leaf`]);
  await cache.close();
  await assert.rejects(TreeCache.start(client, "no path"), failing("INVALID_ARGUMENT"));
});
