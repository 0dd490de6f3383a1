// node-zookeeper-client: a batch of gets in flight.

import { once } from "node:events";
import { createRequire } from "node:module";
import { address, count, goesOn, path, window } from "./meter.mjs";

const zookeeper = createRequire(import.meta.url)("node-zookeeper-client");
const client = zookeeper.createClient(address);
client.connect();
await once(client, "connected");
const batch = () =>
  new Promise((resolve, reject) => {
    let missing = window;
    const answered = (error, data) => {
      if (error) return reject(error);
      count(data);
      if (--missing === 0) resolve();
    };
    for (let sent = 0; sent < window; sent++) client.getData(path, answered);
  });
while (goesOn()) await batch();
client.close();
