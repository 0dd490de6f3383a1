import assert from "node:assert/strict";
import { test } from "node:test";
import { LeaderElection, Lock, ReadWriteLock, Semaphore } from "../index.mjs";
import { connect, failing, room } from "./session.mjs";

test("lock: one has it, the next follows with a larger token", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const path = `${await room(one)}/lock`;
  const [first, second] = [new Lock(one, path), new Lock(two, path)];
  const held = await first.acquire({ data: "one" });
  assert.ok(held.isHeld);
  assert.equal(await second.tryAcquire(), null);
  await assert.rejects(second.acquire({ timeoutMs: 1 }), failing("TIMEOUT"));
  const waiting = second.acquire({ data: "two" });
  await held.release();
  assert.ok(held.signal.aborted);
  const next = await waiting;
  assert.ok(next.token > held.token);
  const [holder] = await first.participants();
  assert.deepEqual(
    { data: holder.data.toString(), token: holder.token, path: holder.path, holds: holder.holds },
    { data: "two", token: next.token, path: next.path, holds: true },
  );
  await next[Symbol.asyncDispose]();
  await assert.rejects(next.release(), failing("INVALID_HANDLE"));
});

test("lock: a wait that is aborted leaves the line", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const path = `${await room(one)}/lock`;
  const held = await new Lock(one, path).acquire();
  const abort = new AbortController();
  const waiting = new Lock(two, path).acquire({ signal: abort.signal });
  abort.abort();
  await assert.rejects(waiting, failing("CANCELLED"));
  await assert.rejects(
    new Lock(two, path).acquire({ signal: abort.signal }),
    failing("CANCELLED"),
  );
  await held.release();
  assert.ok((await new Lock(one, path).acquire()).isHeld);
});

test("lock: what is written is written by the holder alone", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const path = await room(one);
  const held = await new Lock(one, `${path}/lock`).acquire();
  const write = [{ op: "set", path, data: "mine" }];
  const [{ op }] = await held.write(write);
  assert.equal(op, "set");
  await one.multi([held.check(), ...write]);
  const lost = held.lost();
  await two.delete(held.path);
  assert.match(await lost, /removed/);
  await assert.rejects(one.multi([held.check(), ...write]), failing("NO_NODE", { opIndex: 0 }));
});

test("read-write lock: readers together, a writer alone", async (t) => {
  const client = await connect(t);
  const path = `${await room(client)}/lock`;
  const lock = new ReadWriteLock(client, path);
  const [a, b] = [await lock.read(), await lock.read()];
  assert.equal(await lock.tryWrite(), null);
  const writing = lock.write();
  while ((await lock.participants()).length < 3);
  assert.equal(await lock.tryRead(), null);
  await a.release();
  await b.release();
  await (await writing).release();
  assert.ok((await lock.tryRead()).isHeld);
});

test("semaphore: as many as there are leases", async (t) => {
  const client = await connect(t);
  const path = `${await room(client)}/semaphore`;
  const semaphore = new Semaphore(client, path, 2);
  const leases = [await semaphore.acquire(), await semaphore.tryAcquire()];
  assert.equal(await semaphore.tryAcquire(), null);
  await leases[0].release();
  assert.ok((await semaphore.tryAcquire()).isHeld);
  await assert.rejects(new Semaphore(client, path, 3).acquire(), failing("INVALID_ARGUMENT"));
  const holding = (await semaphore.participants()).filter(({ holds }) => holds);
  assert.equal(holding.length, 2);
});

test("election: who leads is told, and each change", async (t) => {
  const client = await connect(t);
  const election = new LeaderElection(client, `${await room(client)}/election`);
  const leaders = await election.observe();
  assert.equal((await leaders.next()).value.token, 0n);
  const led = await election.campaign("me");
  const { value } = await leaders.next();
  assert.equal(value.data.toString(), "me");
  assert.equal(value.token, led.token);
  assert.equal((await election.candidates())[0].token, led.token);
  await led.resign();
  assert.equal((await leaders.next()).value.token, 0n);
  await leaders.close();
  assert.ok((await leaders.next()).done);
});

test("misuse is told", async (t) => {
  const client = await connect(t);
  const lock = new Lock(client, "/lock", { layout: "zookeeper" });
  await assert.rejects(lock.acquire(), failing("INVALID_ARGUMENT", { message: /kazoo/ }));
  await assert.rejects(new Lock(client, 7).acquire(), failing("INVALID_ARGUMENT"));
  await assert.rejects(new Lock(client, "no path").acquire(), failing("BAD_ARGUMENTS"));
});
