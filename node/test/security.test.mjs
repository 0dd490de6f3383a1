// TLS and SASL, against an embedded server that has both.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Client, Server } from "../index.mjs";
import { failing } from "./session.mjs";

const stores = fileURLToPath(new URL("../../core/proto/tests/stores", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pinfold-"));
writeFileSync(
  join(folder, "jaas.conf"),
  'Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_ann="secret"; };',
);
const server = await Server.start({
  properties: {
    "client.portUnification": "true",
    "ssl.clientAuth": "want",
    "ssl.keyStore.location": join(stores, "server.p12"),
    "ssl.keyStore.password": "pinfold",
    "ssl.trustStore.location": join(stores, "trust.jks"),
    "ssl.trustStore.password": "pinfold",
    "java.security.auth.login.config": join(folder, "jaas.conf"),
  },
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function schemes(t, options) {
  const client = await Client.connect(server.address, options);
  t.after(() => client.close());
  return (await client.whoAmI()).map(({ scheme }) => scheme).sort();
}

test("plain, TLS, a certificate and a user on one port", async (t) => {
  assert.deepEqual(await schemes(t), ["ip"]);
  assert.deepEqual(await schemes(t, { tlsCaFile: join(stores, "ca.pem") }), ["ip"]);
  const all = {
    tlsCaFile: join(stores, "trust.p12"),
    tlsCertFile: join(stores, "client.jks"),
    tlsStorePassword: "pinfold",
    tlsVerify: "full",
    tlsServerName: "localhost",
    saslUser: "ann",
    saslPassword: "secret",
  };
  assert.deepEqual(await schemes(t, all), ["ip", "sasl", "x509"]);
  assert.deepEqual(await schemes(t, { tlsVerify: "none" }), ["ip"]);
});

test("who is not trusted or not believed", async () => {
  const stranger = { connectTimeoutMs: 300, tlsVerify: "full" };
  await assert.rejects(Client.connect(server.address, stranger), failing("NOT_CONNECTED"));
  const liar = { saslUser: "ann", saslPassword: "wrong" };
  await assert.rejects(Client.connect(server.address, liar), failing("AUTH_FAILED"));
});

test("options that cannot be", async () => {
  const refused = (options, message) =>
    assert.throws(() => Client.open(server.address, options), { name: "PinfoldError", message });
  refused({ saslUser: "ann" }, /sasl_password/);
  refused({ tlsCaFile: 5 }, /tlsCaFile must be a string/);
  refused({ tlsVerify: "some" }, /tlsVerify must be one of full, ca, none/);
  refused({ tlsCaFile: "/nowhere/ca.pem" }, /\/nowhere\/ca\.pem/);
  const bad = Server.start({ properties: { tickTime: "soon" } });
  await assert.rejects(bad, failing("SERVER"));
});
