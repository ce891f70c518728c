/**
 * OpenAI's own package for Node.
 *
 * @module
 */
import { load, parley, talk } from "./_talk.mjs";

const { OpenAI } = load("openai");
const client = new OpenAI({ ...parley, maxRetries: 0 });

await talk(async function* (messages) {
  const { data } = await client.models.list();
  const stream = await client.chat.completions.create({
    model: data[0].id,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  let usage;
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    yield chunk.choices[0]?.delta.content ?? "";
  }
  if (!usage) throw new Error("No usage came, though it was asked for");
});
