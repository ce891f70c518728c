/**
 * The baseline that Parley is measured against: the least code that brings a
 * model's words to a caller. It calls the model with `fetch` and writes each piece
 * of text as an event, without verification, history, deadline or store.
 *
 * Arguments: `ollama` or `gemini`, and the model's address.
 *
 * @module
 */
import { print } from "../_print.ts";

const [vendor, model] = Deno.args;
const wires = {
  ollama: {
    path: "/api/chat",
    ask: (content: string) => ({
      model: "bench",
      messages: [{ role: "user", content }],
    }),
    // deno-lint-ignore no-explicit-any -- a line of the vendor's, unchecked
    read: (line: string): any => JSON.parse(line).message.content,
  },
  gemini: {
    path: "/v1beta/models/bench:streamGenerateContent?alt=sse",
    ask: (text: string) => ({
      contents: [{ role: "user", parts: [{ text }] }],
    }),
    read: (line: string) =>
      JSON.parse(line.slice("data: ".length)).candidates[0].content.parts[0]
        .text,
  },
};
const { path, ask, read } = wires[vendor as keyof typeof wires];

Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  onListen: ({ port }) => print(`{"url":"http://127.0.0.1:${port}"}`),
}, async (request) => {
  const { text, turn_id } = await request.json();
  const answer = await fetch(`${model}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(ask(text)),
  });
  const encoder = new TextEncoder();
  const write = (event: object) =>
    encoder.encode(`data: ${JSON.stringify({ ...event, turn_id })}\n\n`);
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const decoder = new TextDecoder();
      let rest = "";
      for await (const bytes of answer.body ?? []) {
        const lines = (rest + decoder.decode(bytes, { stream: true }))
          .split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const content = line.trim() && read(line);
          if (!content) continue;
          controller.enqueue(write({ type: "response.tts", content }));
        }
      }
      controller.enqueue(write({ type: "response.end" }));
      controller.close();
    },
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream" },
  });
});
