import { Client, Server } from "pinfold";

const server = process.argv[2] ? null : await Server.start();
const hosts = process.argv[2] ?? server.address;
const client = await Client.connect(hosts);
const other = await Client.connect(hosts);

// A one-shot watch is armed by the read itself, so no change between them is missed.
await client.create("/config", "v1");
console.log("created /config");
let fired;
const change = new Promise((resolve) => (fired = resolve));
const { data } = await client.get("/config", fired);
console.log(`watching /config = ${data}`);
await other.set("/config", "v2");
const event = await change;
console.log(`event: ${event.kind} ${event.path}`);
console.log(`now /config = ${(await client.get("/config")).data}`);

// A lasting watch is an async iterator.
const watch = await client.addWatch("/tree", "persistent_recursive");
await other.create("/tree");
await other.create("/tree/a");
await other.set("/tree/a", "1");
await other.delete("/tree/a");
for await (const { kind, path } of watch) {
  if (path === "/tree") continue;
  console.log(`event: ${kind} ${path}`);
  if (kind === "deleted") break;
}

await client.delete("/tree");
await client.delete("/config");
console.log("done");
await other.close();
await client.close();
await server?.stop();
