/**
 * Starts the real server in its own process: `main.ts` with the permissions of
 * `deno task start`, in an empty folder, and with only the environment that a test
 * gives it.
 *
 * @module
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import deno from "../../deno.json" with { type: "json" };
import { toFlags } from "../../src/cli/permissions.ts";
import { SETTINGS } from "../../src/settings/config.ts";
import { FILES, readEnvironment } from "../../src/settings/environment.ts";

const ROOT = new URL("../../", import.meta.url);

/** The options of a server. */
export interface ServerOptions {
  /** The environment. By default the echo answers; with an empty `LLM_PROVIDER`, the provider that the server finds. */
  env?: Record<string, string>;
  /** The working directory, where it makes `data`. Default: a new folder. */
  folder?: string;
  /** Permissions instead of those of `deno task start`. */
  flags?: string[];
  /** Where the sources are, with a slash at the end. Default: this repository. */
  sources?: string;
  /** How many files it may have open, connections among them. */
  openFiles?: number;
}

/** A running server. */
export interface RealServer extends AsyncDisposable {
  url: string;
  /** The address of the page with its token, from the log. */
  page: string;
  folder: string;
  /** The id of the process. */
  pid: number;
  /** The lines of its log so far. */
  lines: Record<string, unknown>[];
  /** Sends a signal and waits for the end. */
  stop(signal: Deno.Signal): Promise<Deno.CommandStatus>;
}

/** The flag that a program started from here needs to find `@std`. */
export function stdFlags(): string[] {
  return import.meta.resolve("@std/dotenv").startsWith("file:")
    ? [`--import-map=${new URL("deno.offline.json", ROOT).pathname}`]
    : [];
}

/** Makes an environment without any settings of the tester. */
export function cleanEnv(
  more: Record<string, string> = {},
): Record<string, string> {
  const kept = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME", "TMPDIR"];
  return { NO_COLOR: "1", ...pickEnv(kept), ...more };
}

/** The variables that this machine needs to reach the npm registry. */
export function networkEnv(): Record<string, string> {
  const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  const trust = ["SSL_CERT_FILE", "SSL_CERT_DIR", "DENO_CERT"];
  return {
    NO_COLOR: "1",
    // By default, Deno 2.5 trusts only Mozilla's certificates.
    DENO_TLS_CA_STORE: "mozilla,system",
    // Its .npmrc may name another registry.
    ...pickEnv(["HOME", "NPM_CONFIG_REGISTRY", ...trust, ...proxies]),
  };
}

function pickEnv(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

/**
 * Returns the flags of a task, so that the program has the permissions of a user.
 * A user's working folder holds the sources, too; a test's doesn't.
 */
async function flagsOf(
  program: string,
  { env = {}, folder = ROOT.pathname, sources = ROOT.pathname }: ServerOptions,
): Promise<string[]> {
  const line = Object.values(deno.tasks).find((task) =>
    task.includes(` ${program}`)
  );
  const words = line?.split("deno run ").find((part) => part.includes(program));
  if (words === undefined) throw new Error(`No task runs ${program}`);
  const hasNet = words.includes("--net");
  const files = { ...FILES, dotenv: `${folder}/.env` };
  const real = { get: (name: string) => env[name] };
  const settings = await readEnvironment(real, SETTINGS, files);
  const dotenv = await Deno.readTextFile(files.dotenv).catch(() => "");
  const flags = !words.includes("deno task -q flags")
    ? ""
    : sources === ROOT.pathname
    ? toFlags({ env: settings.env, dotenv, hasNet })
    : await flagsOfCopy(sources, env, hasNet ? ["--net"] : []);
  return `${words.replaceAll(/\$\([^)]*\)/g, "")} ${flags}`.split(" ")
    .filter((word) => /^-q$|^--(frozen|no-prompt|allow-|deny-)/.test(word))
    // A test's working folder is not that of the sources.
    .map((word) =>
      word.replace(
        "=.env,layercode.config.json",
        (own) => `${own},${sources}layercode.config.json,${sources}src`,
      )
    );
}

/** Returns the output of `deno task flags` in a copy of the sources, which may declare other settings. */
async function flagsOfCopy(
  sources: string,
  env: Record<string, string>,
  options: string[],
): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--frozen", "--allow-env", `--allow-read=${sources},.`],
      ...stdFlags(),
      `${sources}src/cli/permissions.ts`,
      ...options,
    ],
    cwd: sources,
    env: cleanEnv(env),
    clearEnv: true,
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

/**
 * Runs one of the project's programs to its end, as its task does.
 *
 * @param options `onTerminal`: on a pseudo-terminal, whose whole output is in
 * `stdout`. Works on Linux only.
 */
export async function runProgram(
  program: string,
  args: string[],
  options: ServerOptions & { input?: string; onTerminal?: boolean } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { sources = ROOT.pathname, onTerminal = false } = options;
  const words = [
    Deno.execPath(),
    "run",
    ...await flagsOf(program, options),
    ...stdFlags(),
    sources + program,
    ...args,
  ];
  const line = words.map((word) => `'${word}'`).join(" ");
  const [command = "", ...rest] = onTerminal
    ? ["script", "-qefc", line, "/dev/null"]
    : words;
  const child = new Deno.Command(command, {
    args: rest,
    cwd: options.folder ?? ROOT.pathname,
    env: cleanEnv(options.env),
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(options.input ?? ""));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Starts a server on a free port and waits until it listens. */
export async function startServer(
  options: ServerOptions = {},
): Promise<RealServer> {
  const { sources = ROOT.pathname } = options;
  const folder = options.folder ?? await Deno.makeTempDir();
  // The provider is named, so that the tester's own Ollama is not used.
  const env = cleanEnv({ PORT: "0", LLM_PROVIDER: "echo", ...options.env });
  if (env.LLM_PROVIDER === "") delete env.LLM_PROVIDER;
  const { openFiles } = options;
  const limit = `ulimit -n ${openFiles} && exec "$0" "$@"`;
  const [command, ...before] = openFiles === undefined
    ? [Deno.execPath()]
    : ["sh", "-c", limit, Deno.execPath()];
  const child = new Deno.Command(command!, {
    args: [
      ...before,
      ...["run", "-q"],
      ...options.flags
        ? ["--frozen", "--no-prompt", ...options.flags]
        : await flagsOf("main.ts", { env, folder, sources }),
      ...stdFlags(),
      `${sources}main.ts`,
    ],
    cwd: folder,
    env,
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();

  const lines: Record<string, unknown>[] = [];
  const raw: string[] = [];
  const listening = Promise.withResolvers<string>();
  async function follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    // deno-lint-ignore no-explicit-any -- Node's and the web's type of one stream
    const input = Readable.fromWeb(stream as any);
    for await (const text of createInterface({ input })) {
      raw.push(text);
      if (!text.startsWith("{")) continue;
      const line = JSON.parse(text);
      lines.push(line);
      if (line.event === "server.listening") listening.resolve(line.url);
    }
  }
  const followed = Promise.all([follow(child.stdout), follow(child.stderr)]);
  const ended = child.status.then(async (status) => {
    await followed;
    listening.reject(new Error(`The server ended:\n${raw.join("\n")}`));
    return status;
  });

  async function stop(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    try {
      child.kill(signal);
    } catch {
      // The process has ended already.
    }
    return await ended;
  }

  const url = await listening.promise;
  const { url: page = "none" } =
    lines.find(({ event }) => event === "pages.address") ?? {};
  return {
    url,
    page: String(page),
    folder,
    pid: child.pid,
    lines,
    stop,
    async [Symbol.asyncDispose]() {
      await stop("SIGKILL");
      if (options.folder === undefined) {
        await Deno.remove(folder, { recursive: true });
      }
    },
  };
}
