// Compiled, never run: what a user of the package writes must type-check, and what would be wrong
// must not.
import {
  Client,
  CreateMode,
  ErrorCode,
  LeaderElection,
  Master,
  PinfoldError,
  Server,
  submit,
  TaskQueue,
  Worker,
  type Stat,
  type WatchEvent,
} from "pinfold";

export async function story(): Promise<void> {
  await using server = await Server.start({ tickTimeMs: 500, dataDir: null });
  await using client = await Client.connect(server.address, {
    sessionTimeoutMs: 5_000,
    auth: [["digest", "ann:secret"]],
  });
  client.on("state", (state) => {
    const expired: boolean = state === "expired";
    return expired;
  });
  const { path, stat } = await client.create("/x", new Uint8Array(3), {
    mode: CreateMode.EPHEMERAL_SEQUENTIAL,
  });
  const owner: bigint = stat.ephemeralOwner;
  const version: number = stat.version;
  const data: Buffer | null = (await client.get(path, (event: WatchEvent) => event.kind)).data;
  const absent: Stat | null = await client.exists("/y");
  const results = await client.multi([
    { op: "check", path, version },
    { op: "create", path: "/z", mode: "persistent" },
  ]);
  if (results[0]?.op === "set") results[0].stat.mzxid satisfies bigint;
  for await (const { kind, zxid } of await client.addWatch("/", "persistent_recursive")) {
    if (kind === "deleted") zxid satisfies bigint;
  }
  for await (const state of client.states()) state satisfies string;

  await using leadership = await new LeaderElection(client, "/election").campaign("me");
  leadership.signal.throwIfAborted();
  await using master = await Master.start(client, "/app", { id: "m" });
  master.on("event", ({ kind, task }) => kind === "task_dead" && task.length);
  await using worker = await Worker.start(client, "/app", { id: "w", capacity: 16 }, async (job) => {
    job.signal.throwIfAborted();
    return job.payload;
  });
  await worker.ended;
  const { result } = await new TaskQueue(client, "/app").result(await submit(client, "/app", "x"));
  result satisfies Buffer;
  void [owner, data, absent];

  // @ts-expect-error data is no number
  void client.set("/x", 7);
  // @ts-expect-error a version is no BigInt
  void client.delete("/x", 1n);
  // @ts-expect-error there is no such mode
  void client.create("/x", "", { mode: "eternal" });
  // @ts-expect-error a read takes a listener, not a flag
  void client.get("/x", true);
  // @ts-expect-error a worker has a handler
  void Worker.start(client, "/app", { id: "w" });
}

export function branch(error: unknown): string {
  if (!(error instanceof PinfoldError)) return "other";
  if (error.code === ErrorCode.NO_NODE) return error.path ?? "";
  return error.outcome === "maybe_applied" ? "look before repeating" : error.codeName;
}
