/**
 * The whole of it at once: two instances behind nginx, on Postgres, and two
 * hundred callers. One instance is killed among them and comes back.
 *
 * `CLUSTER_CONVERSATIONS` sets how many callers; 200 unless told.
 *
 * @module
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { GeminiRequestBody } from "../fakes/gemini.ts";
import { startNginx, whyNoNginx } from "../fakes/nginx.ts";
import {
  agentOf,
  attempt,
  startCluster,
  startModel,
  STORES,
  tell,
  turn,
  turnsOf,
  until,
  wordsFor,
} from "./_cluster.ts";

const CONVERSATIONS = Number(Deno.env.get("CLUSTER_CONVERSATIONS") ?? 200);
/** How many turns each has at least; they go on until the killed one is back at work. */
const TURNS = 4;
const MAX_TURNS = 40;
const MANNER = { words: 5, delayMs: 60 };
/** Some time before a turn that failed is sent again. */
const AGAIN_AFTER_MS = 200;
const MAX_ATTEMPTS = 30;

const POSTGRES = STORES.find(({ name }) => name === "postgres");
const missing = POSTGRES?.missing ?? whyNoNginx();
if (missing) tell(`The test of a whole cluster is left out: ${missing}`);

/** What was in the history that the model was shown and doesn't belong there. */
function findStrays({ contents = [] }: GeminiRequestBody): string[] {
  const names = JSON.stringify(contents.filter(({ role }) => role === "user"))
    .match(/c\d+t\d+/g) ?? [];
  const [conversation] = names.at(-1)?.split("t") ?? [];
  return names.filter((name, index) => name !== `${conversation}t${index}`);
}

Deno.test({
  name:
    "main.ts, two of it behind nginx on Postgres, loses and mixes up nothing of 200 conversations when one is killed",
  ignore: missing !== undefined,
  async fn() {
    assert(POSTGRES);
    const strays: string[] = [];
    await using model = startModel(
      () => MANNER,
      (body) => strays.push(...findStrays(body)),
    );
    await using shared = await POSTGRES.start();
    await using cluster = await startCluster(shared, model);
    const { a, b } = cluster;
    await using nginx = await startNginx([a.url, b.url]);
    const url = agentOf(nginx);

    const count = { accepted: 0, retries: 0, broken: 0, refused: 0 };
    /** By turn: accepted or not, and what was heard at last. */
    const known = new Map<string, { text: unknown; heard?: string }>();

    async function say(conversation: number, number: number): Promise<void> {
      const event = turn(conversation, number);
      const id = String(event.turn_id);
      for (let tries = 0; tries < MAX_ATTEMPTS; tries++) {
        const { status, heard, ended } = await attempt(event, url, () => {
          count.accepted++;
          known.set(id, { text: event.text });
        });
        if (ended) {
          known.set(id, { text: event.text, heard });
          return;
        }
        count.retries++;
        if (status === 200) count.broken++;
        else if (status !== undefined) count.refused++;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
      }
      throw new Error(`${id} got no answer`);
    }
    const isBack = () =>
      cluster.instances[0] !== a && turnsOf(cluster.instances[0] ?? a) > 0;
    async function talk(conversation: number): Promise<number> {
      let number = 0;
      while (number < TURNS || (number < MAX_TURNS && !isBack())) {
        await say(conversation, number++);
      }
      return number;
    }

    const startedAt = performance.now();
    const talks = Promise.all(
      Array.from({ length: CONVERSATIONS }, (_, index) => talk(index)),
    );
    // When all has gone well for a while.
    await Promise.race([
      talks,
      until(() => turnsOf(a) >= CONVERSATIONS / 2, 120_000),
    ]);
    const before = turnsOf(a);
    await a.stop("SIGKILL");
    await until(() => count.broken > 0, 30_000);
    await cluster.restart(0);
    const lengths = await talks;
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const seconds = (performance.now() - startedAt) / 1_000;
    const [again] = cluster.instances;
    assert(again && again !== a);
    const after = turnsOf(again);
    tell(
      `${total} turns of ${CONVERSATIONS} conversations in ${
        seconds.toFixed(1)
      } s; sent again: ${count.retries}, of them cut in mid-answer: ` +
        `${count.broken}, refused: ${count.refused}; answered by A ${before} ` +
        `and, restarted, ${after}, by B ${turnsOf(b)}`,
    );

    assertEquals(new URL(again.url).port, new URL(a.url).port);
    assertGreater(before, 0);
    assertGreater(after, 0);
    assertGreater(turnsOf(b), 0);
    assertGreater(count.broken, 0);
    assertEquals(strays, []);

    // Turns that died with A never get their end, so none is waited for.
    const store = shared.open();
    for (const [index, length] of lengths.entries()) {
      const session = await store.load(`conv_${index}`);
      const turns = session.turns.map(({ id, user, assistant, status }) => {
        return { id, user, assistant, status };
      });
      const expected = Array.from({ length }, (_, number) => {
        const { turn_id, text } = turn(index, number);
        const id = String(turn_id);
        const { heard } = known.get(id) ?? {};
        assertEquals(
          heard,
          wordsFor(`c${index}t${number}`, MANNER.words).join(""),
        );
        return { id, user: text, assistant: heard, status: "complete" };
      });
      assertEquals(turns as unknown[], expected);
    }
    // Nothing twice, and no gap: by the records themselves.
    const records = await shared.sql?.(
      "select count(*), count(distinct (uid, record::json->>'turnId')) " +
        `from parley_records where record like '{"type":"user"%'`,
    );
    assertEquals(records?.trim(), `${total}|${total}`);
    const gaps = await shared.sql?.(
      "select count(*) from (select uid from parley_records group by uid " +
        "having min(seq) <> 1 or max(seq) <> count(*)) gap",
    );
    assertEquals(gaps?.trim(), "0");
  },
});
