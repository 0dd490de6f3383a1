import { Anchor } from "./anchor";
import * as argument from "./argument";
import { PinfoldError } from "./error";
import { native, type NativeServer } from "./native";
import { SERVER_DEFAULTS, type ServerOptions } from "./vocabulary";

/**
 * A real server inside this process, for tests and for small applications. It runs on its own
 * threads and keeps the process alive until it is stopped.
 */
export class Server {
  /** "host:port": what a client's `hosts` takes. */
  readonly address: string;
  readonly #native: NativeServer;
  readonly #anchor = new Anchor(this);
  #stopped: Promise<void> | undefined;

  private constructor(server: NativeServer) {
    this.#native = server;
    this.address = server.address();
  }

  /** Starts a server; resolves when it accepts connections. Rejects with SERVER. */
  static async start(options?: ServerOptions): Promise<Server> {
    const { listen, dataDir, tickTimeMs, properties } = argument.options("options", options);
    const server = await native.startServer(
      listen == null ? null : argument.text("listen", listen),
      dataDir == null ? null : argument.text("dataDir", dataDir),
      argument.uint32("tickTimeMs", tickTimeMs ?? SERVER_DEFAULTS.tickTimeMs),
      Object.entries(argument.options("properties", properties ?? {})).map(([name, value]) => [
        argument.text("the name of a property", name),
        argument.text(`properties[${JSON.stringify(name)}]`, value),
      ]),
    );
    if (Array.isArray(server)) throw PinfoldError.fromNative(server);
    return new Server(server);
  }

  /** Stops it in order; resolves when its data are on the disk. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#native.stop().then((error) => {
      this.#anchor.release();
      if (error) throw PinfoldError.fromNative(error);
    });
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
