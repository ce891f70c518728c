/**
 * The bench's processes: starts them, gives them jobs, and measures them.
 *
 * @module
 */
import { print } from "./_print.ts";
import { cleanEnv, stdFlags } from "../fakes/server.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** A running process that listens on a port. */
export interface Child extends AsyncDisposable {
  /** Its address. */
  url: string;
  /** The time from its start until it listened, in milliseconds. */
  startMs: number;
  /** Gives it a job and resolves with the result. */
  ask(job: object): Promise<unknown>;
  /** The CPU time that it has used so far, in milliseconds. */
  cpuMs(): number;
  /** The memory that it holds now, in kilobytes. */
  memoryKb(): number;
  /** Kills it and waits until it is gone. */
  kill(): Promise<void>;
}

/** The program to start. */
export interface ChildOptions {
  /** The program's path in the repository. */
  program: string;
  args?: readonly string[];
  env?: Record<string, string>;
  /** The working directory, which it may write. Default: it may write nothing. */
  folder?: string;
}

/** All running processes, so that none is left behind. */
const running = new Set<Deno.ChildProcess>();

/** Kills every process that is still running, for when the bench itself is stopped. */
export function killAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Why CPU and memory can't be measured here; `undefined` if they can. */
export const whyNoUsage: string | undefined = Deno.build.os === "linux"
  ? undefined
  : "CPU and memory of a process are read from /proc, which only Linux has";

/**
 * Starts a program with the flags of `deno task start` and waits for the line
 * that says where it listens.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { program, args = [], env = {}, folder = ROOT } = options;
  const startedAt = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "--allow-net", "--allow-env"],
      ...[`--allow-read=${ROOT},.,./data`, "--allow-write=./data"],
      ...stdFlags(),
      `${ROOT}${program}`,
      ...args,
    ],
    cwd: folder,
    env: cleanEnv({ PORT: "0", HOST: "127.0.0.1", LOG_FORMAT: "json", ...env }),
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  running.add(child);
  child.status.then(() => running.delete(child));
  const input = child.stdin.getWriter();
  const lines = readLines(child.stdout);
  const url = await findUrl(lines, program);
  const startMs = performance.now() - startedAt;
  // A server prints only its log, which is read and dropped.
  const isServer = program === "main.ts";
  if (isServer) drop(lines);
  let hasEnded = false;

  async function kill(): Promise<void> {
    if (hasEnded) return;
    hasEnded = true;
    child.kill("SIGKILL");
    await child.status;
    await input.abort().catch(() => {
      // The process has ended, and the pipe with it.
    });
    if (!isServer) await drop(lines);
  }

  return {
    url,
    startMs,
    kill,
    ask: async (job) => {
      await input.write(new TextEncoder().encode(`${JSON.stringify(job)}\n`));
      const { value } = await lines.next();
      if (value === undefined) throw new Error(`${program} ended`);
      return JSON.parse(value);
    },
    cpuMs: () => readCpuMs(child.pid),
    memoryKb: () => readMemoryKb(child.pid),
    [Symbol.asyncDispose]: kill,
  };
}

/**
 * Runs each job that arrives as a line on standard input, and prints its result
 * as a line. For programs that {@linkcode startChild} starts.
 */
export async function readJobs(
  work: (job: Record<string, unknown>) => Promise<unknown>,
): Promise<void> {
  for await (const line of readLines(Deno.stdin.readable)) {
    print(JSON.stringify(await work(JSON.parse(line))));
  }
  // The input has ended, so the bench has, too.
  Deno.exit(0);
}

async function* readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

async function findUrl(
  lines: AsyncGenerator<string, void>,
  program: string,
): Promise<string> {
  const before: string[] = [];
  while (true) {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${program} ended:\n${before.join("\n")}`);
    before.push(value);
    const { url, event } = value.startsWith("{") ? JSON.parse(value) : {};
    if (url === undefined) continue;
    if (event === undefined || event === "server.listening") return url;
  }
}

async function drop(lines: AsyncGenerator<string, void>): Promise<void> {
  while (!(await lines.next()).done);
}

/** Reads the CPU time of all its threads. Linux reports it in ticks of 10 ms. */
function readCpuMs(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The second field is the program's name, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function readMemoryKb(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? NaN);
}
