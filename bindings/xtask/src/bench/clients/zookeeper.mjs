// The package zookeeper, over ZooKeeper's C client: a batch of gets in flight.

import { createRequire } from "node:module";
import { address, count, goesOn, path, window } from "./meter.mjs";

const ZooKeeper = createRequire(import.meta.url)("zookeeper");
const client = new ZooKeeper({
  connect: address,
  timeout: 10000,
  debug_level: ZooKeeper.ZOO_LOG_LEVEL_ERROR,
});
await new Promise((resolve, reject) =>
  client.connect({}, (error) => (error ? reject(error) : resolve())),
);
const batch = () =>
  new Promise((resolve, reject) => {
    let missing = window;
    const answered = (code, error, stat, data) => {
      if (code !== 0) return reject(new Error(`${code} ${error}`));
      count(data);
      if (--missing === 0) resolve();
    };
    for (let sent = 0; sent < window; sent++) client.a_get(path, false, answered);
  });
while (goesOn()) await batch();
client.close();
