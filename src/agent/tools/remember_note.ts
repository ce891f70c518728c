/**
 * A tool that remembers a fact for the rest of the conversation, however long it
 * gets and across reconnects.
 *
 * @module
 */
import * as z from "zod";
import { type Tool, tool } from "../../conversation/tools.ts";

/** Stores a note, which the model sees from then on. */
export const rememberNote: Tool = tool({
  name: "remember_note",
  description:
    "Remembers a fact about the caller or a wish of theirs for the rest of the conversation",
  parameters: z.object({
    note: z.string().min(1).max(500).describe("The fact, in one sentence"),
  }),
  async run({ note }, { remember }) {
    await remember(note);
    return "Remembered";
  },
});
