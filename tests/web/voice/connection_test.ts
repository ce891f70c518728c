import { assertEquals } from "@std/assert";
import {
  addMessage,
  addTurn,
  type Message,
  type Turn,
} from "../../../src/web/voice/connection.js";

/** The conversation that messages make, a line a turn. */
function read(messages: Message[], turns: Turn[] = []): string[] {
  for (const message of messages) addMessage(turns, message);
  return turns.map(({ caller, parts }) =>
    caller ??
      parts.map((part) => part.type === "words" ? part.text : "").join()
  );
}

Deno.test("addMessage() shows once what was typed, though it is repeated", () => {
  const turns: Turn[] = [];
  addTurn(turns, { caller: "Hello" });
  const echo = (turn_id: string) => ({
    type: "user.transcript",
    content: "Hello",
    turn_id,
  });
  assertEquals(read([echo("t1")], turns), ["Hello"]);
  // Said once more, it is another turn.
  assertEquals(read([echo("t2")], turns), ["Hello", "Hello"]);
});

Deno.test("addMessage() puts the sentences of an answer together", () => {
  const say = (content: string) => ({
    type: "response.text",
    content,
    turn_id: "t1",
  });
  assertEquals(read([say("One."), say("Two."), say(" Three.")]), [
    "One. Two. Three.",
  ]);
});

Deno.test("addMessage() leaves out what isn't words", () => {
  assertEquals(
    read([
      { type: "turn.start" },
      { type: "response.audio", content: "UklGRg==" },
      { type: "response.text" },
    ]),
    [],
  );
});
