import { Client, Server, TaskQueue } from "pinfold";

const server = process.argv[2] ? null : await Server.start();
const client = await Client.connect(process.argv[2] ?? server.address);
const queue = new TaskQueue(client, "/queue");

const texts = ["one", "two", "three"];
const tasks = [];
for (const text of texts) tasks.push(await queue.submit(text));
console.log(`submitted ${tasks.length}`);

for (const _ of tasks) {
  const claim = await queue.claim("w1");
  console.log(`claimed ${claim.payload}`);
  await claim.complete(claim.payload.toString().toUpperCase());
}

for (const [index, task] of tasks.entries()) {
  const { result } = await queue.result(task);
  console.log(`result ${texts[index]} = ${result}`);
}
const { waiting, assigned, done } = await queue.counts();
console.log(`counts: waiting ${waiting}, assigned ${assigned}, done ${done}`);
console.log("done");

await client.close();
await server?.stop();
