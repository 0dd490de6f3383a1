/** The longest delay that a timer keeps, about 25 days. */
const LONGEST_MS = 0x7fff_ffff;

/**
 * Keeps the process alive while something is open. The native side's wake-up must not do that
 * itself: it is weak, so that it cannot keep a process alive after its client was closed.
 *
 * @internal
 */
export class Anchor {
  readonly #timer: NodeJS.Timeout;

  /** `owner` stays too: a server that only its address is kept of must not be collected. */
  constructor(owner: object) {
    this.#timer = setInterval(() => owner, LONGEST_MS);
  }

  ref(): void {
    this.#timer.ref();
  }

  unref(): void {
    this.#timer.unref();
  }

  release(): void {
    clearInterval(this.#timer);
  }
}
