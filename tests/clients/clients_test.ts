/**
 * Other people's clients of chat completions against the real server: each cuts
 * off the second answer in the middle and sends what was heard of it with the
 * third question, as voice platforms do. In the end it is to hang up.
 *
 * `.ci/clients get` installs them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type OpenAiAnswer, startFakeOpenAi } from "../fakes/openai.ts";
import { cleanEnv, startServer } from "../fakes/server.ts";

const KEY = "key-for-tests-only-0123456789";
const HERE = new URL("./", import.meta.url).pathname;

const CLIENTS = [
  ["openai for Node", "node", "openai_node.mjs"],
  ["LiveKit Agents for Node", "node", "livekit_node.mjs"],
  ["openai for Python", "python", "openai_python.py"],
  ["LiveKit Agents for Python", "python", "livekit_python.py"],
  ["Pipecat", "python", "pipecat_python.py"],
] as const;

const TURNS = [
  { say: "Good morning" },
  { say: "Count to ten", stopAfter: "two," },
  { say: "And then?" },
  { say: "Goodbye" },
];

/** What the model says; of the second answer there is no end, unless it is cancelled. */
const ANSWERS: readonly OpenAiAnswer[] = [
  { kind: "text", chunks: ["Good ", "morning ", "to you."] },
  { kind: "stall", chunks: ["One, ", "two, ", "three, ", "four, "] },
  { kind: "text", chunks: ["Three, ", "and four."] },
  {
    kind: "tool-calls",
    chunks: ["Goodbye. "],
    calls: [{ name: "end_call", arguments: '{"reason":"done"}' }],
  },
];

/** Where a language's clients lie; nothing where they weren't installed. */
function findPackages(language: string): string | undefined {
  const { stdout } = new Deno.Command(`${HERE}../../.ci/clients`, {
    args: ["path", language],
  }).outputSync();
  const folder = new TextDecoder().decode(stdout).trim();
  try {
    return Deno.statSync(folder).isDirectory ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Runs a client to its end, and returns the answers that it heard. */
async function converse(
  language: string,
  program: string,
  env: Record<string, string>,
): Promise<unknown> {
  const { code, stdout, stderr } = await new Deno.Command(
    language === "node" ? "node" : "python3",
    { args: [HERE + program], clearEnv: true, env: cleanEnv(env) },
  ).output();
  const decoder = new TextDecoder();
  const [last = ""] = decoder.decode(stdout).split("\n")
    .filter((line) => line.startsWith('{"answers":'));
  assertEquals(code, 0, decoder.decode(stderr).slice(-4_000));
  return JSON.parse(last).answers;
}

for (const [name, language, program] of CLIENTS) {
  const packages = findPackages(language);
  Deno.test({
    name: `${name} has a conversation with Parley, interrupts it and hangs up`,
    ignore: packages === undefined,
    async fn() {
      await using model = startFakeOpenAi(ANSWERS);
      await using server = await startServer({
        env: {
          API_KEYS: KEY,
          LLM_PROVIDER: "openai",
          OPENAI_BASE_URL: `${model.url}/v1`,
          OPENAI_API_KEY: "test-key",
          OPENAI_MODEL: "gpt-6-luna",
        },
      });
      const answers = await converse(language, program, {
        PACKAGES: packages ?? "",
        PYTHONPATH: packages ?? "",
        PYTHONPYCACHEPREFIX: `${packages}/.pycache`,
        PARLEY_URL: `${server.url}/v1`,
        PARLEY_KEY: KEY,
        CONVERSATION: "call-1",
        TURNS: JSON.stringify(TURNS),
      });
      assertEquals(answers, [
        "Good morning to you.",
        "One, two,",
        "Three, and four.",
        "Goodbye. [end_call]",
      ]);

      const asked = model.requests.filter(({ method }) => method === "POST");
      assertEquals(asked.length, 4);
      assertEquals(await asked[1]?.ended, "cancelled");
      const said = asked[2]?.body?.messages
        ?.filter(({ role }) => role !== "system")
        .map(({ role, content }) => [role, content]);
      assertEquals(said, [
        ["user", "Good morning"],
        ["assistant", "Good morning to you."],
        ["user", "Count to ten"],
        ["assistant", "One, two, [interrupted]"],
        ["user", "And then?"],
      ]);
    },
  });
}
