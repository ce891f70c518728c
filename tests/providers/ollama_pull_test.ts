import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type Progress, pull } from "../../src/providers/ollama_pull.ts";
import { deadUrl, serveOn } from "./_diagnose.ts";

/** As a server of 2026 writes it: a manifest, two layers, and the rest. */
const LINES = [
  { status: "pulling manifest" },
  ...[0, 200, 500, 900].map((part) => ({
    status: "pulling a80c4f17acd5",
    digest: "sha256:a80c4f17acd5",
    total: 900_000_000,
    ...(part > 0 ? { completed: part * 1_000_000 } : {}),
  })),
  {
    status: "pulling 966de95ca8a6",
    digest: "sha256:966de95ca8a6",
    total: 100_000_000,
    completed: 100_000_000,
  },
  { status: "verifying sha256 digest" },
  { status: "writing manifest" },
  { status: "success" },
];

/** Plays the part of Ollama that pulls. */
function servePull(lines: unknown[], status = 200) {
  return serveOn(async (request) => {
    assertEquals(new URL(request.url).pathname, "/api/pull");
    assertEquals((await request.json()).stream, true);
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    return new Response(text, {
      status,
      headers: {
        "content-type": status === 200
          ? "application/x-ndjson"
          : "application/json; charset=utf-8",
      },
    });
  });
}

function fetchAll(url: string): Promise<Progress[]> {
  const signal = AbortSignal.timeout(10_000);
  return Array.fromAsync(pull(url, "qwen3.5:4b", signal));
}

Deno.test("pull() tells how far it is, over all layers", async () => {
  await using ollama = servePull(LINES);
  const steps = await fetchAll(ollama.url);
  assertEquals(steps.length, LINES.length);
  assertEquals(steps[0], {
    status: "pulling manifest",
    completed: 0,
    total: 0,
  });
  assertEquals(steps[3]?.completed, 500_000_000);
  assertEquals(steps.at(-1), {
    status: "success",
    completed: 1_000_000_000,
    total: 1_000_000_000,
  });
});

Deno.test("pull() explains why a model can't be had", async () => {
  const cases: [string, string][] = [
    ["pull model manifest: file does not exist", "there is no model"],
    ["write /models/blobs/x: no space left on device", "disk is full"],
    ["something else", "something else"],
  ];
  for (const [error, says] of cases) {
    for (const before of [[], LINES.slice(0, 3)]) {
      await using ollama = servePull([...before, { error }]);
      const told = await assertRejects(() => fetchAll(ollama.url), Error);
      assertStringIncludes(told.message, says);
    }
    await using refusing = servePull([{ error }], 500);
    const told = await assertRejects(() => fetchAll(refusing.url), Error);
    assertStringIncludes(told.message, says);
  }
  await using cut = servePull(LINES.slice(0, 4));
  await assertRejects(() => fetchAll(cut.url), Error, "broke off");
  await assertRejects(() => fetchAll(deadUrl()), Error, "Cannot reach");
});

Deno.test("pull() stops with its signal", async () => {
  const left = Promise.withResolvers<void>();
  await using ollama = serveOn(() =>
    new Response(
      new ReadableStream({
        start(controller) {
          const line = `${JSON.stringify(LINES[1])}\n`;
          controller.enqueue(new TextEncoder().encode(line));
        },
        cancel: () => left.resolve(),
      }),
    )
  );
  const leave = new AbortController();
  await assertRejects(
    async () => {
      for await (const _ of pull(ollama.url, "m", leave.signal)) {
        leave.abort(new Error("stopped"));
      }
    },
    Error,
    "stopped",
  );
  await left.promise;
});
