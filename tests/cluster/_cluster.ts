/**
 * Instances of Parley that share a store, and a model that answers each turn
 * with words of its own, so that no two can be mixed up unnoticed.
 *
 * @module
 */
import type { AnswerEvent } from "../../src/platforms/layercode/client.ts";
import { readAnswer, sendEvent } from "../../src/platforms/layercode/client.ts";
import { createFileStore } from "../../src/sessions/file.ts";
import { createKvStore } from "../../src/sessions/kv.ts";
import { createPostgresStore } from "../../src/sessions/postgres.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import {
  type Fake,
  type GeminiRequestBody,
  startFakeGemini,
} from "../fakes/gemini.ts";
import { message, SECRET } from "../fakes/layercode.ts";
import { freePort } from "../fakes/ports.ts";
import { startPostgres, whyNoPostgres } from "../fakes/postgres.ts";
import { type RealServer, startServer } from "../fakes/server.ts";

/** A store that several processes use. */
export interface SharedStore extends AsyncDisposable {
  /** What `SESSION_STORE` is set to. */
  setting: string;
  /** The working folder of the instances. */
  folder: string;
  /** Another look at the same store, from outside. Closed with the rest. */
  open(): SessionStore;
  /** Runs SQL, where it is Postgres. */
  sql?(text: string): Promise<string>;
}

/** A store that there may be. */
export interface StoreKind {
  name: string;
  /** Why it can't be had here. */
  missing?: string | undefined;
  start(): Promise<SharedStore>;
}

/** Every store that two processes may share. */
export const STORES: readonly StoreKind[] = [
  {
    name: "postgres",
    missing: whyNoPostgres(),
    async start() {
      const postgres = await startPostgres();
      return await share(
        () => postgres.url,
        () => createPostgresStore({ url: postgres.url }),
        postgres,
      );
    },
  },
  {
    name: "kv",
    start: () =>
      share(
        (folder) => `kv:${folder}/data/kv`,
        (folder) => createKvStore({ path: `${folder}/data/kv` }),
      ),
  },
  {
    name: "file",
    start: () =>
      share(
        () => "file",
        (folder) => createFileStore({ folder: `${folder}/data/sessions` }),
      ),
  },
];

async function share(
  settingOf: (folder: string) => string,
  create: (folder: string) => SessionStore,
  postgres?: AsyncDisposable & Pick<Required<SharedStore>, "sql">,
): Promise<SharedStore> {
  const folder = await Deno.makeTempDir({ prefix: "parley-cluster-" });
  const opened: SessionStore[] = [];
  return {
    setting: settingOf(folder),
    folder,
    open() {
      const store = create(folder);
      opened.push(store);
      return store;
    },
    ...(postgres ? { sql: (text) => postgres.sql(text) } : {}),
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store.close();
      await postgres?.[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Instances under way, and what they share. */
export interface Cluster extends AsyncDisposable {
  instances: RealServer[];
  /** The first two. */
  a: RealServer;
  b: RealServer;
  /** Starts one anew, at the address it had. */
  restart(index: number): Promise<void>;
}

/** Starts two instances on a store, with a model. */
export async function startCluster(
  { setting, folder }: SharedStore,
  model: Fake,
): Promise<Cluster> {
  const start = (port: number) =>
    startServer({
      folder,
      env: {
        PORT: `${port}`,
        HOST: "127.0.0.1",
        LAYERCODE_WEBHOOK_SECRET: SECRET,
        SESSION_STORE: setting,
        LLM_PROVIDER: "gemini",
        GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
        GEMINI_BASE_URL: model.url,
        // However slow the machine is, nothing here is about slow models.
        FIRST_TOKEN_TIMEOUT_MS: "60000",
        STALL_TIMEOUT_MS: "60000",
      },
    });
  const a = await start(freePort());
  const b = await start(freePort());
  const instances = [a, b];
  return {
    instances,
    a,
    b,
    async restart(index) {
      const before = instances[index];
      if (before) {
        instances[index] = await start(Number(new URL(before.url).port));
      }
    },
    async [Symbol.asyncDispose]() {
      for (const instance of instances) await instance[Symbol.asyncDispose]();
    },
  };
}

/** How a model answers: so many words, so far apart. */
export interface Manner {
  words: number;
  delayMs: number;
}

/** The words that the caller's name for a turn, such as `c3t1`, is answered with. */
export function wordsFor(name: string, count: number): string[] {
  return Array.from(
    { length: count },
    (_, n) => n === count - 1 ? `${name}w${n}.` : `${name}w${n} `,
  );
}

/** A model whose answer to a turn bears the turn's name. */
export function startModel(
  mannerOf: (name: string) => Manner,
  onHistory: (body: GeminiRequestBody) => void = () => {},
): Fake<GeminiRequestBody> {
  return startFakeGemini(({ body = {} }) => {
    onHistory(body);
    const said = JSON.stringify(body.contents?.at(-1));
    const name = said.match(/c\d+t\d+/g)?.at(-1) ?? "c0t0";
    const { words, delayMs } = mannerOf(name);
    return { kind: "text", chunks: wordsFor(name, words), delayMs };
  });
}

/** One attempt at a turn, as Layercode sees it. */
export interface Attempt {
  /** Absent: there was no answer at all. */
  status?: number;
  /** What there was to speak. */
  heard: string;
  /** Whether it ended with `response.end`. */
  ended: boolean;
}

/** Sends a turn and listens to the end, or until the line goes dead. */
export async function attempt(
  event: Record<string, unknown>,
  url: string,
  onAccepted: () => void = () => {},
): Promise<Attempt> {
  const result: Attempt = { heard: "", ended: false };
  try {
    const response = await sendEvent(event, { url, secret: SECRET });
    result.status = response.status;
    if (response.status !== 200) {
      await response.body?.cancel();
      return result;
    }
    onAccepted();
    for await (const event of readAnswer(response)) take(event);
  } catch (error) {
    // A dead line; anything else is a fault of the test.
    if (!(error instanceof TypeError)) throw error;
  }
  return result;

  function take({ type, content }: AnswerEvent): void {
    if (type === "response.tts") result.heard += content;
    if (type === "response.end") result.ended = true;
  }
}

/** The event of a turn that is named `c<conversation>t<turn>`. */
export function turn(conversation: number, number: number) {
  const name = `c${conversation}t${number}`;
  return message(`This is ${name}`, {
    conversation_id: `conv_${conversation}`,
    turn_id: `turn_${conversation}_${number}`,
  });
}

/** The webhook of an instance, or of what stands before several. */
export function agentOf({ url }: { url: string }): string {
  return `${url}/agent`;
}

/** How many turns an instance answered, by its log. */
export function turnsOf({ lines }: RealServer): number {
  return lines.filter(({ event }) => event === "turn.end").length;
}

/** Waits for what follows an answer: a last record, a line of the log. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error("It didn't happen");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Prints a figure; the test shows it beside its name. */
export function tell(text: string): void {
  // deno-lint-ignore no-console -- figures are what these tests are read for
  console.log(`  ${text}`);
}
