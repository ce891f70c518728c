/**
 * Starts the real server with every API switched on, sends it drafts, and
 * inspects it before and after.
 *
 * @module
 */
import { startPlatform } from "../fakes/layercode_platform.ts";
import { SECRET } from "../fakes/layercode.ts";
import { type RealServer, startServer } from "../fakes/server.ts";
import { descriptorsOf, memoryMbOf } from "../fakes/process.ts";
import { type Draft, makeDrafts } from "./_draft.ts";
import { send, type Target } from "./_wire.ts";

/** The size and seed of a run. */
export interface FuzzOptions {
  inputs: number;
  /** The same seed sends the same drafts. */
  seed: number;
}

/** The result of a run. */
export interface FuzzReport {
  /** Descriptions of what is wrong; empty if all is well. */
  faults: string[];
  /** The figures to print. */
  figures: string[];
}

const AT_ONCE = 48;
const MAX_FAULTS = 20;
/** Even without a leak, memory varies by some megabytes. */
const MAX_GROWTH_MB = 64;
/** How many more descriptors may be open at the end, such as a log file. */
const MAX_DESCRIPTORS = 8;
const KEY = "0123456789abcdef0123456789abcdef";
const ADMIN_TOKEN = "admin-token-for-the-fuzz-only";
const PAGE_TOKEN = "page-token-for-the-fuzz-only";
const API_KEY = "api-key-for-the-fuzz-only";
const LAYERCODE_KEY = "layercode-key-for-the-fuzz-only";

/** Runs the fuzz. */
export async function fuzz({ inputs, seed }: FuzzOptions): Promise<FuzzReport> {
  const agent = { key: LAYERCODE_KEY, agentId: "fuzz-agent", secret: SECRET };
  await using platform = startPlatform(agent);
  await using server = await startServer({ env: toEnv(platform.url) });
  const target: Target = {
    port: Number(new URL(server.url).port),
    secret: SECRET,
    adminToken: ADMIN_TOKEN,
    apiKey: API_KEY,
    cookie: await openPages(server),
    secrets: [SECRET, ADMIN_TOKEN, PAGE_TOKEN, API_KEY, LAYERCODE_KEY],
  };
  const faults: string[] = [];
  const before = descriptorsOf(server.pid).length;
  const startedAt = performance.now();
  // After the first half, the server has allocated what it needs once.
  const half = Math.ceil(inputs / 2);
  await sendAll(makeDrafts(seed, half), target, faults);
  const middleMb = memoryMbOf(server.pid);
  await sendAll(makeDrafts(seed + half, inputs - half), target, faults);
  const seconds = (performance.now() - startedAt) / 1000;
  const descriptors = await settle(server, before + MAX_DESCRIPTORS);
  const endMb = memoryMbOf(server.pid);

  if (endMb - middleMb > MAX_GROWTH_MB) {
    faults.push(`It grew from ${middleMb} MB to ${endMb} MB`);
  }
  if (descriptors > before + MAX_DESCRIPTORS) {
    faults.push(`It holds ${descriptors} descriptors, ${before} at the start`);
  }
  faults.push(...await findLogged(server), ...findWritten(server.folder));
  return {
    faults,
    figures: [
      `${inputs} inputs, seed ${seed}: ${seconds.toFixed(0)} s, ${
        Math.round(inputs / seconds)
      } a second`,
      `memory ${middleMb} MB after half, ${endMb} MB at the end`,
      `descriptors ${before} before, ${descriptors} after`,
      `${faults.length} faults`,
    ],
  };
}

/** The settings that switch on every API; a version that lacks one ignores its setting. */
function toEnv(layercodeUrl: string): Record<string, string> {
  return {
    HOST: "127.0.0.1",
    LAYERCODE_WEBHOOK_SECRET: SECRET,
    LAYERCODE_API_KEY: LAYERCODE_KEY,
    LAYERCODE_AGENT_ID: "fuzz-agent",
    LAYERCODE_API_URL: layercodeUrl,
    ADMIN_TOKEN,
    PLAYGROUND: "on",
    PLAYGROUND_TOKEN: PAGE_TOKEN,
    // The limit must not refuse the drafts before they reach the code under test.
    AUTHORIZE_PER_ADDRESS: "100000",
    AUTHORIZE_IN_ALL: "100000",
    API_KEYS: API_KEY,
    METRICS: "open",
    TWILIO_AUTH_TOKEN: KEY,
    TELNYX_SECRET: KEY,
    ELEVENLABS_API_KEY: KEY,
    RETELL_SECRET: KEY,
    CACHE_MB: "8",
    LOG_LEVEL: "info",
  };
}

/** Returns the cookie that a browser gets for the token. */
async function openPages({ url }: RealServer): Promise<string> {
  const response = await fetch(`${url}/?token=${PAGE_TOKEN}`, {
    redirect: "manual",
  });
  await response.body?.cancel();
  const [cookie = ""] = (response.headers.get("set-cookie") ?? "").split(";");
  if (cookie === "") throw new Error("The pages gave no cookie");
  return cookie;
}

/** Sends a few drafts at once, until all are sent or too many have failed. */
async function sendAll(
  drafts: Generator<{ seed: number; draft: Draft }>,
  target: Target,
  faults: string[],
): Promise<void> {
  async function work(): Promise<void> {
    for (const { seed, draft } of drafts) {
      const fault = await send(draft, target).catch(String);
      if (fault === undefined) continue;
      faults.push(`${fault}\n  seed ${seed}: ${show(draft)}`);
      if (faults.length >= MAX_FAULTS) return;
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Formats a draft, shortened for a terminal. */
function show(draft: Draft): string {
  return JSON.stringify(
    draft,
    (_, value) =>
      typeof value === "string" && value.length > 600
        ? `${value.slice(0, 600)}… (${value.length})`
        : value,
  );
}

/** Waits until the connections are closed, at most as long as a slow body may take. */
async function settle(server: RealServer, most: number): Promise<number> {
  const deadline = performance.now() + 15_000;
  while (true) {
    const { length } = descriptorsOf(server.pid);
    if (length <= most || performance.now() > deadline) return length;
    await new Promise((go) => setTimeout(go, 100));
  }
}

/** Finds errors in the log, and whether the server still answers. */
async function findLogged({ url, lines }: RealServer): Promise<string[]> {
  const errors = lines.filter(({ level }) => level === "error");
  const health = await fetch(`${url}/ready`).then(
    async (response) => [response.status, await response.text()],
    String,
  );
  return [
    ...errors.slice(0, 10).map((line) => `Logged: ${JSON.stringify(line)}`),
    ...health[0] === 200 ? [] : [`It is not ready: ${health}`],
  ];
}

/** Finds files that the server must not write. */
function findWritten(folder: string): string[] {
  const strange = (path: string, isOurs: (name: string) => boolean) =>
    [...Deno.readDirSync(path)].filter(({ name }) => !isOurs(name))
      .map(({ name }) => `It has written ${path}/${name}`);
  return [
    ...strange(folder, (name) => name === "data"),
    ...strange(`${folder}/data`, (name) => name === "sessions"),
    ...strange(
      `${folder}/data/sessions`,
      (name) => /^[^/]+\.(jsonl|lock)$/.test(name),
    ),
  ];
}
