import { Client, LeaderElection, Server } from "pinfold";

const server = process.argv[2] ? null : await Server.start();
const hosts = process.argv[2] ?? server.address;
const clients = [await Client.connect(hosts), await Client.connect(hosts)];
const [electionOfA, electionOfB] = clients.map((client) => new LeaderElection(client, "/election"));

const a = await electionOfA.campaign("A");
console.log("A leads");
const campaignOfB = electionOfB.campaign("B");
const leader = await electionOfB.leader();
console.log(`leader is ${leader.data}`);

await a.resign();
console.log("A resigned");
const b = await campaignOfB;
console.log("B leads");
// The token fences off a former leader: storage that has seen a larger one refuses it.
console.log(`token grew: ${b.token > a.token}`);

await b.resign();
console.log("done");
await Promise.all(clients.map((client) => client.close()));
await server?.stop();
