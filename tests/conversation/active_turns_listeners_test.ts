import { assertEquals } from "@std/assert";
import { ActiveTurn } from "../../src/conversation/active_turns.ts";
import type { TurnOutput, TurnPart } from "../../src/conversation/turn.ts";

const speech = (text: string): TurnPart => ({ type: "speech", text });

/** A turn that a test writes, and of which it sees when the last listener is gone. */
async function setup(stalledMs = 60_000) {
  const seen = { nobody: 0 };
  const begun = Promise.withResolvers<TurnOutput>();
  const over = Promise.withResolvers<void>();
  const turn = new ActiveTurn("t1", {
    run(signal, out) {
      signal.addEventListener("abort", () => {
        seen.nobody++;
        over.resolve();
      });
      begun.resolve(out);
      return over.promise;
    },
    ready: Promise.resolve(),
    before: undefined,
    stalledMs,
    onOver() {},
  });
  const out = await begun.promise;
  /** Writes a part, and asks for room, as a turn does. */
  function write(part: TurnPart): Promise<void> | undefined {
    out.write(part);
    return out.room();
  }
  const add: ActiveTurn["listen"] = (write) => turn.listen(write);
  const finish = async () => {
    over.resolve();
    await turn.done;
  };
  return { listeners: { write, add, finish }, seen };
}

/** A listener who keeps what it takes, and may be told to have no room. */
function createListener() {
  let room: PromiseWithResolvers<void> | undefined;
  const words: string[] = [];
  return {
    words,
    fill: () => void (room = Promise.withResolvers()),
    async makeRoom() {
      room?.resolve();
      room = undefined;
      await Promise.resolve();
    },
    write(part: TurnPart): Promise<void> | undefined {
      words.push(part.type === "speech" ? part.text : part.type);
      return room?.promise;
    },
  };
}

/** No timer may be left behind. */
function test(name: string, fn: () => Promise<void> | void): void {
  Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn });
}

test("ActiveTurn gives one who comes later all from the beginning", async () => {
  const { listeners } = await setup();
  const [one, two] = [createListener(), createListener()];
  listeners.add(one.write);
  listeners.write(speech("One, "));
  listeners.write({ type: "data", content: { a: 1 } });
  listeners.add(two.write);
  assertEquals(two.words, ["One, ", "data"]);
  listeners.write(speech("two."));
  assertEquals([one.words, two.words], [
    ["One, ", "data", "two."],
    ["One, ", "data", "two."],
  ]);
  await listeners.finish();
});

test("ActiveTurn waits while all are slow, and goes at the pace of the fastest", async () => {
  const { listeners } = await setup();
  const [slow, fast] = [createListener(), createListener()];
  listeners.add(slow.write);
  slow.fill();
  const room = listeners.write(speech("1"));
  let hasRoom = false;
  room?.then(() => hasRoom = true);
  await Promise.resolve();
  assertEquals([room instanceof Promise, hasRoom], [true, false]);
  listeners.add(fast.write);
  await room;
  assertEquals(listeners.write(speech("2")), undefined);
  assertEquals([slow.words, fast.words], [["1", "2"], ["1", "2"]]);
  await listeners.finish();
});

test("ActiveTurn tells when the last has left, and not before", async () => {
  const { listeners, seen } = await setup();
  const leave = [1, 2].map(() => listeners.add(createListener().write));
  leave[0]?.();
  leave[0]?.();
  assertEquals(seen.nobody, 0);
  leave[1]?.();
  assertEquals(seen.nobody, 1);
});

test("ActiveTurn leaves one who takes nothing for long", async () => {
  const { listeners, seen } = await setup(20);
  const stalled = createListener();
  listeners.add(stalled.write);
  stalled.fill();
  // Whoever waits for room is told.
  await listeners.write(speech("1"));
  assertEquals(seen.nobody, 1);
});

test("ActiveTurn keeps one who takes something now and then", async () => {
  const { listeners, seen } = await setup(200);
  const slow = createListener();
  listeners.add(slow.write);
  for (let n = 0; n < 10; n++) {
    slow.fill();
    const room = listeners.write(speech("1"));
    await new Promise((go) => setTimeout(go, 40));
    await slow.makeRoom();
    await room;
  }
  assertEquals(seen.nobody, 0);
  await listeners.finish();
});

test("ActiveTurn keeps no more of a turn than 64 Ki letters, and takes none in after that", async () => {
  const { listeners, seen } = await setup();
  const [fast, slow] = [createListener(), createListener()];
  listeners.add(fast.write);
  listeners.add(slow.write);
  slow.fill();
  for (let n = 0; n < 20; n++) listeners.write(speech("x".repeat(8_192)));
  assertEquals(fast.words.length, 20);
  // The slow one is left; it would otherwise be owed more and more.
  assertEquals([slow.words.length, seen.nobody], [10, 0]);
  assertEquals(listeners.add(createListener().write), undefined);
  await listeners.finish();
});

test("ActiveTurn takes in no more than four", async () => {
  const { listeners } = await setup();
  const added = Array.from(
    { length: 6 },
    () => listeners.add(createListener().write) !== undefined,
  );
  assertEquals(added, [true, true, true, true, false, false]);
  await listeners.finish();
});

test("ActiveTurn ends though its listener has no room", async () => {
  const { listeners } = await setup();
  const slow = createListener();
  listeners.add(slow.write);
  slow.fill();
  listeners.write(speech("1"));
  listeners.write(speech("2"));
  await listeners.finish();
  assertEquals(slow.words, ["1", "2"]);
});
