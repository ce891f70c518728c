import { assertEquals } from "@std/assert";
import {
  createRedact,
  findSecretValues,
} from "../../../src/cli/doctor/redact.ts";

/** What is left of a text where these variables are set. */
function redact(env: Record<string, string>, text: string): string {
  const { detail, fix } = createRedact(findSecretValues(env))(
    { status: "fail", title: "a", detail: text, fix: text },
  );
  assertEquals(fix, detail);
  return detail;
}

Deno.test("findSecretValues() knows a secret by its variable's name, whoever reads it", () => {
  for (
    const name of [
      "NEXT_API_KEY",
      "API_KEYS",
      "TWILIO_AUTH_TOKEN",
      "RETELL_SECRET",
      "PGPASSWORD",
      "GOOGLE_APPLICATION_CREDENTIALS",
    ]
  ) {
    assertEquals(redact({ [name]: "hush-hush" }, "hush-hush"), "[secret]");
  }
});

Deno.test("findSecretValues() leaves alone what no secret is", () => {
  const env = {
    CONTEXT_TOKENS: "8192",
    FIRST_TOKEN_TIMEOUT_MS: "10000",
    OLLAMA_MODEL: "llama3.2:3b",
    GEMINI_MODEL: "gemini-x",
    PORT: "3000",
  };
  const text = Object.values(env).join(" ");
  assertEquals(redact(env, text), text);
  // What others put where a key is asked for and none is needed.
  assertEquals(redact({ OPENAI_API_KEY: "ollama" }, "ollama"), "ollama");
});

Deno.test("findSecretValues() knows passwords in addresses, and each of several secrets", () => {
  for (
    const address of [
      "postgres://me:pass%2Fword@db/parley",
      "http://me:pass%2Fword@127.0.0.1:1",
      "me:pass%2Fword@127.0.0.1:1",
    ]
  ) {
    assertEquals(
      redact({ ANY_ADDRESS: address }, "pass%2Fword pass/word"),
      "[secret] [secret]",
    );
  }
  assertEquals(
    redact({ API_KEYS: "one-key, one-key-more" }, "one-key one-key-more"),
    "[secret] [secret]",
  );
});
