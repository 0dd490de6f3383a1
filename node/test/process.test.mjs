import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { hosts } from "./session.mjs";

const module = new URL("../index.mjs", import.meta.url).href;

/** A Node process of its own; resolves to what it printed, with its status. */
function run(code, ...args) {
  const head = `import { Client, Server } from ${JSON.stringify(module)};\n`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", head + code, ...args]);
  const printed = { stdout: "", stderr: "" };
  for (const end of ["stdout", "stderr"]) {
    child[end].on("data", (text) => (printed[end] += text));
  }
  const ended = new Promise((resolve) => {
    child.on("close", (status, signal) => resolve({ ...printed, status, signal }));
  });
  return { child, ended };
}

test("a closed client lets the process exit", async () => {
  const { ended } = run(`
    const client = await Client.connect(process.argv[1]);
    await client.close();
    console.log("closed");
  `, hosts);
  assert.deepEqual(await ended, { stdout: "closed\n", stderr: "", status: 0, signal: null });
});

test("close alone, not awaited, lets it exit too", async () => {
  const { ended } = run(`
    const client = await Client.connect(process.argv[1]);
    void client.close().then(() => console.log("closed"));
  `, hosts);
  assert.deepEqual(await ended, { stdout: "closed\n", stderr: "", status: 0, signal: null });
});

test("an open client keeps the process alive: an event long after still arrives", async () => {
  const { child, ended } = run(`
    const client = await Client.connect(process.argv[1]);
    await client.addWatch("/wake-" + process.pid, "persistent", () => client.close());
    console.log(process.pid);
  `, hosts);
  const pid = await new Promise((resolve) => child.stdout.once("data", resolve));
  const { Client } = await import("../index.mjs");
  const other = await Client.connect(hosts);
  await other.create(`/wake-${String(pid).trim()}`);
  await other.close();
  assert.equal((await ended).status, 0);
});

test("unref lets the process exit with the client open", async () => {
  const { ended } = run(`
    const client = await Client.connect(process.argv[1]);
    client.unref();
    console.log("open");
  `, hosts);
  assert.deepEqual(await ended, { stdout: "open\n", stderr: "", status: 0, signal: null });
});

test("process.exit with open clients and calls under way is no crash", async () => {
  const { ended } = run(`
    const clients = await Promise.all(
      Array.from({ length: 4 }, () => Client.connect(process.argv[1])));
    for (const client of clients) {
      for (let n = 0; n < 2000; n += 1) client.exists("/").catch(() => {});
    }
    await clients[0].exists("/");
    process.exit(7);
  `, hosts);
  const { status, signal, stderr } = await ended;
  assert.deepEqual({ status, signal, stderr }, { status: 7, signal: null, stderr: "" });
});

test("an embedded server keeps the process alive until it is stopped", async () => {
  const { child, ended } = run(`
    const server = await Server.start();
    process.once("SIGTERM", () => server.stop().then(() => console.log("stopped")));
    console.log("serving");
  `);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.kill("SIGTERM");
  const { stdout, status } = await ended;
  assert.deepEqual({ stdout, status }, { stdout: "serving\nstopped\n", status: 0 });
});

test("an error that nobody catches ends the process with its code in the text", async () => {
  const { ended } = run(`
    const client = await Client.connect(process.argv[1]);
    await client.get("/no/such/node");
  `, hosts);
  const { status, stderr } = await ended;
  assert.notEqual(status, 0);
  assert.match(stderr, /PinfoldError.*\/no\/such\/node/s);
  assert.match(stderr, /NO_NODE/);
});
