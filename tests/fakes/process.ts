/**
 * What a process holds, as Linux tells in `/proc`, which Deno reads only with
 * all rights; tests have fewer.
 *
 * @module
 */

/** What each open descriptor leads to, such as `socket:[123]`. */
export function descriptorsOf(pid: number): string[] {
  return run("ls", "-l", `/proc/${pid}/fd`).split("\n")
    .flatMap((line) => line.split(" -> ")[1] ?? []);
}

/** The memory that it holds now, in megabytes. */
export function memoryMbOf(pid: number): number {
  return readMb(pid, /^VmRSS:\s+(\d+)/m);
}

/** The most that it ever held. */
export function peakMbOf(pid: number): number {
  return readMb(pid, /^VmHWM:\s+(\d+)/m);
}

function readMb(pid: number, line: RegExp): number {
  const status = run("cat", `/proc/${pid}/status`);
  return Math.round(Number(line.exec(status)?.[1] ?? NaN) / 1024);
}

function run(program: string, ...args: string[]): string {
  const { stdout } = new Deno.Command(program, { args, stderr: "null" })
    .outputSync();
  return new TextDecoder().decode(stdout);
}
