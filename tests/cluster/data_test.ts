/**
 * What a page sends reaches the owner's handler through any instance. Here two
 * of them in one process, so that the handler can be watched.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { createDataAnswer } from "../../src/conversation/data.ts";
import { STORES, tell } from "./_cluster.ts";

for (const { name, missing, start } of STORES) {
  if (missing) tell(`Data on ${name} is not tested: ${missing}`);

  Deno.test({
    name: `createDataAnswer() gives one reply on every instance (${name})`,
    ignore: missing !== undefined,
    async fn() {
      await using shared = await start();
      let calls = 0;
      const make = () =>
        createDataAnswer({
          store: shared.open(),
          onData: () => ({ number: ++calls }),
          now: Date.now,
        });
      const [a, b, c] = [make(), make(), make()];
      const context = { conversationId: "c", turnId: "t", metadata: {} };

      assertEquals(await a({ page: 1 }, context), { number: 1 });
      assertEquals(await b({ page: 1 }, context), { number: 1 });
      assertEquals(calls, 1);

      // At once, the handlers know nothing of each other; the page is told one thing.
      for (let page = 2; page < 6; page++) {
        const replies = await Promise.all(
          [a, b, c].map((answer) => answer({ page }, context)),
        );
        assertEquals(new Set(replies.map((it) => JSON.stringify(it))).size, 1);
        assertEquals(await make()({ page }, context), replies[0]);
      }
    },
  });
}
