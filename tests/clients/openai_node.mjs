/**
 * OpenAI's own package for Node.
 *
 * @module
 */
import { endCall, load, parley, talk } from "./_talk.mjs";

const { OpenAI } = load("openai");
const client = new OpenAI({ ...parley, maxRetries: 0 });

await talk(async function* (messages) {
  const { data } = await client.models.list();
  const stream = await client.chat.completions.create({
    model: data[0].id,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    tools: [{ type: "function", function: endCall }],
  });
  let usage;
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    const { content, tool_calls = [] } = chunk.choices[0]?.delta ?? {};
    yield content ?? "";
    for (const call of tool_calls) yield `[${call.function.name}]`;
  }
  if (!usage) throw new Error("No usage came, though it was asked for");
});
