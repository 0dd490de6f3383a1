import pinfold = require("pinfold");

export async function story(): Promise<Buffer | null> {
  const client: pinfold.Client = await pinfold.Client.connect("127.0.0.1:2181");
  const { data } = await client.get("/");
  await client.close();
  return data;
}
