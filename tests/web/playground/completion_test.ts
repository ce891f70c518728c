/**
 * The request of another platform, run by a real shell against the real server.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { toCompletion } from "../../../src/web/playground/completion.js";
import { cleanEnv, startServer } from "../../fakes/server.ts";

const KEY = "key-for-tests-only-0123456789";
const TEXT = `It's "so" so: $HOME \`date\` \u4e16`;
const TURNS = [
  { request: { type: "session.start" }, text: "Welcome!", heard: 8 },
  { request: { type: "message", text: "Hi" }, text: "Yes, sure.", heard: 4 },
  { request: { type: "data", data: 1 }, text: "", heard: 0 },
  { request: { type: "message", text: TEXT }, text: "Well.", heard: 5 },
];

Deno.test("toCompletion() makes a command that a shell runs, key and all", async () => {
  await using server = await startServer({
    env: { API_KEYS: KEY, SPEECH_CLEANUP: "off" },
  });
  const script = toCompletion(TURNS, {
    origin: server.url,
    conversation: "conv_1",
  });
  const run = async (env: Record<string, string>) => {
    const { stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", script],
      env: cleanEnv(env),
      clearEnv: true,
    }).output();
    return new TextDecoder().decode(stdout.length > 0 ? stdout : stderr);
  };
  const words = (await run({ API_KEY: KEY })).split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)).choices[0].delta.content ?? "");
  assertStringIncludes(words.join(""), `You said: ${TEXT}.`);
  assertStringIncludes(words.join(""), "message number 2");
  assertStringIncludes(await run({}), "API_KEY: is one of API_KEYS");
});

Deno.test("toCompletion() tells what was heard, and ends with the caller's words", () => {
  const script = toCompletion(TURNS, {
    origin: "http://x",
    conversation: "conv_1",
  });
  const [, body = ""] = /--data-binary '(.*)'\n$/.exec(script) ?? [];
  assertEquals(JSON.parse(body.replaceAll(`'\\''`, "'")).messages, [
    { role: "assistant", content: "Welcome!" },
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Yes," },
    { role: "user", content: TEXT },
  ]);
});
