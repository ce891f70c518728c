/**
 * Prints the flag that puts the stand-ins of this directory in the place of
 * `@std`, or nothing when the real packages are cached or can be downloaded:
 *
 *     deno run $(deno task -q std) main.ts
 *     deno test --lock=tests/deno.lock $(deno task -q std tests) tests
 *
 * With `tests` it looks for the packages of the tests, too, which a server does
 * without, in the versions of the tests' lockfile.
 *
 * `STD_SOURCE` decides: `jsr` never takes the stand-ins, `offline` always does,
 * `auto`, the default, takes them when the registry is out of reach. Nothing
 * but the network is a reason: for a wrong hash or a frozen lockfile no flag is
 * printed, so that the command itself meets the error and shows it.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import map from "../deno.offline.json" with { type: "json" };

const FLAG = "--import-map=deno.offline.json";
const ADVICE = "STD_SOURCE=offline saves the wait";
const FOR_TESTS_ALONE = ["@std/assert"];

/** How long the registry may take. */
export interface Patience {
  /** Until it answers one small request, in milliseconds. */
  answerMs: number;
  /** Until all is downloaded, in milliseconds. */
  downloadMs: number;
}

/**
 * Says what to do where this Deno is older than Parley needs.
 *
 * @param version Deno's, such as `2.9.6`.
 */
export function findAge(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 5)
    ? undefined
    : "Parley needs " +
      `Deno 2.5 or newer, and this is ${version}: deno upgrade, or ` +
      "npx -y deno task … instead of deno task …";
}

/**
 * Looks whether the real packages can be had, downloading what is missing.
 *
 * @param withTests Whether the packages of the tests are needed, too.
 * @param patience How long to wait for a registry that says nothing, which Deno
 * itself would do for ever.
 * @returns Why they cannot, or `undefined` when they can or when Deno has an
 * error to show that is none of the network's.
 */
export async function findObstacle(
  withTests: boolean,
  patience: Patience = { answerMs: 1_000, downloadMs: 30_000 },
): Promise<string | undefined> {
  const child = new Deno.Command(Deno.execPath(), {
    // `cache` fetches types as well, which `check` and `test` need. `--frozen`
    // keeps the lockfile's versions and hashes in force and the file untouched:
    // that it lacks the packages is said only when all are downloaded.
    args: [
      "cache",
      "--frozen",
      ...(withTests ? ["--lock=tests/deno.lock"] : []),
      ...realPackages(withTests),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const download = Promise.withResolvers<void>();

  async function outcome(): Promise<string | undefined> {
    let said = "";
    for await (
      const text of child.stderr.pipeThrough(new TextDecoderStream())
    ) {
      said += text;
      if (said.includes("Download")) download.resolve();
    }
    const { success } = await child.status;
    return success ? undefined : networkFault(said);
  }
  const ended = outcome();

  async function silence(): Promise<string | undefined> {
    // With all in the cache this is never reached, and the network not touched.
    await download.promise;
    return await hasNoAnswer(patience.answerMs) ?? ended;
  }

  const obstacle = await Promise.race([
    ended,
    silence(),
    unfinished(patience.downloadMs),
  ]);
  try {
    child.kill();
  } catch { /* It has ended by itself. */ }
  return obstacle;
}

/** "@std/http/x" in the offline map is `jsr:@std/http@^1/x` in deno.json's. */
function realPackages(withTests: boolean): string[] {
  const ranges: Record<string, string> = config.imports;
  return Object.keys(map.imports).flatMap((name) => {
    const [, pkg = "", path = ""] = /^(@std\/[^/]+)(.*)$/.exec(name) ?? [];
    const range = ranges[pkg];
    const isNeeded = withTests || !FOR_TESTS_ALONE.includes(pkg);
    return range === undefined || !isNeeded ? [] : [range + path];
  });
}

/** The network's part in what Deno said, if it has one. */
function networkFault(said: string): string | undefined {
  // No connection, or a refusing answer such as a proxy's 403.
  const failed = /Import '(\S+)' failed(: [^\n]+)?/.exec(said);
  if (failed !== null) return `cannot download ${failed[1]}${failed[2] ?? ""}`;
  // A registry without @std, or without JSON, is not JSR: a gateway answers in
  // its place, with a 404 or with the page of its log-in.
  return /JSR package not found: \S+/.exec(said)?.[0] ??
    /JSR package .* failed to load(?=\. .* at line \d+ column \d+)/.exec(said)
      ?.[0];
}

/** Asks for something small. Any answer will do, a refused connection too. */
async function hasNoAnswer(limitMs: number): Promise<string | undefined> {
  const registry = Deno.env.get("JSR_URL") || "https://jsr.io";
  const url = new URL(`${registry.replace(/\/$/, "")}/@std/http/meta.json`);
  try {
    const signal = AbortSignal.timeout(limitMs);
    await (await fetch(url, { signal })).body?.cancel();
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") {
      return `no answer from ${url.host} within ${limitMs / 1000} s; ${ADVICE}`;
    }
  }
  return undefined;
}

function unfinished(limitMs: number): Promise<string> {
  return new Promise((resolve) =>
    setTimeout(
      resolve,
      limitMs,
      `download not done within ${limitMs / 1000} s; ${ADVICE}`,
    )
  );
}

async function main(): Promise<number> {
  const source = Deno.env.get("STD_SOURCE") || "auto";
  let reason: string | undefined;
  const age = findAge(Deno.version.deno);
  if (age !== undefined) await say(Deno.stderr, age);
  switch (source) {
    case "jsr":
      break;
    case "offline":
      reason = "STD_SOURCE=offline";
      break;
    case "auto":
      // An older one would not let this look.
      if (age === undefined) {
        reason = await findObstacle(Deno.args.includes("tests"));
      }
      break;
    default:
      await say(
        Deno.stderr,
        `Cannot use STD_SOURCE=${source}: it must be auto, jsr or offline`,
      );
      return 1;
  }
  if (reason !== undefined) {
    await say(Deno.stderr, `@std: using the stand-ins in offline/ (${reason})`);
    await say(Deno.stdout, FLAG);
  }
  return 0;
}

async function say(
  stream: typeof Deno.stdout | typeof Deno.stderr,
  line: string,
): Promise<void> {
  await stream.write(new TextEncoder().encode(line + "\n"));
}

if (import.meta.main) {
  // Not left to end by itself: a timer or a hanging name look-up may be pending.
  Deno.exit(await main());
}
