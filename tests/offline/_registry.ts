/**
 * A small JSR on loopback: it serves the stand-ins of offline/ as the packages
 * of `@std`, in the versions that the tests' lockfile names.
 *
 * @module
 */
const ROOT = new URL("../../", import.meta.url);

/** What may answer in the registry's place; `undefined` leaves it to the registry. */
export type Answer = (path: string) => Response | Promise<Response> | undefined;

/** A registry under way. */
export interface Registry extends AsyncDisposable {
  url: string;
  /** The paths asked for so far. */
  requests: string[];
  /** What a lockfile holds of each package, by `@std/name@version`. */
  integrity: Map<string, string>;
}

/** What makes a registry differ from another. */
export interface RegistryOptions {
  /** Another text makes another edition of the same versions. */
  text?: string;
  before?: Answer;
}

/** Serves `@std`; every module of it exports `published`, too. */
export async function serveRegistry(
  { text = "", before }: RegistryOptions = {},
): Promise<Registry> {
  const requests: string[] = [];
  const { files, integrity } = await publish(text);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      requests.push(pathname);
      const answer = await before?.(pathname);
      if (answer !== undefined) return answer;
      const content = files.get(pathname);
      return content === undefined
        ? new Response(null, { status: 404 })
        : new Response(content, {
          headers: {
            "content-type": pathname.endsWith(".json")
              ? "application/json"
              : "application/typescript",
          },
        });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    requests,
    integrity,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** All files of the registry by their paths, and the packages' hashes. */
async function publish(text: string) {
  const files = new Map<string, string>();
  const integrity = new Map<string, string>();
  for (const [id, entries] of await packages()) {
    const at = id.lastIndexOf("@");
    const [name, version] = [id.slice(0, at), id.slice(at + 1)];
    const manifest: Record<string, { size: number; checksum: string }> = {};
    const exports: Record<string, string> = {};
    for (const { path, standIn } of entries) {
      const code = await Deno.readTextFile(new URL(standIn, ROOT));
      const module = `${code}\nexport const published = "${text}";\n`;
      const file = `/${path.replace(/^\.\/?/, "") || "mod"}.ts`;
      manifest[file] = {
        size: new TextEncoder().encode(module).length,
        checksum: `sha256-${await sha256(module)}`,
      };
      exports[path] = `.${file}`;
      files.set(`/${name}/${version}${file}`, module);
    }
    const meta = JSON.stringify({ manifest, exports });
    files.set(`/${name}/${version}_meta.json`, meta);
    files.set(
      `/${name}/meta.json`,
      JSON.stringify({ latest: version, versions: { [version]: {} } }),
    );
    integrity.set(id, await sha256(meta));
  }
  return { files, integrity };
}

interface Entry {
  /** As a package's `exports` have it: "." or "./path". */
  path: string;
  /** The file that stands in for it. */
  standIn: string;
}

/** The entry points in use, by `@std/name@version`. */
async function packages(): Promise<Map<string, Entry[]>> {
  const lock = await readJson<{ jsr: object }>("tests/deno.lock");
  const map = await readJson<{ imports: Record<string, string> }>(
    "deno.offline.json",
  );
  const locked = Object.keys(lock.jsr);
  const found = new Map<string, Entry[]>();
  for (const [key, standIn] of Object.entries(map.imports)) {
    if (!key.startsWith("@std/")) continue;
    const [scope, pkg, ...path] = key.split("/");
    const id = locked.find((id) => id.startsWith(`${scope}/${pkg}@`)) ??
      `${scope}/${pkg}@1.0.0`;
    const entries = found.get(id) ?? [];
    entries.push({ path: [".", ...path].join("/"), standIn });
    found.set(id, entries);
  }
  return found;
}

async function readJson<T>(name: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(name, ROOT)));
}

async function sha256(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
