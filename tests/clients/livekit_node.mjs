/**
 * LiveKit Agents for Node, as a session of it asks the model: the class LLM of
 * its plugin for OpenAI.
 *
 * @module
 */
import { endCall, load, parley, talk } from "./_talk.mjs";

const { OpenAI } = load("openai");
const { initializeLogger, llm } = load("@livekit/agents");
const { LLM } = load("@livekit/agents-plugin-openai");

initializeLogger({ pretty: false, level: "error" });
const toolCtx = [llm.tool({ ...endCall, execute: () => "ended" })];
const model = new LLM({ model: "parley", client: new OpenAI(parley) });

await talk(async function* (messages) {
  const chatCtx = llm.ChatContext.empty();
  for (const message of messages) chatCtx.addMessage(message);
  const stream = model.chat({ chatCtx, toolCtx });
  let usage;
  try {
    for await (const chunk of stream) {
      usage = chunk.usage ?? usage;
      const { content, toolCalls = [] } = chunk.delta ?? {};
      yield content ?? "";
      for (const { name } of toolCalls) yield `[${name}]`;
    }
    if (!usage) throw new Error("No usage came, though it was asked for");
  } finally {
    stream.close();
  }
});
// Its machinery for jobs would keep the process alive.
process.exit(0);
