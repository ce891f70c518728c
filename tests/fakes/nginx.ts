/**
 * A real nginx in front of several instances, with the configuration file of the
 * cluster. Only addresses and paths differ, so that it runs in a temporary folder,
 * on a free port of 127.0.0.1 and without privileges.
 *
 * @module
 */
import { freePort } from "./ports.ts";

/** The file that `cluster/compose.yaml` mounts. */
export const NGINX_CONF: URL = new URL(
  "../../cluster/nginx.conf",
  import.meta.url,
);

/** A running nginx. */
export interface RealNginx extends AsyncDisposable {
  /** Its address. */
  url: string;
  /** Its errors so far. */
  errors(): Promise<string>;
}

/** Why nginx can't run here; `undefined` if it can. */
export function whyNoNginx(): string | undefined {
  return program() ? undefined : "nginx is not installed (.ci/packages)";
}

/** Finds the program. Debian installs it outside a user's PATH. */
function program(): string | undefined {
  const path = `${Deno.env.get("PATH") ?? ""}:/usr/sbin:/usr/local/sbin`;
  for (const folder of path.split(":")) {
    try {
      const file = `${folder || "."}/nginx`;
      if (Deno.statSync(file).isFile) return file;
    } catch {
      // not installed
    }
  }
  return undefined;
}

/** Returns the addresses of the instances in the shipped file, in order. */
export function upstreamsOf(conf: string): string[] {
  return [...conf.matchAll(/^\s*server\s+([\w.-]+:\d+)[^;{]*;/gm)].map(
    ([, address]) => address ?? "",
  );
}

/**
 * Starts nginx, after `nginx -t` has accepted the file.
 *
 * @param instances the base addresses of the instances, as many as the file has
 * @throws {Error} with nginx's own message if it can't be started
 */
export async function startNginx(
  instances: readonly string[],
): Promise<RealNginx> {
  const folder = await Deno.makeTempDir({ prefix: "parley-nginx-" });
  // If this runs as root, the workers are another user, who must have access.
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
        // The process has ended already.
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

/** Replaces addresses and paths in the shipped file, and nothing else. */
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
