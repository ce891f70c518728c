import { assertEquals } from "@std/assert";
import {
  addMessage,
  addTurn,
  type Message,
  type Turn,
} from "../../../src/web/voice/connection.js";

/** The conversation that messages result in, one line per turn. */
function read(messages: Message[], turns: Turn[] = []): string[] {
  for (const message of messages) addMessage(turns, message);
  return turns.map(({ user, assistant }) => user ?? assistant ?? "");
}

Deno.test("addMessage() shows typed text once, even if Layercode sends it back", () => {
  const turns: Turn[] = [];
  addTurn(turns, { user: "Hello" });
  const echo = (turn_id: string) => ({
    type: "user.transcript",
    content: "Hello",
    turn_id,
  });
  assertEquals(read([echo("t1")], turns), ["Hello"]);
  // The same words again are another turn.
  assertEquals(read([echo("t2")], turns), ["Hello", "Hello"]);
});

Deno.test("addMessage() joins the sentences of an answer", () => {
  const say = (content: string) => ({
    type: "response.text",
    content,
    turn_id: "t1",
  });
  assertEquals(read([say("One."), say("Two."), say(" Three.")]), [
    "One. Two. Three.",
  ]);
});

Deno.test("addMessage() ignores messages without text", () => {
  assertEquals(
    read([
      { type: "turn.start" },
      { type: "response.audio", content: "UklGRg==" },
      { type: "response.text" },
    ]),
    [],
  );
});
