/**
 * An engine in memory, for tests of what all stores share.
 *
 * @module
 */
import type {
  Engine,
  ReadLines,
  SessionLines,
} from "../../src/sessions/_store.ts";
import type { Line } from "../../src/sessions/record.ts";

/** An engine in memory that counts its calls, and whose writes a test can delay or fail. */
export class FakeEngine implements Engine {
  readonly name = "fake";
  /** The number of records in each write. */
  readonly writes: number[] = [];
  /** The highest number of concurrent writes. */
  atOnce = 0;
  underWay = 0;
  reads = 0;
  opened = 0;
  /** Awaited before each write. */
  before: () => Promise<void> = () => Promise.resolve();
  readonly kept = new Map<string, { born: string; lines: string[] }>();

  open = (id: string) => {
    this.opened++;
    return new FakeLines(id, this);
  };
  list: Engine["list"] = () => Promise.resolve([]);
  sweep: Engine["sweep"] = () => Promise.resolve(0);
  check: Engine["check"] = () => Promise.resolve();
  close: Engine["close"] = () => Promise.resolve();
}

class FakeLines implements SessionLines {
  #born: string | undefined;
  #length = 0;

  constructor(readonly id: string, readonly engine: FakeEngine) {}

  read(mustReadAll: boolean): ReadLines {
    this.engine.reads++;
    const found = this.engine.kept.get(this.id);
    const isSame = found?.born === this.#born && !mustReadAll;
    const start = isSame ? this.#length : 0;
    this.#born = found?.born;
    this.#length = found?.lines.length ?? 0;
    const lines = found?.lines.slice(start) ?? [];
    return { which: isSame ? "next" : "all", lines };
  }

  async append(lines: readonly Line[]): Promise<boolean> {
    const { engine, id } = this;
    engine.atOnce = Math.max(engine.atOnce, ++engine.underWay);
    try {
      await engine.before();
    } finally {
      engine.underWay--;
    }
    const found = engine.kept.get(id) ??
      { born: crypto.randomUUID(), lines: [] };
    const isKnown = found.lines.length === this.#length &&
      (this.#length === 0 || found.born === this.#born);
    if (!isKnown) return false;
    const isAlone = lines[0]?.record.type === "deleted";
    const before = isAlone ? found.lines.map(() => "") : found.lines;
    found.lines = [...before, ...lines.map(({ json }) => json)];
    engine.kept.set(id, found);
    engine.writes.push(lines.length);
    this.#born = found.born;
    this.#length = found.lines.length;
    return true;
  }
}
