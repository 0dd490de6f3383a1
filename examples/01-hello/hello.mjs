import { Client, Server } from "pinfold";

// With an argument: a server that runs already. Without: one inside this process.
const server = process.argv[2] ? null : await Server.start();
// [readme
const client = await Client.connect(process.argv[2] ?? server.address);

const { path } = await client.create("/hello", "world");
console.log(`created ${path}`);

const { data, stat } = await client.get("/hello");
console.log(`data: ${data}`);
console.log(`version: ${stat.version}`);

const { names } = await client.getChildren("/");
console.log(`children: ${names.filter((name) => name !== "zookeeper")}`);

await client.delete("/hello", stat.version);
console.log("deleted /hello");

await client.close();
// readme]
await server?.stop();
