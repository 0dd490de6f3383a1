// Pinfold: a batch of gets in flight.

import { createRequire } from "node:module";
import { address, count, goesOn, path, window } from "./meter.mjs";

const { Client } = createRequire(import.meta.url)("pinfold");
const client = await Client.connect(address);
while (goesOn()) {
  const batch = Array.from({ length: window }, () => client.get(path));
  for (const { data } of await Promise.all(batch)) count(data);
}
await client.close();
