/**
 * The files for Docker and Compose against what they speak of: settings, ports,
 * folders and each other. Read line by line; their form is simple.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { contextFiles, destinations, parseDockerfile } from "./_docker_file.ts";
import { upstreamsOf } from "./fakes/nginx.ts";

const ROOT = new URL("../", import.meta.url);

function read(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, ROOT));
}

/** A key of a Compose file, with what stands beside and below it. */
interface Entry {
  value: string;
  items: string[];
  keys: Map<string, Entry>;
}

/** Reads keys, lists and aliases, which is all of YAML that these files use. */
function parse(text: string): Entry {
  const anchors = new Map<string, Entry>();
  const root: Entry = { value: "", items: [], keys: new Map() };
  const above = [{ depth: -1, entry: root }];
  for (const line of text.split("\n")) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, indent, item, key = "", value = ""] =
      /^( *)(?:- (.*)|([\w-]+):\s*(.*))$/.exec(line) ?? [];
    assert(indent !== undefined, `Unknown: ${line}`);
    while ((above.at(-1)?.depth ?? -1) >= indent.length) above.pop();
    const parent = above.at(-1)?.entry ?? root;
    if (item !== undefined) parent.items.push(item);
    else {
      const entry: Entry = (value.startsWith("*") &&
        anchors.get(value.slice(1))) ||
        { value, items: [], keys: new Map() };
      if (value.startsWith("&")) anchors.set(value.slice(1), entry);
      parent.keys.set(key, entry);
      above.push({ depth: indent.length, entry });
    }
  }
  return root;
}

/** A Compose file: its services, and which of them are ours. */
async function readCompose(name: string) {
  const text = await read(name);
  const { keys } = parse(text);
  const services = keys.get("services")?.keys ?? new Map<string, Entry>();
  const ours = [...services].filter(([, { keys }]) => keys.has("build"));
  assert(ours.length > 0);
  const volumes = [...keys.get("volumes")?.keys.keys() ?? []];
  return { text, services, ours, volumes };
}

/** What every service of ours has, whatever `.env` says. */
const FIXED = {
  read_only: "true",
  cap_drop: "[ALL]",
  security_opt: '["no-new-privileges:true"]',
};
const FIXED_ENVIRONMENT = { PORT: "3000", HOST: "0.0.0.0", DATA_DIR: "/data" };

const FILES = ["compose.yaml", "cluster/compose.yaml"];

for (const file of FILES) {
  Deno.test(`${file} sets what there is to set, and keeps Parley's hands tied`, async () => {
    const { text, ours } = await readCompose(file);
    const example = await read(".env.example");
    for (const [, { keys }] of ours) {
      for (const [key, value] of Object.entries(FIXED)) {
        assertEquals(keys.get(key)?.value, value, key);
      }
      const environment = keys.get("environment")?.keys;
      for (const setting of environment?.keys() ?? []) {
        assert(example.includes(`\n#${setting}=`), setting);
      }
      for (const [name, value] of Object.entries(FIXED_ENVIRONMENT)) {
        assertEquals(environment?.get(name)?.value, value, name);
      }
    }
    // No secret has a value of its own here.
    for (const [, name] of text.matchAll(/\b([A-Z_]*(?:PASSWORD|SECRET))\b/g)) {
      assertMatch(text, new RegExp(`\\$\\{${name}:\\?[^}]+\\}`));
    }
    assert(!/(PASSWORD|SECRET|KEY|TOKEN): (?!\$\{)/.test(text));
  });

  Deno.test(`${file} names versions, and declares the volumes that it uses`, async () => {
    const { services, volumes } = await readCompose(file);
    const used = new Set<string>();
    for (const [name, { keys }] of services) {
      const image = keys.get("image")?.value;
      if (image !== undefined) assertMatch(image, /^[\w/-]+:\d/, name);
      for (const volume of keys.get("volumes")?.items ?? []) {
        const [from = ""] = volume.split(":");
        if (!/^[./]/.test(from)) used.add(from);
        else {
          const { isFile } = await Deno.stat(
            new URL(from, new URL(file, ROOT)),
          );
          assert(isFile, from);
        }
      }
      for (const other of keys.get("depends_on")?.keys.keys() ?? []) {
        assert(services.has(other), other);
      }
    }
    assertEquals([...used].sort(), volumes.sort());
  });
}

Deno.test("cluster/compose.yaml has the instances and the port that cluster/nginx.conf names", async () => {
  const { services, ours } = await readCompose("cluster/compose.yaml");
  const conf = await read("cluster/nginx.conf");
  assertEquals(upstreamsOf(conf), ours.map(([name]) => `${name}:3000`));
  const [, port] = /\blisten (\d+);/.exec(conf) ?? [];
  assertEquals(services.get("nginx")?.keys.get("ports")?.items, [`80:${port}`]);
  for (const [, { keys }] of ours) {
    const store = keys.get("environment")?.keys.get("SESSION_STORE")?.value;
    assertMatch(store ?? "", /^postgres:\/\/parley:.*@postgres\/parley$/);
  }
  assert(services.has("postgres"));
});

Deno.test("Dockerfile ends with a stage that has no shell, no rights and one folder to write", async () => {
  const stages = parseDockerfile(await read("Dockerfile"));
  const last = stages.at(-1);
  // A tag of distroless: uid 65532, no shell and no package manager.
  assertMatch(last?.image ?? "", /^gcr\.io\/distroless\/\S+:nonroot$/);
  assert(last?.user === undefined || last.user !== "root");
  assert(last?.steps.every(({ type }) => type === "copy"));
  assertEquals(last?.volumes, ["/data"]);
  assertEquals(last?.ports, ["3000"]);
  assertEquals(last?.env.DATA_DIR, "/data");
  for (const command of [last?.command, last?.healthcheck]) {
    assertEquals(command?.[0], "/bin/deno");
    assert(command?.includes("--cached-only"));
  }
  assert(last?.command?.includes("--allow-write=/data"));
  assert(!last?.command?.some((word) => /^(-A|--allow-all)$/.test(word)));
  const owned = last?.steps.filter((step) => "owner" in step);
  assertEquals(owned?.map((step) => "to" in step && step.to), ["/data"]);
});

Deno.test("Dockerfile builds with the Deno that it runs with", async () => {
  const versions = [
    ...(await read("Dockerfile")).matchAll(/deno:(?:bin-)?(\d[\d.]+)/g),
  ];
  assertEquals(versions.length, 2);
  assertEquals(new Set(versions.map(([, version]) => version)).size, 1);
});

Deno.test(".dockerignore gives Docker what the Dockerfile copies, and nothing else", async () => {
  const root = ROOT.pathname;
  const files = await contextFiles(root, await read(".dockerignore"));
  const copies = parseDockerfile(await read("Dockerfile"))
    .flatMap(({ steps }) => steps)
    .flatMap((step) =>
      step.type === "copy" && step.from === undefined
        ? destinations(step, files)
        : []
    );
  assertEquals(copies.map(([file]) => file).sort(), files);
  for (
    const file of ["deno.json", "deno.lock", "main.ts", "src/server/router.ts"]
  ) {
    assert(files.includes(file), file);
  }
});
