/**
 * A real nginx in front of several instances, with the very file that the
 * cluster is given: only its addresses and paths are others, so that it runs in
 * a temporary folder, on a free port of 127.0.0.1 and without rights.
 *
 * @module
 */
import { freePort } from "./ports.ts";

/** The file that `cluster/compose.yaml` mounts. */
export const NGINX_CONF: URL = new URL(
  "../../cluster/nginx.conf",
  import.meta.url,
);

/** An nginx under way. */
export interface RealNginx extends AsyncDisposable {
  /** Where it listens. */
  url: string;
  /** What it complained of so far. */
  errors(): Promise<string>;
}

/** Why there can be none here; nothing where there can. */
export function whyNoNginx(): string | undefined {
  return program() ? undefined : "nginx is not installed (.ci/packages)";
}

/** Debian puts it where a user's PATH doesn't look. */
function program(): string | undefined {
  const path = `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/usr/local/sbin`;
  for (const folder of path.split(":")) {
    try {
      const file = `${folder || "."}/nginx`;
      if (Deno.statSync(file).isFile) return file;
    } catch {
      // not there
    }
  }
  return undefined;
}

/** The addresses of the instances in the shipped file, in its order. */
export function upstreamsOf(conf: string): string[] {
  return [...conf.matchAll(/^\s*server\s+([\w.-]+:\d+)[^;{]*;/gm)].map(
    ([, address]) => address ?? "",
  );
}

/**
 * Starts it, after `nginx -t` has found nothing wrong with the file.
 *
 * @param instances their base addresses, as many as the file names
 * @throws {Error} with nginx's own words when it can't be started
 */
export async function startNginx(
  instances: readonly string[],
): Promise<RealNginx> {
  const folder = await Deno.makeTempDir({ prefix: "parley-nginx-" });
  // As root its workers are somebody else, who has to get in.
  await Deno.chmod(folder, 0o755);
  const port = freePort();
  const conf = `${folder}/nginx.conf`;
  const log = `${folder}/error.log`;
  await Deno.writeTextFile(
    conf,
    adapt(await Deno.readTextFile(NGINX_CONF), { instances, port, folder }),
  );
  const args = ["-p", folder, "-c", conf, "-e", log];
  const checked = await run([...args, "-t"]);
  if (!checked.success || /\[(warn|error|emerg)\]/.test(checked.said)) {
    await Deno.remove(folder, { recursive: true });
    throw new Error(`nginx -t: ${checked.said}`);
  }

  const child = new Deno.Command(program() ?? "nginx", {
    args: [...args, "-g", "daemon off;"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const nginx: RealNginx = {
    url: `http://127.0.0.1:${port}`,
    errors: () => Deno.readTextFile(log).catch(() => ""),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended already.
      }
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
  const deadline = Date.now() + 10_000;
  while (!await listens(port)) {
    if (Date.now() < deadline) continue;
    const said = await nginx.errors();
    await nginx[Symbol.asyncDispose]();
    throw new Error(`nginx doesn't listen: ${said}`);
  }
  return nginx;
}

/** The shipped file with other addresses and paths, and everything else as it is. */
function adapt(
  conf: string,
  { instances, port, folder }: {
    instances: readonly string[];
    port: number;
    folder: string;
  },
): string {
  const upstreams = upstreamsOf(conf);
  if (upstreams.length !== instances.length) {
    throw new Error(`cluster/nginx.conf names ${upstreams.length} instances`);
  }
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${folder}/${name};`).join("\n");
  const changes: [string | RegExp, string][] = [
    ...upstreams.map((from, index): [string, string] => [
      `server ${from}`,
      `server ${new URL(instances[index] ?? "").host}`,
    ]),
    [/\blisten \d+;/g, `listen 127.0.0.1:${port};`],
    [/^pid .*;/gm, `pid ${folder}/nginx.pid;`],
    ["http {", `http {\n${temporary}`],
  ];
  for (const [from, to] of changes) {
    const parts = conf.split(from);
    if (parts.length !== 2) {
      throw new Error(`cluster/nginx.conf must have one "${from}"`);
    }
    conf = parts.join(to);
  }
  return conf;
}

async function run(
  args: string[],
): Promise<{ success: boolean; said: string }> {
  const { success, stderr } = await new Deno.Command(program() ?? "nginx", {
    args,
    stdin: "null",
  }).output();
  return { success, said: new TextDecoder().decode(stderr) };
}

async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return false;
  }
}
