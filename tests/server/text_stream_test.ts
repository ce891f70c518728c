import { assert, assertEquals } from "@std/assert";
import { createTextStream } from "../../src/server/text_stream.ts";

const sleep = () => new Promise<void>((go) => setTimeout(go));

Deno.test("createTextStream() sends each text at once to a client who waits for it", async () => {
  const stream = createTextStream();
  const reader = stream.body.getReader();
  for (const word of ["Grüße ", "👋"]) {
    const read = reader.read();
    assertEquals(stream.write(word), undefined);
    assertEquals(new TextDecoder().decode((await read).value), word);
  }
  stream.end();
  assertEquals((await reader.read()).done, true);
  assertEquals(stream.signal.aborted, false);
});

Deno.test("createTextStream() sends what is written before anybody reads", async () => {
  const stream = createTextStream();
  stream.write("one ");
  stream.write("two");
  stream.end();
  stream.end();
  assertEquals(stream.write("three"), undefined);
  assertEquals(await new Response(stream.body).text(), "one two");
});

Deno.test("createTextStream() ends without any text", async () => {
  const stream = createTextStream();
  stream.end();
  assertEquals(await new Response(stream.body).text(), "");
});

Deno.test("createTextStream() reports that the client left before any text, also while it waits for one", async () => {
  const early = createTextStream();
  await early.body.cancel();
  assertEquals(early.signal.aborted, true);
  const stream = createTextStream();
  const reader = stream.body.getReader();
  const read = reader.read();
  await sleep();
  await reader.cancel();
  assertEquals((await read).done, true);
  assertEquals(stream.signal.aborted, true);
  assertEquals(stream.write("too late"), undefined);
  stream.end();
});

Deno.test("createTextStream() has its writer wait for a slow client, until there is room or the client left", async () => {
  for (const leaves of [false, true]) {
    const stream = createTextStream();
    const reader = stream.body.getReader();
    let written = 0;
    let room: Promise<void> | undefined;
    while (room === undefined) {
      room = stream.write("a few words ");
      written++;
      assert(written < 10_000);
    }
    let isOpen = true;
    room.then(() => isOpen = false);
    await sleep();
    assertEquals(isOpen, true);
    if (leaves) {
      await reader.cancel();
    } else {
      const { value } = await reader.read();
      assertEquals(value?.length, written * "a few words ".length);
    }
    await room;
    assertEquals(stream.write("word "), undefined);
    await reader.cancel();
  }
});

Deno.test("createTextStream() survives a client that leaves at the very moment it is sent something", async () => {
  const stream = createTextStream();
  const reader = stream.body.getReader();
  const read = reader.read();
  await sleep();
  // What a read resolves to is asked for `then` while the text is being sent,
  // which is when Deno's server notices that nobody takes it.
  Object.defineProperty(Object.prototype, "then", {
    configurable: true,
    get: () => {
      Reflect.deleteProperty(Object.prototype, "then");
      void reader.cancel();
      return undefined;
    },
  });
  stream.write("Are you there?");
  await read;
  assertEquals(stream.signal.aborted, true);
  assertEquals(stream.write("No"), undefined);
});
