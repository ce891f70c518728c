/**
 * Starts the real server of Deno KV, if it is installed: named by `DENOKV`,
 * downloaded by `.ci/denokv get`, or on the `PATH`.
 *
 * @module
 */

/** A running server. */
export interface Denokv extends AsyncDisposable {
  /** The address for `Deno.openKv`. */
  url: string;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
  /** Kills it, like a power cut. */
  kill(): Promise<void>;
}

/** Returns the path of the program; `undefined` if it is not installed. */
export function findDenokv(): string | undefined {
  const { DENOKV, PARLEY_CI_CACHE, XDG_CACHE_HOME, HOME, PATH } = Deno.env
    .toObject();
  if (DENOKV) return DENOKV;
  const cache = PARLEY_CI_CACHE ??
    `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/parley-ci`;
  const built = new RegExp(`^denokv-.*-${Deno.build.arch}$`);
  const places: [folder: string, name: RegExp][] = [
    [`${cache}/bin`, built],
    ...(PATH ?? "").split(":").map((folder): [string, RegExp] => [
      folder,
      /^denokv$/,
    ]),
  ];
  for (const [folder, name] of places) {
    const found = namesIn(folder).find((file) => name.test(file));
    if (found !== undefined) return `${folder}/${found}`;
  }
  return undefined;
}

function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  } catch {
    // The folder is missing or not readable.
    return [];
  }
}

/** Starts a server on a new folder. */
export async function startDenokv(program: string): Promise<Denokv> {
  const folder = await Deno.makeTempDir();
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const outside = Deno.env.get(TOKEN);
  // The only place where Deno looks for the token.
  Deno.env.set(TOKEN, "a token for tests");
  let child: Deno.ChildProcess | undefined;

  async function start(): Promise<void> {
    child = new Deno.Command(program, {
      args: [
        ...["--sqlite-path", `${folder}/kv.sqlite`],
        ...["serve", "--addr", `127.0.0.1:${port}`],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (let tries = 0; tries < 200; tries++) {
      try {
        const response = await fetch(url);
        await response.body?.cancel();
        return;
      } catch {
        // Not listening yet.
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
    throw new Error(`No answer from ${program} within 5 s`);
  }

  async function kill(): Promise<void> {
    child?.kill("SIGKILL");
    await child?.status;
    child = undefined;
  }

  await start();
  return {
    url,
    start,
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      if (outside === undefined) Deno.env.delete(TOKEN);
      else Deno.env.set(TOKEN, outside);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const TOKEN = "DENO_KV_ACCESS_TOKEN";

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
