// What the tests share: a server, clients that are closed with their test, a znode of their own.
import { after } from "node:test";
import { Client, Server } from "../index.mjs";

/** The server that PINFOLD_HOSTS names; otherwise each test file has an embedded one. */
export const given = process.env.PINFOLD_HOSTS;
const server = given ? null : await Server.start();
after(() => server?.stop());

/** Where the tests connect to. */
export const hosts = given ?? server.address;

/** A client that is closed at the end of the test. */
export async function connect(t, options) {
  const client = await Client.connect(hosts, options);
  t.after(() => client.close());
  return client;
}

let made = 0;

/** A new znode below the root, so that no test sees the znodes of another. */
export async function room(client) {
  made += 1;
  const { path } = await client.create(`/room-${process.pid}-${made}`);
  return path;
}

/** For `assert.rejects`: an error of this name, with these other properties. */
export function failing(codeName, properties = {}) {
  return { name: "PinfoldError", codeName, ...properties };
}

/** Resolves at the first event for which `wanted` holds. */
export function seen(emitter, wanted) {
  return new Promise((resolve) => {
    const look = (event) => {
      if (!wanted(event)) return;
      emitter.off("event", look);
      resolve(event);
    };
    emitter.on("event", look);
  });
}
