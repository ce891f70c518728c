/**
 * Requests as voice platforms send them, replayed to the real server on bare
 * sockets. Their fields are those of each platform's documents or sources,
 * which the file names; nobody's call was recorded.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { askRaw } from "../../_raw.ts";
import { startFakeOpenAi } from "../../fakes/openai.ts";
import { runProgram, startServer } from "../../fakes/server.ts";

const KEY = "key-for-tests-only-0123456789";
const FOLDER = new URL("fixtures/", import.meta.url);

/** A file of requests. */
interface Fixture {
  platform: string;
  /** The headers of each request; `{key}` stands for the key. */
  headers: Record<string, string>;
  /** Whether the requests contain no id of a conversation. */
  isStateless?: boolean;
  requests: {
    path: string;
    headers?: Record<string, string>;
    /** Whether it is not part of the conversation, such as a request for its title. */
    isAside?: boolean;
    body: {
      messages: { role: string }[];
      stream?: boolean;
      stream_options?: unknown;
    };
  }[];
}

/** The fields of a chunk that are checked. */
interface Chunk {
  object: string;
  choices: {
    delta: { role?: string; content?: string };
    finish_reason: string | null;
  }[];
  usage?: unknown;
}

async function readFixtures(): Promise<Fixture[]> {
  const files = await Array.fromAsync(Deno.readDir(FOLDER));
  return await Promise.all(
    files.map(async ({ name }) =>
      JSON.parse(await Deno.readTextFile(new URL(name, FOLDER)))
    ),
  );
}

/** A body whose transfer encoding is chunked, without its sizes. */
function unchunk(body: string): string {
  const [, size = "", rest = ""] = /^([0-9a-f]+)\r\n([\s\S]*)$/i.exec(body) ??
    [];
  const length = parseInt(size, 16);
  return length > 0
    ? rest.slice(0, length) + unchunk(rest.slice(length + 2))
    : "";
}

/** Checks the events of an answer, and returns its text. */
function checkStream(text: string, wantsUsage: boolean): string {
  const events = text.split("\n\n");
  assertEquals(events.splice(-2), ["data: [DONE]", ""]);
  const chunks: Chunk[] = events.map((event) => {
    assertMatch(event, /^data: \{.*\}$/);
    return JSON.parse(event.slice("data: ".length));
  });
  for (const { object, choices } of chunks) {
    assertEquals(object, "chat.completion.chunk");
    assert(Array.isArray(choices), "Vapi breaks where choices are missing");
  }
  assertEquals(chunks[0]?.choices[0]?.delta, {
    role: "assistant",
    content: "",
  });
  const tail = chunks.slice(wantsUsage ? -2 : -1);
  assertEquals(tail[0]?.choices[0]?.finish_reason, "stop");
  assertEquals(chunks.some(({ usage }) => usage), wantsUsage);
  if (wantsUsage) assertEquals(tail[1]?.choices, []);
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}

for (const fixture of await readFixtures()) {
  Deno.test(`openai answers ${fixture.platform} and finds its conversation`, async () => {
    await using model = startFakeOpenAi((_, index) => ({
      kind: "text",
      chunks: index % 2 === 0
        ? ["It is ", "ten past nine."]
        : ["Until ", "half past ten."],
    }));
    await using server = await startServer({
      env: {
        API_KEYS: KEY,
        LLM_PROVIDER: "openai",
        OPENAI_BASE_URL: `${model.url}/v1`,
        OPENAI_API_KEY: "test-key",
        OPENAI_MODEL: "gpt-6-luna",
      },
    });
    for (const { path, headers, body } of fixture.requests) {
      const head = Object.entries({ ...fixture.headers, ...headers })
        .map(([name, value]) => `${name}: ${value.replace("{key}", KEY)}`);
      const response = await askRaw({
        port: Number(new URL(server.url).port),
        line: `POST ${path}`,
        head: ["host: parley.test", ...head],
        body: JSON.stringify(body),
      });
      assertEquals(response.status, 200, response.body);
      const type = response.headers.get("content-type") ?? "";
      if (body.stream === false) {
        assertMatch(type, /^application\/json/);
        assertMatch(response.body, /"finish_reason":"stop"/);
        continue;
      }
      assertMatch(type, /^text\/event-stream/);
      const words = checkStream(
        unchunk(response.body),
        body.stream_options !== undefined,
      );
      assertMatch(words, /^(It is ten past nine|Until half past ten)\.$/);
    }

    const asked = model.requests.filter(({ method }) => method === "POST");
    assertEquals(asked.length, fixture.requests.length);
    const said = JSON.stringify(asked.at(-1)?.body?.messages);
    assertMatch(said, /what time is it|Hello/i);
    assertMatch(said, /it is ten past nine/i);
    assertMatch(said, /breakfast/);

    const { folder } = server;
    await server.stop("SIGTERM");
    const turns = fixture.requests.filter(({ isAside }) => !isAside).length;
    // The platform's own first message is stored as well.
    const [first] = fixture.requests;
    const isGreeted = first?.body.messages[1]?.role === "assistant";
    const expected = isGreeted ? turns + 1 : turns;
    assertEquals(
      await countTurns(folder),
      fixture.isStateless ? [] : [expected],
    );
  });
}

/** The number of turns of each conversation in a folder. */
async function countTurns(folder: string): Promise<number[]> {
  const sessions = (...args: string[]) =>
    runProgram("src/cli/sessions.ts", args, { folder });
  const { stdout } = await sessions("list");
  const ids = [...stdout.matchAll(/^\S+ \S+ +(\S+)/gm)].map(([, id = ""]) =>
    id
  );
  return await Promise.all(ids.map(async (id) => {
    const { stdout } = await sessions("export", id);
    return JSON.parse(stdout).turns.length;
  }));
}
