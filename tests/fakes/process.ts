/**
 * The resources of a process, from Linux's `/proc`. Deno reads it only with all
 * permissions, which tests don't have.
 *
 * @module
 */

/** Returns the target of each open descriptor, such as `socket:[123]`. */
export function descriptorsOf(pid: number): string[] {
  return run("ls", "-l", `/proc/${pid}/fd`).split("\n")
    .flatMap((line) => line.split(" -> ")[1] ?? []);
}

/** Returns the memory that it uses now, in megabytes. */
export function memoryMbOf(pid: number): number {
  return readMb(pid, /^VmRSS:\s+(\d+)/m);
}

/** Returns its peak memory, in megabytes. */
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
