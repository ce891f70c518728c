import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import {
  loadOrCreateSecret,
  readStoredSecret,
} from "../../src/settings/secret.ts";
import { stdFlags } from "../fakes/server.ts";

/** Where the secret lies in the data folder. */
const FILE = "webhook-secret";

/** Who may do what with the secret. */
async function modeOf(folder: string): Promise<number> {
  const { mode } = await Deno.stat(`${folder}/${FILE}`);
  return (mode ?? 0) & 0o777;
}

function test(what: string, body: (folder: string) => Promise<void>): void {
  Deno.test({
    name: what,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        await body(folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

async function filesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  return names;
}

test("loadOrCreateSecret() makes a secret that nobody can guess", async (folder) => {
  const secret = await loadOrCreateSecret(folder);
  // No comma and no blank: it must survive as a setting, too.
  assertMatch(secret, /^parley_[0-9a-f]{64}$/);
  assertNotEquals(await loadOrCreateSecret(`${folder}/other`), secret);
});

test("loadOrCreateSecret() keeps the secret it made", async (folder) => {
  const secret = await loadOrCreateSecret(folder);
  const text = await Deno.readTextFile(`${folder}/${FILE}`);
  assertEquals(text.trim(), secret);
  assertEquals(await loadOrCreateSecret(folder), secret);
  assertEquals(await Deno.readTextFile(`${folder}/${FILE}`), text);
});

test("loadOrCreateSecret() leaves nothing else in the folder", async (folder) => {
  await loadOrCreateSecret(folder);
  await loadOrCreateSecret(folder);
  assertEquals(await filesIn(folder), [FILE]);
});

test("loadOrCreateSecret() makes the data folder where there is none", async (folder) => {
  const dataDir = `${folder}/some/where`;
  const secret = await loadOrCreateSecret(dataDir);
  assertEquals(await readStoredSecret(dataDir), secret);
});

if (Deno.build.os !== "windows") {
  test("loadOrCreateSecret() lets nobody but its owner read the secret", async (folder) => {
    await loadOrCreateSecret(folder);
    assertEquals(await modeOf(folder), 0o600);
  });

  test("loadOrCreateSecret() makes a folder that nobody else may look into", async (folder) => {
    await loadOrCreateSecret(`${folder}/data`);
    const { mode } = await Deno.stat(`${folder}/data`);
    assertEquals((mode ?? 0) & 0o777, 0o700);
  });
}

test("loadOrCreateSecret() returns one secret to several processes that start at once", async (folder) => {
  const source = import.meta.resolve("../../src/settings/secret.ts");
  await Deno.writeTextFile(
    `${folder}/race.ts`,
    `import { loadOrCreateSecret } from ${JSON.stringify(source)};
    console.error("ready");
    const start = Number(await new Response(Deno.stdin.readable).text());
    for (let n = 0; n < 40; n++) {
      // All begin each round at the same moment.
      while (Date.now() < start + n * 15);
      console.log(await loadOrCreateSecret("data" + n));
    }`,
  );
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const flags = ["-q", "-A", "--frozen", `--config=${config}`, ...stdFlags()];
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, "race.ts"],
    cwd: folder,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const racers = Array.from({ length: 3 }, () => command.spawn());
  for (const { stderr } of racers) {
    for await (const _ready of stderr) break;
  }
  const start = `${Date.now() + 20}`;
  const outputs = await Promise.all(racers.map(async ({ stdin, stdout }) => {
    await new Blob([start]).stream().pipeTo(stdin);
    return await new Response(stdout).text();
  }));
  assertEquals(outputs[0]?.match(/^parley_/gm)?.length, 40);
  assertEquals(new Set(outputs).size, 1);
});

test("loadOrCreateSecret() returns one secret to several concurrent calls", async (folder) => {
  const secrets = await Promise.all(
    Array.from({ length: 16 }, () => loadOrCreateSecret(folder)),
  );
  assertEquals(new Set(secrets).size, 1);
  assertEquals(await readStoredSecret(folder), secrets[0]);
  assertEquals(await filesIn(folder), [FILE]);
});

test("loadOrCreateSecret() takes a secret that an owner put there", async (folder) => {
  const text = "whsec of the owner\r\n\n";
  await Deno.writeTextFile(`${folder}/${FILE}`, text);
  assertEquals(await loadOrCreateSecret(folder), "whsec of the owner");
  assertEquals(await Deno.readTextFile(`${folder}/${FILE}`), text);
});

for (const text of ["", "\n"]) {
  // As a disk that was full may leave it.
  test(`loadOrCreateSecret() makes a secret where the file is ${JSON.stringify(text)}, and keeps it`, async (folder) => {
    await Deno.writeTextFile(`${folder}/${FILE}`, text);
    const secret = await loadOrCreateSecret(folder);
    assertMatch(secret, /^parley_[0-9a-f]{64}$/);
    assertEquals(await loadOrCreateSecret(folder), secret);
    assertEquals(await filesIn(folder), [FILE]);
  });
}

test("loadOrCreateSecret() rejects when the data folder is a file", async (folder) => {
  const dataDir = `${folder}/file`;
  await Deno.writeTextFile(dataDir, "");
  await assertRejects(
    () => loadOrCreateSecret(dataDir),
    Error,
    "set DATA_DIR to a folder that the user who runs Parley may write",
  );
});

test("loadOrCreateSecret() rejects when the secret can't be read", async (folder) => {
  await Deno.mkdir(`${folder}/${FILE}`);
  await assertRejects(() => loadOrCreateSecret(folder));
  assertEquals(await filesIn(folder), [FILE]);
});

test("readStoredSecret() reads the generated secret, and generates none", async (folder) => {
  assertEquals(await readStoredSecret(folder), undefined);
  assertEquals(await readStoredSecret(`${folder}/nowhere`), undefined);
  assertEquals(await filesIn(folder), []);
  const secret = await loadOrCreateSecret(folder);
  assertEquals(await readStoredSecret(folder), secret);
});
