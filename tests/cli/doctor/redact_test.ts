import { assert, assertEquals } from "@std/assert";
import {
  createRedact,
  findSecretValues,
  passwordsIn,
} from "../../../src/cli/doctor/redact.ts";
import { SETTINGS } from "../../../src/settings/config.ts";
import { isSecret } from "../../../src/settings/setting.ts";

/** What is left of a text where these variables are set. */
function redact(env: Record<string, string>, text: string): string {
  const { detail, fix } = createRedact(findSecretValues(env))(
    { status: "fail", title: "a", detail: text, fix: text },
  );
  assertEquals(fix, detail);
  return detail;
}

Deno.test("findSecretValues() finds exactly the settings that are declared secret", () => {
  const hidden = SETTINGS.map(({ env }) => env).filter((name) =>
    redact({ [name]: "hush-hush" }, "hush-hush") === "[secret]"
  );
  for (
    const name of [
      "LAYERCODE_WEBHOOK_SECRET",
      "LAYERCODE_API_KEY",
      "GOOGLE_GENERATIVE_AI_API_KEY",
      "ADMIN_TOKEN",
      "PLAYGROUND_TOKEN",
      "DENO_KV_ACCESS_TOKEN",
      "PGPASSWORD",
    ]
  ) {
    assert(hidden.includes(name), name);
  }
  assertEquals(
    hidden,
    SETTINGS.filter(isSecret).map(({ env }) => env),
  );
});

Deno.test("isSecret() is true where nobody declared that the value may be seen", () => {
  assertEquals(isSecret({ env: "X" }), true);
  assertEquals(isSecret({ env: "X", default: "1" }), false);
  assertEquals(isSecret({ env: "X", secret: false }), false);
  assertEquals(isSecret({ env: "X", default: "1", secret: true }), true);
});

Deno.test("findSecretValues() leaves out what is not a secret", () => {
  const env = {
    HOST: "127.0.0.1",
    LAYERCODE_AGENT_ID: "agent-one",
    ALLOWED_ORIGINS: "https://a.example",
    PGUSER: "postgres",
    CONTEXT_TOKENS: "8192",
    FIRST_TOKEN_TIMEOUT_MS: "10000",
    OLLAMA_MODEL: "llama3.2:3b",
    GEMINI_MODEL: "gemini-x",
    PORT: "3000",
  };
  const text = Object.values(env).join(" ");
  assertEquals(redact(env, text), text);
  // What others put where a key is asked for and none is needed.
  assertEquals(redact({ LAYERCODE_API_KEY: "ollama" }, "ollama"), "ollama");
});

Deno.test("findSecretValues() finds passwords in URLs, and each of several secrets", () => {
  for (
    const address of [
      "postgres://me:pass%2Fword@db/parley",
      "http://me:pass%2Fword@127.0.0.1:1",
      "me:pass%2Fword@127.0.0.1:1",
    ]
  ) {
    assertEquals(
      redact({ SESSION_STORE: address }, "pass%2Fword pass/word"),
      "[secret] [secret]",
    );
  }
  assertEquals(
    redact(
      { LAYERCODE_WEBHOOK_SECRET: "one-key, one-key-more" },
      "one-key one-key-more",
    ),
    "[secret] [secret]",
  );
});

Deno.test("passwordsIn() finds a password that can't be decoded", () => {
  assertEquals(passwordsIn("http://me:100%25%@a"), ["100%25%", "100%%"]);
});
