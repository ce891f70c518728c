/**
 * The real server is killed with SIGKILL again and again in the middle of its
 * callers' turns. What it acknowledged must be there afterwards.
 *
 * `CRASH_TURNS` sets how many turns; 200 unless told.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { readAnswer, sendEvent } from "../src/layercode/client.ts";
import { createFileStore } from "../src/sessions/file.ts";
import { message } from "./fakes/layercode.ts";
import { startFakeOllama } from "./fakes/ollama.ts";
import { startServer } from "./fakes/server.ts";

const SECRET = "a secret for tests only";
const CALLERS = 4;

/** What one caller knows to have said and heard, by turn. */
type Known = Map<string, { said: string; heard: string }>;

Deno.test("main.ts loses nothing that it acknowledged when it is killed in mid-turn", async () => {
  const turns = Number(Deno.env.get("CRASH_TURNS") ?? 200);
  const folder = await Deno.makeTempDir();
  const fake = startFakeOllama(() => ({
    kind: "text",
    chunks: Array.from({ length: 12 }, (_, n) => `word${n} `),
    delayMs: 1,
  }));
  const callers = Array.from({ length: CALLERS }, (_, n) => ({
    id: `Caller ${n}`,
    known: new Map() as Known,
  }));
  let count = 0;
  let kills = 0;

  /** Talks until the line goes dead. */
  async function talk(url: string, { id, known }: typeof callers[number]) {
    while (true) {
      const turn_id = `turn_${count++}`;
      const said = `This is ${turn_id}`;
      const event = message(said, { conversation_id: id, turn_id });
      const response = await sendEvent(event, { url, secret: SECRET });
      assertEquals(response.status, 200);
      const turn = { said, heard: "" };
      known.set(turn_id, turn);
      for await (const { type, content } of readAnswer(response)) {
        if (type === "response.tts") turn.heard += content;
      }
    }
  }

  try {
    await using _ = fake;
    const acknowledged = () =>
      callers.reduce((sum, { known }) => sum + known.size, 0);
    while (acknowledged() < turns) {
      await using server = await startServer({
        folder,
        env: {
          LLM_PROVIDER: "ollama",
          OLLAMA_HOST: fake.url,
          OLLAMA_MODEL: "llama3.2:3b",
          LAYERCODE_WEBHOOK_SECRET: SECRET,
          HOST: "127.0.0.1",
        },
      });
      const talks = Promise.allSettled(
        callers.map((caller) => talk(`${server.url}/agent`, caller)),
      );
      await new Promise((go) => setTimeout(go, 50 + Math.random() * 250));
      await server.stop("SIGKILL");
      kills++;
      // Each ends with a dead line, and with nothing else.
      for (const end of await talks) {
        assert(end.status === "rejected" && end.reason instanceof TypeError);
      }
    }
    assert(kills > 1, "The server was never killed in between");

    const bad: unknown[] = [];
    const store = createFileStore({
      folder: `${folder}/data/sessions`,
      onBadLine: (line) => bad.push(line),
    });
    for (const { id, known } of callers) {
      const session = await store.load(id);
      for (const [turnId, { said, heard }] of known) {
        const turn = session.turn(turnId);
        assertEquals(turn?.user, said);
        assert(turn?.assistant.startsWith(heard), `${turnId}: ${heard}`);
      }
      const unfinished = session.turns.filter((turn) => !turn.status);
      assert(unfinished.length <= kills);
    }
    assertEquals(bad, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
