import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { agent } from "../../fakes/agent.ts";
import {
  calls,
  createScriptedProvider,
  fails,
  says,
  stalls,
} from "../../fakes/provider.ts";
import {
  makeApi,
  messages,
  post,
  PREFIX,
  readChunks,
  readWords,
} from "./_api.ts";

const hello = { model: "any", stream: true, messages: messages(">Hello") };
const inCall = { "x-parley-conversation": "c1" };

Deno.test("POST /v1/chat/completions streams chunk by chunk, byte for byte as documented", async () => {
  const { handle } = makeApi(
    createScriptedProvider(says("Hi ", 'there "you".')),
    { now: () => 1_795_000_000_000 },
  );
  const response = await handle(post(hello));
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  const text = await response.text();
  const [, id = ""] = /"id":"(chatcmpl-[^"]+)"/.exec(text) ?? [];
  const head =
    `data: {"id":"${id}","object":"chat.completion.chunk","created":1795000000,"model":"any","choices":[{"index":0,"delta":`;
  assertEquals(
    text,
    [
      `${head}{"role":"assistant","content":""},"finish_reason":null}]}`,
      `${head}{"content":"Hi"},"finish_reason":null}]}`,
      `${head}{"content":" there \\"you\\"."},"finish_reason":null}]}`,
      `${head}{},"finish_reason":"stop"}]}`,
      "data: [DONE]",
      "",
    ].join("\n\n"),
  );
});

Deno.test("POST /v1/chat/completions sends the token counts on request, in a chunk without choices", async () => {
  const { handle } = makeApi(createScriptedProvider(says("Hi.")));
  const stream_options = { include_usage: true };
  const chunks = await readChunks(
    await handle(post({ ...hello, stream_options })),
  );
  assertEquals(chunks.at(-1).choices, []);
  assertEquals(chunks.at(-1).usage, {
    prompt_tokens: 0,
    completion_tokens: 1,
    total_tokens: 1,
  });
});

Deno.test("POST /v1/chat/completions answers in one JSON object if no stream is requested", async () => {
  const { handle } = makeApi(createScriptedProvider(says("Hi ", "there.")));
  for (const stream of [false, undefined, null]) {
    const response = await handle(post({ ...hello, stream }));
    assertEquals(response.headers.get("content-type"), "application/json");
    const { id, object, created, model, choices, usage } = await response
      .json();
    assertMatch(id, /^chatcmpl-/);
    assert(Number.isInteger(created));
    assertEquals([object, model], ["chat.completion", "any"]);
    assertEquals(choices, [{
      index: 0,
      message: { role: "assistant", content: "Hi there." },
      finish_reason: "stop",
    }]);
    assertEquals(usage.completion_tokens, 2);
  }
});

Deno.test("POST /v1/chat/completions streams to Vapi, which doesn't request it", async () => {
  const { handle, store } = makeApi(createScriptedProvider(says("Hi.")));
  const { stream: _, ...rest } = hello;
  const response = await handle(post({ ...rest, call: { id: "call-7" } }));
  assertEquals(await readWords(response), "Hi.");
  const { turns } = await store.load(`${PREFIX}call-7`);
  assertEquals(turns[0]?.user, "Hello");
});

Deno.test("POST /v1/chat/completions answers at all paths that platforms make of an address", async () => {
  const { handle } = makeApi(createScriptedProvider(says("Hi.")));
  for (
    const path of [
      "/v1/chat/completions",
      "/chat/completions",
      "/chat/completions/",
      "/v1/chat/completions/chat/completions",
      "/chat/completions/chat/completions",
      "/v1/v1/chat/completions",
    ]
  ) {
    assertEquals(await readWords(await handle(post(hello, {}, path))), "Hi.");
  }
});

Deno.test("POST /v1/chat/completions accepts content in parts, all roles, and unknown fields", async () => {
  const provider = createScriptedProvider(says("Hi."));
  const { handle } = makeApi(provider);
  const content = [
    { type: "text", text: "Hello" },
    { type: "image_url", image_url: { url: "data:," } },
    { type: "text", text: "there" },
  ];
  const response = await handle(post({
    messages: [
      { role: "system", content: "One." },
      { role: "developer", content: [{ type: "text", text: "Two." }] },
      { role: "user", content: "Before" },
      { role: "assistant", content: null, tool_calls: [] },
      { role: "function", name: "f", content: "{}" },
      { role: "tool", tool_call_id: "x", content: "{}" },
      { role: "tool", tool_call_id: { toString: 1 }, content: "{}" },
      { role: "user", content, name: "caller" },
    ],
    stream: "yes",
    temperature: "hot",
    max_tokens: -1,
    tools: [{ type: "web_search" }, 7],
    metadata: "none",
    call: null,
    elevenlabs_extra_body: {},
    parallel_tool_calls: true,
  }));
  assertEquals(response.status, 200);
  await response.body?.cancel();
  const [request] = provider.requests;
  assertStringIncludes(request?.system ?? "", "One.\n\nTwo.");
  assertEquals(request?.messages.at(-1)?.text, "Hello there");
});

Deno.test("POST /v1/chat/completions doesn't repeat a very long model name", async () => {
  const { handle } = makeApi(createScriptedProvider(says("Hi.")));
  const model = "m".repeat(1_000_000);
  const chunks = await readChunks(await handle(post({ ...hello, model })));
  assertEquals(chunks[0].model, "parley");
});

Deno.test("POST /v1/chat/completions says in OpenAI's format what is wrong with a request", async () => {
  const { handle } = makeApi(createScriptedProvider(says("Hi.")));
  const cases: [unknown, number, string][] = [
    ["{", 400, "not valid JSON"],
    ["[]", 400, "JSON object"],
    [{ messages: [] }, 400, '"messages" must not be empty'],
    [{ model: "any" }, 400, '"messages" is missing'],
    [{ messages: [{ role: "king", content: "" }] }, 400, "messages.0.role"],
    [{ messages: [{ role: "user", content: 7 }] }, 400, "messages.0.content"],
    [{ messages: "x".repeat(1_048_577) }, 413, "larger than"],
  ];
  for (const [body, status, part] of cases) {
    const response = await handle(post(body));
    assertEquals(response.status, status);
    const { error } = await response.json();
    assertEquals(Object.keys(error), ["message", "type", "code"]);
    assertEquals(error.type, "invalid_request_error");
    assertStringIncludes(error.message, part);
  }
  const other = await handle(post(hello, { "content-type": "text/plain" }));
  assertEquals(other.status, 415);
  assertEquals((await other.json()).error.code, "unsupported_media_type");
});

Deno.test("POST /v1/chat/completions says in OpenAI's format what is wrong with a method", async () => {
  const { handle } = makeApi(createScriptedProvider(says("Hi.")));
  for (
    const [path, method, allow] of [
      ["/v1/chat/completions", "GET", "POST"],
      ["/v1/models", "POST", "GET, HEAD"],
    ]
  ) {
    const request = new Request(`http://parley.test${path}`, {
      method: method!,
    });
    const response = await handle(request);
    assertEquals(response.status, 405);
    assertEquals(response.headers.get("allow"), allow);
    assertEquals((await response.json()).error.type, "invalid_request_error");
  }
});

Deno.test("POST /v1/chat/completions answers 503 and 404 in OpenAI's format", async () => {
  let isOver = false;
  const { handle } = makeApi(createScriptedProvider(says("Hi.")), {
    isDraining: () => isOver,
  });
  const typeOf = async (path: string, status: number) => {
    const response = await handle(post(hello, {}, path));
    assertEquals(response.status, status);
    const { error } = await response.json();
    assertEquals(Object.keys(error), ["message", "type", "code"]);
    return error.type;
  };
  for (const path of ["/v1/responses", "/v1/audio/speech", "/v1/"]) {
    assertEquals(await typeOf(path, 404), "invalid_request_error");
  }
  isOver = true;
  for (const path of ["/v1/chat/completions", "/chat/completions"]) {
    assertEquals(await typeOf(path, 503), "server_error");
  }
  const other = await handle(post(hello, {}, "/agent"));
  assertEquals(Object.keys((await other.json()).error), ["code", "message"]);
});

Deno.test("POST /v1/chat/completions tells the platform to retry if there are too many turns", async () => {
  const { handle } = makeApi(createScriptedProvider(stalls("One ")), {
    max: 1,
  });
  const first = await handle(post(hello, inCall));
  const other = { "x-parley-conversation": "c2" };
  const second = await handle(post(hello, other));
  assertEquals(second.status, 503);
  assertEquals(second.headers.get("retry-after"), "2");
  assertEquals((await second.json()).error.type, "server_error");
  await first.body?.cancel();
});

Deno.test("POST /v1/chat/completions speaks an apology after a failure, and ends as usual", async () => {
  const failing = fails(new Error("boom"));
  const { handle } = makeApi(createScriptedProvider(failing));
  const chunks = await readChunks(await handle(post(hello)));
  assertEquals(chunks.map(({ choices }) => choices[0].delta.content ?? ""), [
    ...["", "Sorry.", ""],
  ]);
  assertEquals(chunks.at(-1).choices[0].finish_reason, "stop");
});

Deno.test("POST /v1/chat/completions ends a filler with an ellipsis, and leaves it out of a JSON object", async () => {
  const slow = createScriptedProvider(async function* () {
    await new Promise((resolve) => setTimeout(resolve, 120));
    yield { type: "text-delta", text: "Yes." };
    yield { type: "finish", usage: {} };
  });
  const { handle } = makeApi(slow, { agent: { ...agent, fillerAfterMs: 50 } });
  const streamed = await readWords(await handle(post(hello)));
  assertMatch(streamed, /^One moment\.\.\. .*Yes\.$/);
  const whole = await handle(post({ ...hello, stream: false }));
  assertEquals((await whole.json()).choices[0].message.content, "Yes.");
});

const END_CALL = {
  type: "function",
  function: {
    name: "end_call",
    description: "Ends the call",
    parameters: { type: "object", properties: {} },
  },
};
const endCall = {
  id: "call_9",
  name: "end_call",
  arguments: { reason: "bye" },
};

Deno.test("POST /v1/chat/completions passes on a call of the platform's tool, and takes its result", async () => {
  const provider = createScriptedProvider(
    calls([endCall], { text: "Goodbye." }),
    says("It failed."),
  );
  const { handle } = makeApi(provider);
  const tools = [END_CALL];
  const chunks = await readChunks(
    await handle(post({ ...hello, tools }, inCall)),
  );
  const tool_calls = [{
    index: 0,
    id: "call_9",
    type: "function",
    function: { name: "end_call", arguments: '{"reason":"bye"}' },
  }];
  assertEquals(chunks.slice(-2).map(({ choices }) => choices[0]), [
    { index: 0, delta: { tool_calls }, finish_reason: null },
    { index: 0, delta: {}, finish_reason: "tool_calls" },
  ]);
  const result = {
    role: "tool",
    tool_call_id: "call_9",
    content: "not allowed",
  };
  const said = { role: "assistant", content: "Goodbye.", tool_calls };
  const next = { ...hello, messages: [...hello.messages, said, result], tools };
  assertEquals(await readWords(await handle(post(next, inCall))), "It failed.");
  const shown = provider.requests[1]?.messages.map(({ role, text }) =>
    `${role}: ${text}`
  );
  assertEquals(shown, [
    "user: Hello",
    "assistant: Goodbye.",
    "tool: not allowed",
  ]);
});

Deno.test("POST /v1/chat/completions sends the model all results with their calls if the request has no conversation id", async () => {
  const provider = createScriptedProvider(says("Rome."));
  const { handle } = makeApi(provider);
  const call = (id: string, city: string) => ({
    id,
    type: "function",
    function: { name: "weather", arguments: JSON.stringify({ city }) },
  });
  const tool_calls = [call("a", "Rome"), call("b", "Oslo")];
  const response = await handle(post({
    ...hello,
    messages: [
      ...messages(">Where is it warmer?"),
      { role: "assistant", content: null, tool_calls },
      { role: "tool", tool_call_id: "a", content: "18" },
      { role: "tool", tool_call_id: "b", content: "3" },
    ],
  }));
  assertEquals(await readWords(response), "Rome.");
  assertEquals(provider.requests[0]?.messages.map(({ text }) => text), [
    "Where is it warmer?",
    '[The call "weather({\\"city\\":\\"Rome\\"})" returned: "18"]\n' +
    '[The call "weather({\\"city\\":\\"Oslo\\"})" returned: "3"]',
  ]);
});

Deno.test("POST /v1/chat/completions distinguishes results that name no call", async () => {
  const provider = createScriptedProvider(
    ...["One.", "Two.", "Three."].map((text) => says(text)),
  );
  const { handle } = makeApi(provider);
  const said: unknown[] = [...hello.messages];
  for (const text of ["One.", "Two.", "Three."]) {
    if (text !== "Two.") said.push({ role: "tool", content: text });
    const body = { ...hello, messages: said };
    assertEquals(await readWords(await handle(post(body, inCall))), text);
    said.push(...messages(text), ...text === "One." ? messages(">And?") : []);
  }
});

Deno.test("POST /v1/chat/completions answers where a platform's tool calls hold what no text can be made of", async () => {
  const odd = { toString: 1 };
  for (
    const call of [odd, { id: odd }, {
      id: "a",
      function: { name: odd, arguments: odd },
    }, null]
  ) {
    const { handle } = makeApi(createScriptedProvider(says("Hi.")));
    const asked = [
      ...hello.messages,
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "a", content: "18" },
    ];
    const response = await handle(post({ ...hello, messages: asked }));
    assertEquals(response.status, 200);
    assertEquals(await readWords(response), "Hi.");
  }
});

Deno.test("POST /v1/chat/completions offers a tool once if the platform names it twice", async () => {
  const provider = createScriptedProvider(says("Hi."));
  const { handle } = makeApi(provider);
  const body = { ...hello, tools: [END_CALL, END_CALL] };
  await (await handle(post(body))).body?.cancel();
  const names = provider.requests[0]?.tools?.map(({ name }) => name);
  assertEquals(names, ["end_call"]);
});

Deno.test("POST /v1/chat/completions offers no platform tools if tool_choice is none", async () => {
  const provider = createScriptedProvider(says("Hi."));
  const { handle } = makeApi(provider);
  const body = { ...hello, tools: [END_CALL], tool_choice: "none" };
  await (await handle(post(body))).body?.cancel();
  assertEquals(provider.requests[0]?.tools, []);
});

Deno.test("POST /v1/chat/completions uses the platform's prompt as PLATFORM_PROMPT says", async () => {
  const body = { ...hello, messages: messages("#Be loud.", ">Hello") };
  const systems = await Promise.all(
    (["append", "ignore", "replace"] as const).map(async (platformPrompt) => {
      const provider = createScriptedProvider(says("Hi."));
      const { handle } = makeApi(provider, { platformPrompt });
      await (await handle(post(body))).body?.cancel();
      const [request] = provider.requests;
      return ["Be brief.", "Be loud."].map((it) =>
        request?.system.includes(it)
      );
    }),
  );
  assertEquals(systems, [[true, true], [true, false], [false, true]]);
});

Deno.test("POST /v1/chat/completions answers a task from the model alone, and stores nothing", async () => {
  const provider = createScriptedProvider(says('{"title": "*Rooms*"}'));
  const { handle, store } = makeApi(provider);
  const headers = { ...inCall, "x-parley-task": "title_generation" };
  const body = { ...hello, stream: false, tools: [END_CALL] };
  const response = await handle(post(body, headers));
  const { choices } = await response.json();
  assertEquals(choices[0].message.content, '{"title": "*Rooms*"}');
  assertEquals(provider.requests[0]?.tools, []);
  assertEquals((await store.list()).sessions, []);
});

Deno.test("POST /v1/chat/completions leaves a call unchanged by a request without streaming, such as Pipecat's summaries", async () => {
  const provider = createScriptedProvider(stalls("Well "), says("They met."));
  const { handle, store } = makeApi(provider);
  const spoken = await handle(post(hello, inCall));
  const summary = { stream: false, messages: messages("#Summarise.", ">Hi") };
  const response = await handle(post(summary, inCall));
  const { choices } = await response.json();
  assertEquals(choices[0].message.content, "They met.");
  const { turns } = await store.load(`${PREFIX}c1`);
  assertEquals(turns.map(({ user, status }) => [user, status]), [
    ["Hello", undefined],
  ]);
  await spoken.body?.cancel();
});

Deno.test("POST /v1/chat/completions stores a call of Tencent's that doesn't stream", async () => {
  const { handle, store } = makeApi(createScriptedProvider(says("Hi.")));
  const body = { ...hello, stream: false };
  const response = await handle(post(body, { "x-task-id": "t" }));
  assertEquals((await response.json()).choices[0].message.content, "Hi.");
  const { turns } = await store.load(`${PREFIX}t`);
  assertEquals(turns.map(({ user }) => user), ["Hello"]);
});

Deno.test("POST /v1/chat/completions stores nothing of a request without a conversation id", async () => {
  const { handle, store } = makeApi(createScriptedProvider(says("Hi.")));
  for (const header of ["", "{{call.id}}"]) {
    const headers = { "x-parley-conversation": header };
    assertEquals(await readWords(await handle(post(hello, headers))), "Hi.");
  }
  assertEquals((await store.list()).sessions, []);
});

Deno.test("POST /v1/chat/completions finds the conversation's id where each platform puts it", async () => {
  const cases: [string, Record<string, unknown>, Record<string, string>?][] = [
    ["a", { call: { id: "b" }, user: "c" }, { "x-parley-conversation": "a" }],
    ["b", { call: { id: "b" }, user: "c" }],
    ["d", { elevenlabs_extra_body: { conversation_id: "d" } }],
    ["e", { user: "c" }, { "x-livekit-room-id": "e" }],
    ["f", {}, { "x-task-id": "f" }],
    ["g", {}, { "x-openwebui-chat-id": "g" }],
    ["h", { metadata: { conversation_id: "h" }, user: "c" }],
    ["i", { user: "i", user_id: "j" }],
    ["j", { user_id: "j" }],
  ];
  for (const [name, body, headers] of cases) {
    const { handle, store } = makeApi(createScriptedProvider(says("Hi.")));
    const response = await handle(post({ ...hello, ...body }, headers));
    await readWords(response);
    const { sessions } = await store.list();
    assertEquals(sessions.map(({ id }) => id), [PREFIX + name]);
  }
});

Deno.test("POST /v1/chat/completions separates the conversations of two keys, and hashes an id that doesn't fit into a URL", async () => {
  const { handle, store } = makeApi(createScriptedProvider(says("Hi.")));
  for (const key of ["a-key-of-sixteen", "another-key-of-mine"]) {
    const headers = { authorization: `Bearer ${key}`, ...inCall };
    await readWords(await handle(post(hello, headers)));
  }
  const odd = { "x-parley-conversation": "../" + "x".repeat(5_000) };
  await readWords(await handle(post(hello, odd)));
  const ids = (await store.list()).sessions.map(({ id }) => id);
  assertEquals(new Set(ids).size, 3);
  for (const id of ids) assertMatch(id, /^openai-[0-9a-f]{8}-[\w.-]{1,100}$/);
});

Deno.test("POST /v1/chat/completions distinguishes Tencent's retry from a second sentence", async () => {
  const provider = createScriptedProvider(says("One."), says("Two."));
  const { handle } = makeApi(provider);
  const ask = async (id: string) => {
    const headers = { "x-task-id": "t", "x-request-id": id };
    return await readWords(await handle(post(hello, headers)));
  };
  assertEquals(await ask("r1"), "One.");
  assertEquals(await ask("r1"), "One.");
  assertEquals(await ask("r2"), "Two.");
});

Deno.test("POST /v1/chat/completions tells the model who calls", async () => {
  const provider = createScriptedProvider(says("Hi."));
  const { handle } = makeApi(provider, {
    agent: { ...agent, systemPrompt: "{{caller}} {{metadata.plan}}" },
  });
  const customer = { number: "+46701" };
  const body = { ...hello, customer, metadata: { plan: "gold" } };
  await readWords(await handle(post(body, inCall)));
  const shown = JSON.stringify(provider.requests[0]?.messages);
  assertStringIncludes(shown, "+46701");
  assertStringIncludes(shown, "gold");
});

Deno.test("POST /v1/chat/completions welcomes if nothing was said, and answers if the caller is silent", async () => {
  const provider = createScriptedProvider(says("Are you there?"));
  const { handle } = makeApi(provider);
  const opening = { ...hello, messages: messages("#Be loud.") };
  assertEquals(
    await readWords(await handle(post(opening, inCall))),
    "Welcome!",
  );
  const silence = { ...hello, messages: messages("#Be loud.", "Welcome!") };
  assertEquals(
    await readWords(await handle(post(silence, inCall))),
    "Are you there?",
  );
});

Deno.test("POST /v1/chat/completions tells the model what the platform wants the agent to say now", async () => {
  const provider = createScriptedProvider(says("Your taxi is here."));
  const { handle } = makeApi(provider);
  const said = messages("#Be loud.", ">Hello", "Hi.", "#Tell of the taxi.");
  const body = { ...hello, messages: said };
  assertEquals(
    await readWords(await handle(post(body, inCall))),
    "Your taxi is here.",
  );
  const [request] = provider.requests;
  assertEquals(request?.messages.at(-1)?.text, "[Tell of the taxi.]");
  assertStringIncludes(request?.system ?? "", "Be loud.");
  assertEquals(request?.system.includes("taxi"), false);
});

Deno.test("POST /v1/chat/completions ends the turn when the client leaves, streamed or not", async () => {
  for (const stream of [true, undefined, false]) {
    const asked = Promise.withResolvers<void>();
    const cancelled = Promise.withResolvers<void>();
    const { handle, lines } = makeApi(
      createScriptedProvider(async function* ({ signal }) {
        signal.addEventListener("abort", () => cancelled.resolve());
        asked.resolve();
        yield* stalls("One ")({ signal, system: "", messages: [] });
      }),
    );
    const client = new AbortController();
    const request = post({ ...hello, stream }, inCall);
    const answer = handle(new Request(request, { signal: client.signal }));
    await asked.promise;
    // An answer that is sent as a whole isn't there yet.
    if (!stream) client.abort();
    else await (await answer).body?.cancel();
    await cancelled.promise;
    await (await answer).body?.cancel();
    assertEquals(lines.join().includes("request.failed"), false);
  }
});

Deno.test("POST /v1/chat/completions answers 502 to a request that is not spoken if the model fails", async () => {
  const { handle } = makeApi(createScriptedProvider(fails(new Error("boom"))));
  const whole = { ...hello, stream: false };
  for (const headers of [inCall, { "x-parley-task": "title" }]) {
    const response = await handle(post(whole, headers));
    assertEquals(response.status, 502);
    const { error } = await response.json();
    assertEquals([error.type, error.code], ["server_error", "model_failed"]);
  }
  // A caller hears it.
  const spoken = await handle(post(whole, { "x-task-id": "t" }));
  const { choices } = await spoken.json();
  assertEquals(choices[0].message.content, "Sorry.");
});
