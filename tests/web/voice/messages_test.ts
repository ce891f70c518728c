import { assertEquals } from "@std/assert";
import {
  addMessage,
  addTurn,
  type Message,
  type Turn,
} from "../../../src/web/voice/messages.js";

/** The conversation that messages make, a line a turn. */
function read(messages: Message[], turns: Turn[] = []): string[] {
  for (const message of messages) addMessage(turns, message);
  return turns.map(({ caller, parts }) =>
    caller ??
      parts.map((part) => part.type === "words" ? part.text : "").join()
  );
}

Deno.test("addMessage() puts what a caller says together, and believes the last of each piece", () => {
  const type = "user.transcript.interim_delta";
  const piece = (delta_counter: number, content: string) => ({
    type,
    content,
    delta_counter,
    turn_id: "t1",
  });
  const pieces = [piece(0, "WHAT "), piece(1, "now?"), piece(0, "What ")];
  assertEquals(read(pieces), ["What now?"]);
  const whole = {
    type: "user.transcript",
    content: "What now!",
    turn_id: "t1",
  };
  assertEquals(read([...pieces, whole]), ["What now!"]);
});

Deno.test("addMessage() shows once what was typed, though it is repeated", () => {
  const turns: Turn[] = [];
  addTurn(turns, { caller: "Hello", isTyped: true });
  const echo = (turn_id: string) => ({
    type: "user.transcript",
    content: "Hello",
    turn_id,
  });
  assertEquals(read([echo("t1")], turns), ["Hello"]);
  // Said once more, it is another turn.
  assertEquals(read([echo("t2")], turns), ["Hello", "Hello"]);
});

Deno.test("addMessage() puts sentences together, and pieces that the whole follows", () => {
  const say = (type: string, ...contents: string[]) =>
    contents.map((content) => ({ type, content, turn_id: "t1" }));
  assertEquals(read(say("response.text", "One.", "Two.", " Three.")), [
    "One. Two. Three.",
  ]);
  assertEquals(
    read([
      ...say("response.text.delta", "One", ". Two."),
      ...say("response.text", "One. Two."),
    ]),
    ["One. Two."],
  );
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
