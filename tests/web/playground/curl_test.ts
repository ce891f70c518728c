/**
 * The copied script, run by a real shell against the real server.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { toCurl } from "../../../src/web/playground/curl.js";
import { cleanEnv, startServer } from "../../fakes/server.ts";

/** What a shell could stumble over. */
const TEXTS = [
  "plain",
  `It's "quoted", and so's this: ''`,
  "two\nlines\tand a tab",
  "$HOME ${PATH} $(exit 1) `exit 1` \\ \\n %s %% !! #",
  "Grüße, 世界 🎉 \u2028 \u0001",
  "-d @/etc/passwd; exit 1 & |",
];

/** Runs a script in a shell and returns what it printed. */
async function run(
  script: string,
  options: { cwd: string; env?: Record<string, string>; shell?: string },
): Promise<string> {
  const { cwd, env, shell = "bash" } = options;
  const { stdout, stderr } = await new Deno.Command(shell, {
    args: ["-c", script],
    cwd,
    env: cleanEnv(env),
    clearEnv: true,
  }).output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) || decoder.decode(stderr);
}

/** The words of an answer, as curl printed it. */
function wordsOf(printed: string): string {
  return printed.split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice(6)).content ?? "").join("");
}

Deno.test("toCurl() makes a script that a shell runs, whatever the text", async () => {
  await using server = await startServer({ env: { SPEECH_CLEANUP: "off" } });
  const place = {
    url: `${server.url}/agent`,
    secret: { file: "./data/webhook-secret" },
  };
  for (const [index, text] of TEXTS.entries()) {
    const event = {
      type: "message",
      conversation_id: `conv_${index}`,
      session_id: "sess_1",
      turn_id: "turn_old",
      text,
    };
    for (const shell of ["bash", "sh"]) {
      const script = toCurl(
        { ...event, conversation_id: shell + index },
        place,
      );
      const printed = await run(script, { cwd: server.folder, shell });
      assertStringIncludes(wordsOf(printed), `You said: ${text}.`, printed);
      assertStringIncludes(wordsOf(printed), "message number 1");
    }
  }
});

Deno.test("toCurl() takes the secret from the environment, the first of several", async () => {
  const secret = "a 'secret' of $mine";
  const env = { LAYERCODE_WEBHOOK_SECRET: `${secret},another one` };
  await using server = await startServer({ env });
  const script = toCurl(
    { type: "session.start", conversation_id: "c", turn_id: "t" },
    {
      url: `${server.url}/agent`,
      secret: { variable: "LAYERCODE_WEBHOOK_SECRET" },
    },
  );
  const printed = await run(script, { cwd: server.folder, env });
  assertStringIncludes(printed, "Welcome");
  assertStringIncludes(printed, "response.end");
});

Deno.test("toCurl() keeps the rest of the event, and gives the turn a new id", () => {
  const context = { previous_turn_interrupted: true, text_heard: "It's" };
  const script = toCurl(
    { type: "message", turn_id: "turn_1", interruption_context: context },
    { url: "http://localhost:3000/agent", secret: { file: "it's here" } },
  );
  assertStringIncludes(script, `secret=$(cat 'it'\\''s here')`);
  assertStringIncludes(script, `"text_heard":"It'\\''s"`);
  assertStringIncludes(script, `"turn_id":"turn_'"$t"'"`);
  assertEquals(script.includes("turn_1"), false);
});
