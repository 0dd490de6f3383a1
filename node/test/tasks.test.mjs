// What tasks, their claims and their workers can do besides the plain case.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FatalError, Master, TaskQueue, Worker } from "../index.mjs";
import { connect, failing, room } from "./session.mjs";

test("options of a task", async (t) => {
  const client = await connect(t);
  const queue = new TaskQueue(client, `${await room(client)}/queue`);
  const low = await queue.submit("low");
  const high = await queue.submit("high", { priority: 5, key: "once", delayMs: 0n });
  assert.equal(await queue.submit("again", { key: "once" }), high);
  const needy = await queue.submit("needy", { needs: ["gpu"], priority: 9 });
  assert.equal((await queue.claim("w")).task, high);
  assert.equal((await queue.claim("w", { abilities: ["cpu", "gpu"] })).task, needy);
  assert.equal((await queue.claim("w")).task, low);
  const abort = new AbortController();
  const waiting = queue.claim("w", { signal: abort.signal });
  abort.abort();
  await assert.rejects(waiting, failing("CANCELLED"));
  const wrong = [{ prioritty: 1 }, { backoffFactor: 0.5 }, { delayMs: -1 }, { needs: "gpu" }];
  for (const options of wrong) {
    await assert.rejects(queue.submit("", options), failing("INVALID_ARGUMENT"));
  }
  await assert.rejects(queue.submit(Buffer.alloc(1_000_001)), /1000001 bytes.*limit is 1000000/);
  await assert.rejects(queue.submitJson(undefined), failing("INVALID_ARGUMENT"));
});

test("many tasks, and what becomes of them", async (t) => {
  const client = await connect(t);
  const queue = new TaskQueue(client, `${await room(client)}/queue`);
  const payloads = Array.from({ length: 20 }, (_, n) => `${n}`);
  const tasks = await queue.submitMany(payloads, { maxAttempts: 1 });
  const results = await queue.results();
  for (const [n, task] of tasks.entries()) {
    const claim = await queue.claim("w");
    assert.deepEqual([claim.task, claim.json()], [task, n]);
    await claim.progress("half");
    if (n % 2) await claim.completeJson({ square: n * n });
    else await claim.fail("even", { retryable: false });
  }
  const told = new Map();
  while (told.size < 20) {
    const { task, kind, payload, reason } = (await results.next()).value;
    told.set(task, [kind, payload.toString(), reason]);
  }
  assert.deepEqual(told.get(tasks[3]), ["task_completed", '{"square":9}', ""]);
  assert.deepEqual(told.get(tasks[4]), ["task_dead", "", "even"]);
  await results.close();
});

test("a claim that is lost", async (t) => {
  const client = await connect(t);
  const root = `${await room(client)}/queue`;
  const queue = new TaskQueue(client, root);
  const task = await queue.submit("");
  const claim = await queue.claim("w");
  const lost = new Promise((resolve) => claim.signal.addEventListener("abort", resolve));
  await client.delete(`${root}/assign/w/${task}`);
  await lost;
  await assert.rejects(claim.complete(""), failing("CLAIM_LOST"));
});

test("handlers that fail leave their worker alive", async (t) => {
  const client = await connect(t);
  const root = `${await room(client)}/app`;
  const options = { id: "m", strategy: "round_robin", keepDeadMs: 3_600_000 };
  const master = await Master.start(client, root, options);
  const worker = await Worker.start(
    client,
    root,
    { id: "w", capacity: 2 },
    Worker.json((value) => {
      if (value === "bad") throw new FatalError("will never do");
      if (value === "large") return "x".repeat(1_000_001);
      return value === "nothing" ? undefined : { twice: value * 2 };
    }),
  );
  const queue = new TaskQueue(client, root);
  const good = await queue.submitJson(21);
  assert.equal((await queue.result(good)).result.toString(), '{"twice":42}');
  const once = { maxAttempts: 1 };
  for (const [payload, options, said] of [
    ['"bad"', {}, /will never do/],
    ["no json", once, /JSON/],
    ['"large"', once, /limit is 1000000/],
    ['"nothing"', once, /no form in JSON/],
  ]) {
    const task = await queue.submit(payload, options);
    const error = await queue.result(task).catch((failed) => failed);
    assert.equal(error.codeName, "TASK_FAILED");
    assert.match(error.message, said);
    assert.ok(error.message.includes(task));
  }
  const again = await queue.submitJson(1);
  assert.equal((await queue.result(again)).worker, "w");
  await worker.drain();
  await worker.ended;
  await master.stop();
});

test("a task that is taken away", async (t) => {
  const client = await connect(t);
  const root = `${await room(client)}/app`;
  const master = await Master.start(client, root, { id: "m" });
  const taken = {};
  taken.promise = new Promise((resolve) => (taken.resolve = resolve));
  const worker = await Worker.start(client, root, { id: "w" }, async (assignment) => {
    if (assignment.attempt > 1) return "second";
    await assignment.progress("began");
    await new Promise((resolve) => assignment.signal.addEventListener("abort", resolve));
    taken.resolve(assignment);
    await assert.rejects(assignment.progress("late"), failing("CLAIM_LOST"));
    return "never";
  });
  const queue = new TaskQueue(client, root);
  const task = await queue.submit("", { startToCloseMs: 200, initialBackoffMs: 0 });
  assert.match((await taken.promise).signal.reason, /deadline/);
  assert.equal((await queue.result(task)).result.toString(), "second");
  await worker.stop();
  await master.stop();
});

test("a queue is looked after", async (t) => {
  const [client, other] = [await connect(t), await connect(t)];
  const root = `${await room(client)}/queue`;
  const queue = new TaskQueue(client, root);
  const tasks = await queue.submitMany(["a", "b", "c"], { priority: 3 });
  assert.equal(await queue.cancel(tasks[1], "not wanted"), true);
  const claim = await new TaskQueue(other, root).claim("w");
  const progress = await queue.progress(claim.task);
  await claim.progress("half");
  const { kind, worker, payload } = (await progress.next()).value;
  assert.deepEqual([kind, worker, payload.toString()], ["task_progress", "w", "half"]);
  assert.equal(await queue.cancel(claim.task), true);
  await assert.rejects(claim.complete(""), failing("CLAIM_LOST"));
  assert.equal((await progress.next()).done, true);
  const letters = await queue.deadLetters();
  assert.deepEqual(letters.map(({ task }) => task), [tasks[0], tasks[1]]);
  assert.equal(letters[1].cause, "cancelled");
  assert.match(letters[1].reason, /not wanted/);
  assert.deepEqual(await queue.deadLetters({ after: tasks[0], limit: 1 }), [letters[1]]);
  const again = await queue.replay(tasks[0]);
  await assert.rejects(queue.replay(tasks[0]), failing("NO_NODE"));

  await queue.pause();
  assert.equal(await queue.isPaused(), true);
  const metrics = await queue.metrics();
  assert.deepEqual([metrics.waiting, metrics.dead, metrics.isPaused], [2n, 1n, true]);
  assert.ok(metrics.oldestWaitingMs >= 0n);
  assert.equal(metrics.waitedCount, 0n);
  await queue.resume();
  for (const task of [tasks[2], again]) {
    const next = await queue.claim("w2");
    assert.equal(next.task, task);
    await next.complete("");
  }
  const { waiting, assigned, done } = await queue.drain();
  assert.deepEqual([waiting, assigned, done], [0, 0, 2]);
  assert.equal(await queue.cancel(again), false);
  assert.equal(await queue.forget(again), true);
  assert.equal(await queue.forget(again), false);
  assert.equal(await queue.forgetResults(3_600_000), 0n);
  assert.equal(await queue.forgetDead(0), 1n);
});
