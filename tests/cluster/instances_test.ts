/**
 * Two instances that know each other by their store alone: whatever one of them
 * has done, the other goes on from there. On every store that can be shared.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { readAnswer, sendEvent } from "../../src/platforms/layercode/client.ts";
import { message, readEvents, SECRET, spoken } from "../fakes/layercode.ts";
import {
  agentOf,
  attempt,
  type Manner,
  startCluster,
  startModel,
  STORES,
  tell,
  turn,
  until,
  wordsFor,
} from "./_cluster.ts";

const SHORT: Manner = { words: 3, delayMs: 20 };
const LONG: Manner = { words: 400, delayMs: 50 };
/** A second, and what a busy machine adds to it. */
const SILENT_WITHIN_MS = 1_500;

for (const { name, missing, start } of STORES) {
  if (missing) tell(`Two instances on ${name} are not tested: ${missing}`);

  Deno.test({
    name:
      `main.ts ends an answer within a second when another instance begins a newer turn (${name})`,
    ignore: missing !== undefined,
    async fn() {
      await using model = startModel((turn) => turn === "c1t0" ? LONG : SHORT);
      await using shared = await start();
      await using cluster = await startCluster(shared, model);
      const lineTo = (instance: { url: string }) => ({
        url: agentOf(instance),
        secret: SECRET,
      });

      const older = await sendEvent(turn(1, 0), lineTo(cluster.a));
      const words = Promise.withResolvers<void>();
      const events: { type: string; content?: unknown }[] = [];
      const over = (async () => {
        for await (const event of readAnswer(older)) {
          events.push(event);
          words.resolve();
        }
        return performance.now();
      })();
      await words.promise;
      const newer = await sendEvent(turn(1, 1), lineTo(cluster.b));
      assertEquals(newer.status, 200);
      const acceptedAt = performance.now();
      const answer = readEvents(newer);
      const silentMs = await over - acceptedAt;
      assertEquals(events.at(-1)?.type, "response.end");
      const [request] = model.requests;
      const cancelledMs = (await request?.cancelled ?? Infinity) - acceptedAt;
      tell(
        `${name}: A is silent ${silentMs.toFixed(0)} ms after B accepted, ` +
          `its model free after ${cancelledMs.toFixed(0)} ms`,
      );
      assertLess(silentMs, SILENT_WITHIN_MS);
      assertLess(cancelledMs, SILENT_WITHIN_MS);
      assertEquals(spoken(await answer), wordsFor("c1t1", 3).join(""));

      const session = await shared.open().load("conv_1");
      const [first, second] = session.turns;
      assertEquals(first?.status, "interrupted");
      const heard = spoken(events);
      assert(heard !== "" && first?.assistant.startsWith(heard));
      assertEquals(second?.status, "complete");
      assertEquals(second?.assistant, wordsFor("c1t1", 3).join(""));
      assertEquals(session.turns.length, 2);
    },
  });

  Deno.test({
    name:
      `main.ts answers a turn once that comes to two instances at the same time (${name})`,
    ignore: missing !== undefined,
    async fn() {
      await using model = startModel(() => ({ words: 20, delayMs: 40 }));
      await using shared = await start();
      await using cluster = await startCluster(shared, model);
      const words = wordsFor("c1t0", 20).join("");
      for (const conversation of [1, 2, 3, 4, 5]) {
        const event = turn(conversation, 0);
        const words = wordsFor(`c${conversation}t0`, 20).join("");
        const answers = await Promise.all([
          attempt(event, agentOf(cluster.a)),
          attempt(event, agentOf(cluster.b)),
        ]);
        for (const { status, heard, ended } of answers) {
          assertEquals({ status, ended }, { status: 200, ended: true });
          assert(words.startsWith(heard), heard);
        }
        assert(answers.some(({ heard }) => heard === words));
        const session = await shared.open().load(`conv_${conversation}`);
        const kept = session.turns.map(({ user, assistant, status }) => {
          return { user, assistant, status };
        });
        assertEquals(kept as unknown[], [
          { user: event.text, assistant: words, status: "complete" },
        ]);
      }
      // And it stays so when it comes yet again, to either.
      const asked = model.requests.length;
      for (const instance of cluster.instances) {
        const again = await attempt(turn(1, 0), agentOf(instance));
        assertEquals(again, { status: 200, heard: words, ended: true });
      }
      assertEquals(model.requests.length, asked);
    },
  });

  Deno.test({
    name:
      `main.ts answers anew what another instance left unfinished when it was killed (${name})`,
    ignore: missing !== undefined,
    async fn() {
      let asked = 0;
      await using model = startModel(() => asked++ === 0 ? LONG : SHORT);
      await using shared = await start();
      await using cluster = await startCluster(shared, model);
      const broken = attempt(turn(1, 0), agentOf(cluster.a));
      const store = shared.open();
      await until(async () => {
        const { turns } = await store.load("conv_1");
        return (turns[0]?.assistant ?? "") !== "";
      });
      await cluster.a.stop("SIGKILL");
      const { status, heard, ended } = await broken;
      assertEquals({ status, ended }, { status: 200, ended: false });

      const left = (await store.load("conv_1")).turn("turn_1_0");
      assertEquals(left?.user, "This is c1t0");
      assertEquals(left?.status, undefined);
      // A far store has a word, of which 20 come in a second, 250 ms later.
      const late = name === "file" ? 0 : 6;
      const words = heard.split(" ");
      const kept = words.slice(0, Math.max(words.length - late, 0)).join(" ");
      assert(left?.assistant.startsWith(kept), `${left?.assistant}|${heard}`);

      const answer = wordsFor("c1t0", 3).join("");
      const again = await attempt(turn(1, 0), agentOf(cluster.b));
      assertEquals(again, { status: 200, heard: answer, ended: true });
      const { turns } = await store.load("conv_1");
      assertEquals(turns.length, 1);
      assertEquals(turns[0]?.assistant, answer);
      assertEquals(turns[0]?.status, "complete");
    },
  });

  Deno.test({
    name:
      `main.ts keeps what Layercode tells once, whichever instance is told, and answers pages (${name})`,
    ignore: missing !== undefined,
    async fn() {
      await using model = startModel(() => SHORT);
      await using shared = await start();
      await using cluster = await startCluster(shared, model);
      await attempt(turn(1, 0), agentOf(cluster.a));
      const ids = { conversation_id: "conv_1", turn_id: "turn_1_0" };
      const events = [
        message("", { ...ids, type: "data", data: { clicked: "yes" } }),
        message("", { ...ids, type: "session.end", duration: 12 }),
      ];
      const replies: string[] = [];
      for (const event of events) {
        // One after the other, and then at once.
        for (const some of [["a"], ["b"], ["a", "b"]] as const) {
          await Promise.all(some.map(async (letter) => {
            const response = await sendEvent(event, {
              url: agentOf(cluster[letter]),
              secret: SECRET,
            });
            assertEquals(response.status, 200);
            replies.push(await response.text());
          }));
        }
      }
      assertEquals([...new Set(replies)], ['{"status":"ok"}']);
      const greet = { ...ids, type: "session.start", turn_id: "turn_1_1" };
      const greetings = await Promise.all(
        cluster.instances.map(async (instance) => {
          const line = { url: agentOf(instance), secret: SECRET };
          return spoken(await readEvents(await sendEvent(greet, line)));
        }),
      );
      const session = await shared.open().load("conv_1");
      assertEquals(session.notes.map(({ name }) => name), ["session.end"]);
      // The agent says nothing to what pages send, and that isn't kept.
      assertEquals(session.replyTo("turn_1_0", { clicked: "yes" }), undefined);
      const [, greeted, ...more] = session.turns;
      assertEquals(greetings, [greeted?.assistant, greeted?.assistant]);
      assertEquals(more, []);
    },
  });
}
