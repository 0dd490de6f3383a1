// A master and workers that count lines, words and bytes.
//
//   master_worker.mjs [HOSTS]                  the whole story in one process
//   master_worker.mjs master HOSTS ROOT ID     one master candidate, until SIGINT or SIGTERM
//   master_worker.mjs worker HOSTS ROOT ID     one worker: a task is the path of a file
import { readFileSync } from "node:fs";
import { Client, Master, Server, submit, TaskQueue, Worker } from "pinfold";

const [first, ...rest] = process.argv.slice(2);
if (first === "master") await runMaster(...rest);
else if (first === "worker") await runWorker(...rest);
else await runStory(first);

/** Lines are newlines; words are runs of bytes other than space, \t, \n, \v, \f and \r. */
function count(bytes) {
  let lines = 0;
  let words = 0;
  let inWord = false;
  for (const byte of bytes) {
    if (byte === 10) lines += 1;
    const space = byte === 32 || (byte >= 9 && byte <= 13);
    if (!space && !inWord) words += 1;
    inWord = !space;
  }
  return JSON.stringify({ lines, words, bytes: bytes.length });
}

async function runStory(given) {
  const server = given ? null : await Server.start();
  const client = await Client.connect(given ?? server.address);
  const root = "/app";
  const master = await Master.start(client, root, { id: "m1" });
  const start = (id) =>
    Worker.start(client, root, { id, capacity: 2 }, ({ payload }) => count(payload));
  const workers = [await start("w1"), await start("w2")];

  const texts = ["one", "two words", "three words here", "", "a b c d", "tab\tand newline\n"];
  const tasks = await Promise.all(texts.map((text) => submit(client, root, text)));
  const queue = new TaskQueue(client, root);
  for (const [index, task] of tasks.entries()) {
    const { lines, words, bytes } = JSON.parse((await queue.result(task)).result);
    console.log(`task ${index + 1}: ${lines} lines, ${words} words, ${bytes} bytes`);
  }
  console.log(`done: ${tasks.length} tasks, ${workers.length} workers, 1 master`);

  for (const worker of workers) await worker.stop();
  await master.stop();
  await client.close();
  await server?.stop();
}

async function runMaster(hosts, root, id) {
  const client = await Client.connect(hosts);
  const master = await Master.start(client, root, { id });
  master.on("event", ({ kind, token }) => {
    if (kind === "master_elected") console.log(`master ${id} elected ${token}`);
  });
  await runUntilSignal(client, master);
}

async function runWorker(hosts, root, id) {
  const client = await Client.connect(hosts);
  const worker = await Worker.start(client, root, { id, capacity: 32 }, ({ task, payload }) => {
    console.log(`worker ${id} task ${task}`);
    // Read synchronously: the files are small, and this is cheaper than four trips to the
    // thread pool. A file that cannot be read throws, which fails the task with the reason.
    return count(readFileSync(payload.toString()));
  });
  worker.on("event", ({ kind, task }) => {
    if (kind === "revoked") console.log(`worker ${id} lost ${task}`);
  });
  console.log(`worker ${id} ready`);
  await runUntilSignal(client, worker);
}

/** A recipe goes on in a new session when its own has expired; only a signal ends it. */
async function runUntilSignal(client, recipe) {
  const signal = new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await Promise.race([signal, recipe.ended]);
  await recipe.stop().catch(() => {});
  await client.close();
}
