import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import {
  Client,
  LeaderElection,
  Master,
  Server,
  submit,
  TaskQueue,
  Worker,
} from "../index.mjs";
import { connect, failing, given, room, seen } from "./session.mjs";

test("election: one leads, the next follows with a larger token", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const path = `${await room(one)}/election`;
  const [first, second] = [new LeaderElection(one, path), new LeaderElection(two, path)];
  assert.equal(await second.leader(), null);
  const led = await first.campaign("one");
  assert.ok(led.isHeld);
  assert.equal(typeof led.token, "bigint");
  const leader = await second.leader();
  assert.equal(leader.data.toString(), "one");
  assert.equal(leader.token, led.token);

  const campaign = second.campaign("two");
  const lost = led.lost();
  await led.resign();
  assert.equal(typeof (await lost), "string");
  assert.equal(led.isHeld, false);
  assert.ok(led.signal.aborted);
  const next = await campaign;
  assert.ok(next.token > led.token);
  assert.equal((await second.leader()).data.toString(), "two");
  await next[Symbol.asyncDispose]();
  await assert.rejects(led.resign(), failing("INVALID_HANDLE"));
});

test("election: closing the client ends its leadership and lets the next one lead", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const path = `${await room(one)}/election`;
  const led = await new LeaderElection(one, path).campaign();
  const campaign = new LeaderElection(two, path).campaign();
  await one.close();
  assert.ok(led.signal.aborted);
  assert.ok((await campaign).isHeld);
});

test("queue without a master: claim, complete, release, fail", async (t) => {
  const client = await connect(t);
  const queue = new TaskQueue(client, `${await room(client)}/queue`);
  const done = await queue.submit("done");
  const dead = await queue.submit(Buffer.from("dead"));
  assert.equal((await queue.counts()).waiting, 2);

  const claim = await queue.claim("w1");
  assert.equal(claim.task, done);
  assert.equal(claim.payload.toString(), "done");
  assert.equal(claim.attempt, 1);
  await claim.release();
  const again = await queue.claim("w2");
  assert.equal(again.task, done);
  await again.complete("result");
  await assert.rejects(again.complete("twice"), { name: "PinfoldError" });
  const result = await queue.result(done);
  assert.equal(result.task, done);
  assert.equal(result.worker, "w2");
  assert.equal(result.result.toString(), "result");

  // A failed attempt is not the end: the third one is.
  for (const attempt of [1, 2, 3]) {
    const doomed = await queue.claim("w1");
    assert.equal(doomed.attempt, attempt);
    await doomed.fail("no good");
  }
  const failed = await queue.result(dead).catch((error) => error);
  assert.equal(failed.codeName, "TASK_FAILED");
  assert.match(failed.message, /no good/);
  const counts = await queue.counts();
  assert.deepEqual(
    [counts.waiting, counts.assigned, counts.done, counts.dead, counts.master],
    [0, 0, 1, 1, null],
  );
});

test("master and workers: every task once, failures tried again, then given up", async (t) => {
  const client = await connect(t);
  const root = `${await room(client)}/app`;
  const master = await Master.start(client, root, { id: "m1", maxAttempts: 2 });
  const events = [];
  master.on("event", ({ kind }) => events.push(kind));
  const attempts = new Map();
  const handler = async ({ task, payload, attempt, signal }) => {
    assert.ok(!signal.aborted);
    attempts.set(task, (attempts.get(task) ?? 0) + 1);
    const text = payload.toString();
    if (text === "never") throw new Error("cannot");
    if (text === "later" && attempt === 1) throw new Error("not yet");
    return text.toUpperCase();
  };
  const options = (id) => ({ id, capacity: 4, abilities: ["upper"] });
  const workers = [
    await Worker.start(client, root, options("w1"), handler),
    await Worker.start(client, root, options("w2"), handler),
  ];
  const queue = new TaskQueue(client, root);
  const texts = Array.from({ length: 50 }, (_, n) => `task ${n}`);
  const tasks = await Promise.all(texts.map((text) => submit(client, root, text)));
  const later = await queue.submit("later");
  const never = await queue.submit("never");
  for (const [index, task] of tasks.entries()) {
    const { result, attempt } = await queue.result(task);
    assert.equal(result.toString(), texts[index].toUpperCase());
    assert.equal(attempt, 1);
    assert.equal(attempts.get(task), 1);
  }
  const second = await queue.result(later);
  assert.equal(second.result.toString(), "LATER");
  assert.equal(second.attempt, 2);
  const failure = await queue.result(never).catch((error) => error);
  assert.equal(failure.codeName, "TASK_FAILED");
  assert.match(failure.message, /cannot/);
  assert.equal(attempts.get(never), 2);

  const counts = await queue.counts();
  assert.deepEqual([counts.done, counts.dead, counts.workers], [51, 1, 2]);
  assert.equal(counts.master.toString(), "m1");
  for (const worker of workers) await worker.stop();
  await master.stop();
  await Promise.all([master.ended, ...workers.map(({ ended }) => ended)]);
  assert.ok(events.includes("master_elected"), events.join());
  assert.equal(events.at(-1), "ended");
});

test("a worker that stops gives its task back, and the attempt does not count", async (t) => {
  const client = await connect(t);
  const root = `${await room(client)}/app`;
  const master = await Master.start(client, root, { id: "m1" });
  let begun;
  const began = new Promise((resolve) => (begun = resolve));
  const leaving = await Worker.start(client, root, { id: "w1" }, ({ signal }) => {
    begun(signal);
    return new Promise(() => {});
  });
  const task = await submit(client, root, "x");
  const signal = await began;
  await leaving.stop();
  await leaving.ended;
  assert.ok(signal.aborted);
  const worker = await Worker.start(client, root, { id: "w2" }, () => "done");
  const { worker: by, attempt } = await new TaskQueue(client, root).result(task);
  assert.deepEqual([by, attempt], ["w2", 1]);
  await worker.stop();
  await master.stop();
});

test("a worker that is killed: its task is taken back and tried by another", async (t) => {
  // Short ticks, so that the dead session expires soon.
  const server = given ? null : await Server.start({ tickTimeMs: 200 });
  t.after(() => server?.stop());
  const at = given ?? server.address;
  const client = await Client.connect(at);
  t.after(() => client.close());
  const root = `${await room(client)}/app`;
  const module = new URL("../index.mjs", import.meta.url).href;
  const code = `
    const { Client, Worker } = await import(${JSON.stringify(module)});
    const client = await Client.connect(${JSON.stringify(at)}, { sessionTimeoutMs: 1000 });
    await Worker.start(client, ${JSON.stringify(root)}, { id: "w1" }, () => {
      console.log("began");
      return new Promise(() => {});
    });
  `;
  const master = await Master.start(client, root, { id: "m1" });
  const reassigned = seen(master, ({ kind }) => kind === "task_reassigned");
  const child = spawn(process.execPath, ["--input-type=module", "-e", code]);
  const task = await submit(client, root, "x");
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  const worker = await Worker.start(client, root, { id: "w2" }, () => "done");
  const { worker: by, attempt } = await new TaskQueue(client, root).result(task);
  assert.deepEqual([by, attempt], ["w2", 2]);
  assert.equal((await reassigned).task, task);
  await worker.stop();
  await master.stop();
});

test("a master that stops hands over to its backup", async (t) => {
  const [one, two] = [await connect(t), await connect(t)];
  const root = `${await room(one)}/app`;
  const first = await Master.start(one, root, { id: "m1" });
  const second = await Master.start(two, root, { id: "m2" });
  const elected = seen(second, ({ kind }) => kind === "master_elected");
  await first.stop();
  assert.equal(typeof (await elected).token, "bigint");
  const worker = await Worker.start(two, root, { id: "w" }, () => "ok");
  const queue = new TaskQueue(two, root);
  assert.equal((await queue.result(await queue.submit(""))).result.toString(), "ok");
  assert.equal((await queue.counts()).master.toString(), "m2");
  await worker.stop();
  await second.stop();
});
