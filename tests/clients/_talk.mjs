/**
 * A caller's conversation for the programs beside it, which differ in how they
 * ask alone. The test that starts one tells it where and what to say in its
 * environment, and reads the answers as JSON from its output.
 *
 * @module
 */
import { createRequire } from "node:module";
import process from "node:process";

const { PACKAGES, PARLEY_URL, PARLEY_KEY, CONVERSATION, TURNS } = process.env;

/** Where Parley is, and as whom it is asked. */
export const parley = {
  baseURL: PARLEY_URL,
  apiKey: PARLEY_KEY,
  defaultHeaders: { "x-parley-conversation": CONVERSATION },
};

/** Loads a package from the folder that `.ci/clients` fills. */
export const load = createRequire(`${PACKAGES}/package.json`);

/** A tool that the platform runs, as most of them have one. */
export const endCall = {
  name: "end_call",
  description: "Ends the call when the caller says goodbye",
  parameters: {
    type: "object",
    properties: { reason: { type: "string", description: "Why it ends" } },
    required: ["reason"],
  },
};

/**
 * Has the conversation. Where a turn says so, the caller speaks over the agent
 * once a word was heard, and what came after it was never played.
 *
 * @param {(messages: object[]) => AsyncIterable<string>} ask yields the answer
 * in pieces, a call of a tool as its name in brackets; when it is left early, it
 * has to close the connection
 */
export async function talk(ask) {
  const messages = [];
  for (const { say, stopAfter } of JSON.parse(`${TURNS}`)) {
    messages.push({ role: "user", content: say });
    let heard = "";
    for await (const piece of ask(messages)) {
      heard += piece;
      const at = stopAfter ? heard.indexOf(stopAfter) : -1;
      if (at < 0) continue;
      heard = heard.slice(0, at + stopAfter.length);
      break;
    }
    messages.push({ role: "assistant", content: heard });
  }
  const answers = messages.filter(({ role }) => role === "assistant");
  print(answers.map(({ content }) => content));
}

/** Hands a value to the test; whatever else a package prints is no line like it. @param {unknown} answers */
export function print(answers) {
  process.stdout.write(`\n${JSON.stringify({ answers })}\n`);
}
