// The conformance driver of the Node package: see ../../DRIVERS.md.
import { createInterface } from "node:readline";
import { Client } from "../../../../node/index.mjs";

const clients = new Map();

/** Every line in one write: what was observed first stands first. */
function emit(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function open({ client: name, hosts, session_timeout_ms: sessionTimeoutMs, auth }) {
  const client = Client.open(hosts, { sessionTimeoutMs, auth });
  client.on("state", (state) => emit({ client: name, state }));
  clients.set(name, { client, watches: new Map() });
}

/** Submits at once; the reply's line is written by a continuation of the promise itself. */
function call(name, id, op, args) {
  const session = clients.get(name);
  const watch = (event) =>
    emit({ client: name, watch: id, event: { kind: event.kind, path: event.path } });
  const shown = SHOWN[op] ?? show;
  submit(session, id, op, args, watch).then(
    (value) => emit({ client: name, id, ok: shown(value) }),
    (error) => emit({ client: name, id, error: failure(error) }),
  );
}

/** How the results of some operations are shown; the others tell by what they hold. */
const SHOWN = {
  add_watch: () => ({}),
  get_ephemerals: (paths) => ({ paths }),
  get_all_children_number: (count) => ({ count }),
  who_am_i: (identities) => ({ identities }),
};

function submit({ client, watches }, id, op, args, watch) {
  const once = args.watch === true ? watch : undefined;
  switch (op) {
    case "create":
      return client.create(args.path, args.data, {
        mode: args.mode,
        acl: args.acl,
        ttlMs: args.ttl_ms,
      });
    case "delete":
      return client.delete(args.path, args.version);
    case "exists":
      return client.exists(args.path, once);
    case "get":
      return client.get(args.path, once);
    case "set":
      return client.set(args.path, args.data, args.version);
    case "get_children":
      return client.getChildren(args.path, once);
    case "get_acl":
      return client.getAcl(args.path);
    case "set_acl":
      return client.setAcl(args.path, args.acl, args.version);
    case "sync":
      return client.sync(args.path);
    case "multi":
      return client.multi(args.ops.map(({ ttl_ms: ttlMs, ...step }) => ({ ...step, ttlMs })));
    case "multi_read":
      return client.multiRead(args.ops);
    case "get_ephemerals":
      return client.getEphemerals(args.prefix);
    case "get_all_children_number":
      return client.getAllChildrenNumber(args.path);
    case "who_am_i":
      return client.whoAmI();
    case "remove_all_watches":
      return client.removeAllWatches(args.path, args.watch_type);
    case "check_watches":
      return client.checkWatches(args.path, args.watch_type);
    case "add_auth":
      return client.addAuth(args.scheme, args.auth);
    case "add_watch": {
      const armed = client.addWatch(args.path, args.mode, watch);
      watches.set(id, armed);
      return armed;
    }
    case "remove_watches":
      // Armed by an earlier call, whose answer a case has always seen.
      return watches.get(args.watch).then((armed) => client.removeWatches(armed));
    default:
      throw new Error(`unknown operation ${op}`);
  }
}

function burst({ client, from_id: from, count, ops }) {
  for (let index = 0; index < count; index += 1) {
    const id = from + index;
    const { op, args } = ops[index % ops.length];
    const filled = Object.entries(args).map(([name, value]) => [
      name,
      typeof value === "string" ? value.replaceAll("$i", String(id)) : value,
    ]);
    call(client, id, op, Object.fromEntries(filled));
  }
}

async function close(name) {
  const session = clients.get(name);
  clients.delete(name);
  await session.client.close();
  emit({ client: name, closed: true });
}

function show(value) {
  if (value === undefined) return {};
  if (Array.isArray(value)) return { results: value.map(({ op: _, ...result }) => show(result)) };
  // What `exists` answers is a bare stat, or null; `set` and `setAcl` answer a bare stat too.
  if (value === null || "czxid" in value) return { stat: value && stat(value) };
  const shown = {};
  for (const [name, field] of Object.entries(value)) {
    if (name === "stat") shown.stat = stat(field);
    else if (name === "data") shown.data = field && field.toString();
    else if (name === "names") shown.names = [...field].sort();
    else if (name === "error") shown.error = failure(field);
    else shown[name] = field;
  }
  return shown;
}

function stat(fields) {
  const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const entries = Object.entries(fields).map(([name, value]) => [
    snake(name),
    typeof value === "bigint" ? String(value) : value,
  ]);
  return Object.fromEntries(entries);
}

function failure({ code, codeName, path, outcome, opIndex }) {
  return { code, name: codeName, path, outcome, op_index: opIndex };
}

const input = createInterface({ input: process.stdin });
input.on("line", (line) => {
  const command = JSON.parse(line);
  if (command.do === "open") open(command);
  else if (command.do === "call") call(command.client, command.id, command.op, command.args ?? {});
  else if (command.do === "burst") burst(command);
  else if (command.do === "close") void close(command.client);
  else if (command.do === "exit") input.close();
});
input.on("close", () => {
  for (const name of [...clients.keys()]) void close(name);
});
