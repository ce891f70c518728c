/**
 * Starts a real Postgres, from Debian's packages (`.ci/packages` installs them),
 * and a real PgBouncer in front of it if that is installed. They use a temporary
 * folder and free ports of 127.0.0.1, and require no password.
 *
 * @module
 */
import { freePort } from "./ports.ts";

/** A running server. */
export interface RealPostgres extends AsyncDisposable {
  /** The URL of the database `postgres`, as a superuser. */
  url: string;
  /** The same through PgBouncer in transaction mode, if it is installed. */
  bouncerUrl?: string;
  /** Runs SQL as the superuser; returns the output of `psql`, with `|` between fields. */
  sql(text: string): Promise<string>;
  /** Kills it, like a crash, and starts it again after a while. */
  restart(downMs?: number): Promise<void>;
  /** Pauses its processes, so that nothing answers, or resumes them. */
  freeze(isFrozen: boolean): Promise<void>;
}

/** Finds the folder of the newest programs, which Debian installs outside the PATH. */
function programs(): string | undefined {
  try {
    const [newest] = [...Deno.readDirSync("/usr/lib/postgresql")]
      .map(({ name }) => name)
      .sort((a, b) => Number(b) - Number(a));
    const folder = `/usr/lib/postgresql/${newest}/bin`;
    Deno.statSync(`${folder}/initdb`);
    return folder;
  } catch {
    return undefined; // not installed
  }
}

/** Why Postgres can't run here; `undefined` if it can. */
export function whyNoPostgres(): string | undefined {
  return programs() ? undefined : "Postgres is not installed (.ci/packages)";
}

/** Why PgBouncer can't run here; `undefined` if it can. */
export function whyNoBouncer(): string | undefined {
  return whyNoPostgres() ??
    (bouncer() ? undefined : "PgBouncer is not installed (.ci/packages)");
}

function bouncer(): string | undefined {
  const file = "/usr/sbin/pgbouncer";
  try {
    return Deno.statSync(file).isFile ? file : undefined;
  } catch {
    return undefined; // not installed
  }
}

/** Starts a server, and PgBouncer if it is installed. */
export async function startPostgres(): Promise<RealPostgres> {
  const folder = await Deno.makeTempDir({ prefix: "parley-postgres-" });
  const bin = programs();
  // Neither program runs as root.
  const isRoot = (await output("id", ["-u"])).trim() === "0";
  const uid = isRoot ? Number(await output("id", ["-u", "postgres"])) : 0;
  const gid = isRoot ? Number(await output("id", ["-g", "postgres"])) : 0;
  const as = { cwd: folder, ...(isRoot ? { uid, gid } : {}) };
  if (isRoot) await Deno.chown(folder, uid, gid);

  const data = `${folder}/data`;
  let port = freePort();
  const address = () => ["-h", "127.0.0.1", "-p", `${port}`];
  const sql = (text: string) =>
    output(`${bin}/psql`, [
      ...[...address(), "-U", "postgres", "-d", "postgres"],
      ...["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text],
    ], { cwd: folder });

  /** Starts the server. Its log is a file, so that its output never blocks a test. */
  function spawn(program: string, args: string[]): Deno.ChildProcess {
    return new Deno.Command("sh", {
      args: [
        "-c",
        'log=$1; shift; exec "$@" >>"$log" 2>&1',
        "sh",
        `${folder}/log`,
        program,
        ...args,
      ],
      ...as,
      stdin: "null",
    }).spawn();
  }

  async function start(): Promise<Deno.ChildProcess> {
    const child = spawn(`${bin}/postgres`, [
      ...["-D", data, "-p", `${port}`, "-c", "listen_addresses=127.0.0.1"],
      ...["-c", `unix_socket_directories=${folder}`],
    ]);
    let hasEnded = false;
    child.status.then(() => hasEnded = true);
    const deadline = Date.now() + 30_000;
    while (!(await succeeds(`${bin}/pg_isready`, ["-q", ...address()]))) {
      if (hasEnded) throw new Error(await Deno.readTextFile(`${folder}/log`));
      if (Date.now() > deadline) {
        child.kill("SIGKILL");
        await child.status;
        throw new Error(await Deno.readTextFile(`${folder}/log`));
      }
    }
    return child;
  }

  await output(`${bin}/initdb`, [
    ...["-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8"],
    "--locale=C",
  ], as);
  let child = await start().catch(() => {
    // Another program may have taken the port meanwhile.
    port = freePort();
    return start();
  });

  const url = `postgres://postgres:hunter2@127.0.0.1:${port}/postgres`;
  const pooler = bouncer();
  const stops: (() => Promise<unknown>)[] = [];
  let bouncerUrl: string | undefined;
  if (pooler) {
    const listen = freePort();
    await Deno.writeTextFile(`${folder}/users`, '"postgres" ""\n');
    await Deno.writeTextFile(
      `${folder}/bouncer.ini`,
      `[databases]
* = host=127.0.0.1 port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listen}
unix_socket_dir =
auth_type = trust
auth_file = ${folder}/users
pool_mode = transaction
# Fewer than its clients: they have to share.
default_pool_size = 3
server_login_retry = 1
`,
    );
    const pgbouncer = spawn(pooler, [`${folder}/bouncer.ini`]);
    stops.push(() => (pgbouncer.kill("SIGTERM"), pgbouncer.status));
    bouncerUrl = url.replace(`:${port}/`, `:${listen}/`);
    const deadline = Date.now() + 10_000;
    const there = ["-q", "-h", "127.0.0.1", "-p", `${listen}`];
    while (!(await succeeds(`${bin}/pg_isready`, there))) {
      if (Date.now() > deadline) {
        throw new Error(await Deno.readTextFile(`${folder}/log`));
      }
    }
  }

  /** Like a power cut: it recovers from its log. */
  async function crash(): Promise<void> {
    child.kill("SIGQUIT");
    await child.status;
  }

  return {
    url,
    ...(bouncerUrl === undefined ? {} : { bouncerUrl }),
    sql,
    restart: async (downMs = 300) => {
      await crash();
      await new Promise((resolve) => setTimeout(resolve, downMs));
      child = await start();
    },
    freeze: async (isFrozen) => {
      const signal = isFrozen ? "-STOP" : "-CONT";
      const children = await output("pgrep", ["-P", `${child.pid}`]);
      const pids = [`${child.pid}`, ...children.trim().split("\n")];
      await output("kill", [signal, ...pids]);
    },
    [Symbol.asyncDispose]: async () => {
      for (const stop of stops) await stop();
      await crash();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function succeeds(program: string, args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command(program, { args, cwd: "/" })
    .output();
  if (!success) await new Promise((resolve) => setTimeout(resolve, 25));
  return success;
}

async function output(
  program: string,
  args: string[],
  options: Deno.CommandOptions = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    ...options,
    args,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`${program} failed: ${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}
