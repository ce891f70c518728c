/**
 * Starts Parley as its owner does, and the bare relay beside it. Both call the
 * same model.
 *
 * @module
 */
import { type Child, startChild } from "./_child.ts";
import { type Job, KEY, SECRET, type Times } from "./_load.ts";

/** The vendor whose API the model serves. */
export type Vendor = "ollama" | "gemini";

/** Parley and the relay, each in its own process. */
export interface Servers extends AsyncDisposable {
  parley: Child;
  relay: Child;
}

/** The model and the callers, each in its own process. */
export interface TestBed extends AsyncDisposable {
  model: Child;
  callers: Child;
  /** Sets how long the model takes to its first token, and to each later one. */
  setPace(firstMs: number, tokenMs: number): Promise<void>;
  /** Runs callers against a server until they are done. */
  talk(to: Child, job: Omit<Job, "url">): Promise<Times>;
}

/** Starts the model and the callers. */
export async function startTestBed(): Promise<TestBed> {
  const model = await startChild({ program: "tests/bench/programs/model.ts" });
  const callers = await startChild({ program: "tests/bench/programs/load.ts" });
  return {
    model,
    callers,
    setPace: async (firstMs, tokenMs) => {
      await model.ask({ firstMs, tokenMs });
    },
    talk: async (to, job) =>
      await callers.ask({ ...job, url: to.url }) as Times,
    [Symbol.asyncDispose]: async () => {
      await callers.kill();
      await model.kill();
    },
  };
}

/** Starts Parley in a folder, with the file store and verification; `more` has other settings. */
export function startParley(
  vendor: Vendor,
  model: Child,
  folder: string,
  more: Record<string, string> = {},
): Promise<Child> {
  return startChild({
    program: "main.ts",
    folder,
    env: {
      LAYERCODE_WEBHOOK_SECRET: SECRET,
      API_KEYS: KEY,
      LLM_PROVIDER: vendor,
      OLLAMA_HOST: model.url,
      OLLAMA_MODEL: "bench",
      GEMINI_BASE_URL: model.url,
      GOOGLE_GENERATIVE_AI_API_KEY: "bench",
      // All callers of a scenario are admitted, and no timeout ends a turn.
      MAX_TURNS: "4000",
      FIRST_TOKEN_TIMEOUT_MS: "60000",
      STALL_TIMEOUT_MS: "60000",
      FILLER_AFTER_MS: "0",
      ...more,
    },
  });
}

/** Starts both. */
export async function startServers(
  vendor: Vendor,
  { model }: TestBed,
): Promise<Servers> {
  const folder = await Deno.makeTempDir({ prefix: "parley-bench-" });
  const parley = await startParley(vendor, model, folder);
  const relay = await startChild({
    program: "tests/bench/programs/relay.ts",
    args: [vendor, model.url],
  });
  return {
    parley,
    relay,
    [Symbol.asyncDispose]: async () => {
      await parley.kill();
      await relay.kill();
      await Deno.remove(folder, { recursive: true });
    },
  };
}
