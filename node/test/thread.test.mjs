import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { Worker as Thread, isMainThread } from "node:worker_threads";
import { LeaderElection, Master, TaskQueue, Worker } from "../index.mjs";
import { connect, hosts, room } from "./session.mjs";

/** The kernel's id of the thread that runs this very line. */
const here = () => Number(readlinkSync("/proc/thread-self").split("/").at(-1));

test("all JavaScript runs on the thread that made the client", async (t) => {
  assert.ok(isMainThread);
  const main = here();
  assert.equal(main, process.pid);
  const threads = new Set();
  const note = () => threads.add(here());
  const client = await connect(t);
  note();
  client.on("state", note);
  const at = await room(client);
  await client.addWatch(at, "persistent", note);
  const calls = Array.from({ length: 500 }, (_, n) => client.set(at, `${n}`).then(note));
  await Promise.all(calls);
  await client.get(`${at}/absent`).catch(note);

  const leadership = await new LeaderElection(client, `${at}/election`).campaign();
  leadership.signal.addEventListener("abort", note);
  note();
  await leadership.resign();
  const master = await Master.start(client, `${at}/app`, { id: "m" });
  master.on("event", note);
  const worker = await Worker.start(client, `${at}/app`, { id: "w" }, ({ payload }) => {
    note();
    return payload;
  });
  const queue = new TaskQueue(client, `${at}/app`);
  await queue.result(await queue.submit("x"));
  await worker.stop();
  await master.stop();
  await client.close();
  assert.deepEqual([...threads], [main]);
});

test("the runtime has threads of its own, and no JavaScript ever ran on them", () => {
  const tasks = readdirSync("/proc/self/task").map((task) => ({
    id: Number(task),
    name: readFileSync(`/proc/self/task/${task}/comm`, "utf8").trim(),
  }));
  const runtime = tasks.filter(({ name }) => name.startsWith("pinfold"));
  assert.ok(runtime.length > 0, tasks.map(({ name }) => name).join(" "));
  assert.ok(runtime.every(({ id }) => id !== here()));
});

test("a client made in a worker thread is served on that thread", async () => {
  const code = `
    import { readlinkSync } from "node:fs";
    import { parentPort, workerData } from "node:worker_threads";
    const { Client } = await import(workerData.module);
    const here = () => Number(readlinkSync("/proc/thread-self").split("/").at(-1));
    const threads = new Set();
    const client = await Client.connect(workerData.hosts);
    threads.add(here());
    await client.exists("/").then(() => threads.add(here()));
    await client.close();
    threads.add(here());
    parentPort.postMessage([here(), [...threads]]);
  `;
  const module = new URL("../index.mjs", import.meta.url).href;
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const thread = new Thread(url, { workerData: { module, hosts } });
  const [own, threads] = await new Promise((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", reject);
  });
  assert.notEqual(own, process.pid);
  assert.deepEqual(threads, [own]);
  await thread.terminate();
});

test("a worker thread may be torn down with its client open", async () => {
  const code = `
    import { parentPort, workerData } from "node:worker_threads";
    const { Client } = await import(workerData.module);
    const client = await Client.connect(workerData.hosts);
    await client.addWatch("/", "persistent_recursive", () => {});
    parentPort.postMessage("ready");
  `;
  const module = new URL("../index.mjs", import.meta.url).href;
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const thread = new Thread(url, { workerData: { module, hosts } });
  await new Promise((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", reject);
  });
  await thread.terminate();
});
