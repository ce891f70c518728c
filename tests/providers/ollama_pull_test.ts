import { assertEquals, assertRejects } from "@std/assert";
import { pull } from "../../src/providers/ollama.ts";
import { deadUrl, serveOn } from "./_diagnose.ts";

/** As a server of 2026 writes it: a manifest, two layers, and the rest. */
const LINES = [
  { status: "pulling manifest" },
  ...[0, 200, 500, 900].map((part) => ({
    status: "pulling a80c4f17acd5",
    digest: "sha256:a80c4f17acd5",
    total: 900,
    ...(part > 0 ? { completed: part } : {}),
  })),
  {
    status: "pulling 966de95ca8a6",
    digest: "sha256:966de95ca8a6",
    total: 100,
    completed: 100,
  },
  { status: "verifying sha256 digest" },
  { status: "success" },
];

/** A fake of Ollama's pull. */
function servePull(lines: unknown[], status = 200) {
  return serveOn((request) => {
    assertEquals(new URL(request.url).pathname, "/api/pull");
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    return new Response(text, { status });
  });
}

async function pullFrom(url: string): Promise<[number, number][]> {
  const told: [number, number][] = [];
  await pull(url, "qwen3.5:4b", (...counts) => told.push(counts));
  return told;
}

Deno.test("pull() reports its progress, over all layers", async () => {
  await using ollama = servePull(LINES);
  assertEquals(await pullFrom(ollama.url), [
    [0, 0],
    [0, 900],
    [200, 900],
    [500, 900],
    [900, 900],
    [1000, 1000],
    [1000, 1000],
    [1000, 1000],
  ]);
});

Deno.test("pull() fails with Ollama's message, before the first step or after it", async () => {
  const error = "pull model manifest: file does not exist";
  for (const before of [[], LINES.slice(0, 3)]) {
    await using ollama = servePull([...before, { error }]);
    await assertRejects(() => pullFrom(ollama.url), Error, error);
  }
  await using refusing = servePull([{ error: "invalid model name" }], 400);
  await assertRejects(() => pullFrom(refusing.url), Error, "status 400");
  await assertRejects(() => pullFrom(deadUrl()), Error, "Cannot reach ollama");
});

Deno.test("pull() fails if the answer ends too soon", async () => {
  await using ollama = servePull(LINES.slice(0, 4));
  await assertRejects(() => pullFrom(ollama.url), Error, "Did not receive");
});
