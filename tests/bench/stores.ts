/**
 * Measures what storing a turn costs in each store: with one caller and with fifty
 * at once, in a long conversation, and beside many others.
 *
 * A turn here is only its records: the caller's words, twenty pieces of the answer
 * one after another, and the end. No model is called.
 *
 * @module
 */
import { printText } from "../../src/server/log.ts";
import { createFileStore } from "../../src/sessions/file.ts";
import { createKvStore } from "../../src/sessions/kv.ts";
import { createPostgresStore } from "../../src/sessions/postgres.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { startPostgres, whyNoPostgres } from "../fakes/postgres.ts";
import { findDenokv, startDenokv } from "../sessions/_denokv.ts";
import { assistant, end, user } from "../sessions/contract.ts";
import { type Figure, ms, percentile } from "./_table.ts";

const PIECES = 20;
const CALLERS = 50;
const LONG = 500;
const SAMPLE = 50;
/** The numbers of stored conversations to measure with. */
const STORED = [1_000, 10_000, 100_000];

/** The data of one store, and how to open it. */
interface Place extends AsyncDisposable {
  open(): SessionStore;
}

/** Runs the bench on every store that is available here. */
export async function benchStores(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, make] of findPlaces()) {
    printText(`  ${name} …`);
    await using place = await make();
    for (const [what, value] of await measure(place)) {
      figures.push({ what: `${name}: ${what}`, value });
    }
  }
  return figures;
}

function findPlaces(): [string, () => Promise<Place>][] {
  const folder = async (open: (folder: string) => SessionStore) => {
    const path = await Deno.makeTempDir();
    return {
      open: () => open(path),
      [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
    };
  };
  const places: [string, () => Promise<Place>][] = [
    ["file", () => folder((folder) => createFileStore({ folder }))],
    ["kv", () => folder((path) => createKvStore({ path: `${path}/kv` }))],
  ];
  const denokv = findDenokv();
  if (denokv === undefined) printText("  no denokv here: left out");
  else {
    places.push(["denokv", async () => {
      const server = await startDenokv(denokv);
      return {
        open: () => createKvStore({ path: server.url }),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    }]);
  }
  const why = whyNoPostgres();
  if (why !== undefined) printText(`  ${why}: left out`);
  else {
    places.push(["postgres", async () => {
      const { url, ...server } = await startPostgres();
      return {
        open: () => createPostgresStore({ url }),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    }]);
  }
  return places;
}

async function measure(place: Place): Promise<[string, string][]> {
  const store = place.open();
  const rows: [string, string][] = [];
  try {
    await talk(store, "warm-up", 30);
    const long = await talk(store, "long", LONG);
    rows.push(["a turn, 1 caller, p50 and p99", spread(long)]);
    const first = percentile(long.slice(0, SAMPLE), 0.5);
    const last = percentile(long.slice(-SAMPLE), 0.5);
    rows.push([
      `  the last ${SAMPLE} of ${LONG} turns over the first`,
      (last / first).toFixed(2),
    ]);
    const many = await Promise.all(
      Array.from({ length: CALLERS }, (_, n) => talk(store, `caller-${n}`, 6)),
    );
    rows.push([`a turn, ${CALLERS} callers`, spread(many.flat())]);
    let stored = 0;
    for (const count of STORED) {
      await fill(store, stored, count);
      stored = count;
      rows.push([`beside ${count} others`, await measureBeside(place, count)]);
    }
    return rows;
  } finally {
    await store.close();
  }
}

/** Measures with nothing in memory, like another process. */
async function measureBeside(place: Place, count: number): Promise<string> {
  const store = place.open();
  try {
    await store.load("warm-up");
    const loads: number[] = [];
    for (let n = 0; n < SAMPLE; n++) {
      const id = `stored-${Math.floor(Math.random() * count)}`;
      loads.push(await time(() => store.load(id)));
    }
    const turns = await talk(store, `new beside ${count}`, SAMPLE);
    const page = await time(() => store.list());
    return `turn ${spread(turns)}; first look at one ${
      ms(percentile(loads, 0.5))
    }; list ${ms(page)}`;
  } finally {
    await store.close();
  }
}

async function fill(
  store: SessionStore,
  from: number,
  to: number,
): Promise<void> {
  let next = from;
  await Promise.all(Array.from({ length: 32 }, async () => {
    while (next < to) {
      await store.update(`stored-${next++}`, () => [user("t", "Hello")]);
    }
  }));
}

/** Stores turns of one conversation. Returns how long each took, in milliseconds. */
async function talk(
  store: SessionStore,
  id: string,
  turns: number,
): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < turns; n++) {
    const turnId = `turn_${n}`;
    took.push(
      await time(async () => {
        await store.load(id);
        const question = user(turnId, "What is the weather?");
        const writer = await store.open(id, () => [question]);
        for (let piece = 0; piece < PIECES; piece++) {
          writer.add(assistant(turnId, `word${piece} `));
        }
        writer.add(end(turnId));
        await writer.close();
      }),
    );
  }
  return took;
}

async function time(task: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await task();
  return performance.now() - startedAt;
}

function spread(samples: readonly number[]): string {
  return `${ms(percentile(samples, 0.5))}, ${ms(percentile(samples, 0.99))}`;
}
