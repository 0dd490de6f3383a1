// A live session whose server does not hear of it any more: it expires, there and here.
import assert from "node:assert/strict";
import net from "node:net";
import { after, test } from "node:test";
import { Client, Server } from "../index.mjs";
import { failing } from "./session.mjs";

const server = await Server.start({ tickTimeMs: 250 });
after(() => server.stop());

/** A relay to the server that can swallow what passes, and close what comes. */
async function relay(t) {
  const [host, port] = server.address.split(":");
  const sockets = new Set();
  const keep = (socket) => sockets.add(socket.on("error", () => {}));
  let held = false;
  const listener = net.createServer((client) => {
    if (held) return client.destroy();
    const upstream = net.connect(Number(port), host);
    keep(client);
    keep(upstream);
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const hold = () => {
    held = true;
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    hold();
    listener.close();
  });
  return {
    hosts: `127.0.0.1:${listener.address().port}`,
    hold,
    release: () => {
      held = false;
    },
  };
}

function reached(client, wanted) {
  return new Promise((resolve) => {
    client.on("state", (state) => {
      if (state === wanted) resolve();
    });
  });
}

test("expiry ends calls, watches and ephemerals, and a renewed client goes on", async (t) => {
  const observer = await Client.connect(server.address);
  t.after(() => observer.close());
  const through = await relay(t);
  const client = await Client.connect(through.hosts, { sessionTimeoutMs: 500 });
  t.after(() => client.close());
  assert.equal(client.sessionTimeoutMs, 500);
  await client.create("/mine", "x", { mode: "ephemeral" });
  const watch = await client.addWatch("/other");
  const gone = new Promise((resolve) => void observer.exists("/mine", resolve));
  const expired = reached(client, "expired");

  through.hold();
  await reached(client, "suspended");
  const waiting = client.create("/never");
  const over = failing("SESSION_EXPIRED", { outcome: "session_over" });
  await Promise.all([
    assert.rejects(waiting, { ...over, path: "/never" }),
    assert.rejects(watch.next(), over),
    expired,
  ]);
  const { kind, path } = await gone;
  assert.deepEqual([kind, path], ["deleted", "/mine"]);
  await assert.rejects(client.get("/"), over);
  assert.equal(client.state, "expired");

  through.release();
  const renewed = await client.renew();
  t.after(() => renewed.close());
  assert.notEqual(renewed.sessionId, client.sessionId);
  assert.equal(await renewed.exists("/never"), null);
});
