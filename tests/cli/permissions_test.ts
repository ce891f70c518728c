import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import deno from "../../deno.json" with { type: "json" };
import { toFlags } from "../../src/cli/permissions.ts";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { startFakeGemini } from "../fakes/gemini.ts";
import { message, readEvents, SECRET, spoken } from "../fakes/layercode.ts";
import { startFakeOllama } from "../fakes/ollama.ts";
import { startPostgres, whyNoPostgres } from "../fakes/postgres.ts";
import { runProgram, startServer } from "../fakes/server.ts";
import { findDenokv, startDenokv } from "../sessions/_denokv.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

const READ = "--allow-read=.env,layercode.config.json,src";

/** The flags for what is on the disk. */
function folders(env: Record<string, string>): string[] {
  return toFlags({ env }).split(" ").filter((flag) =>
    !flag.startsWith("--allow-env=")
  );
}

/** The names in `--allow-env`. */
function variables(flags: string): string[] {
  return /--allow-env=(\S+)/.exec(flags)?.[1]?.split(",") ?? [];
}

Deno.test("toFlags() names the data folder, and the file of Deno KV if one is named", () => {
  assertEquals(folders({}), [`${READ},./data`, "--allow-write=./data"]);
  assertEquals(folders({ DATA_DIR: "/srv/p", SESSION_STORE: "kv:/srv/p.kv" }), [
    `${READ},/srv/p,/srv/p.kv`,
    "--allow-write=/srv/p,/srv/p.kv",
  ]);
  for (const SESSION_STORE of ["file", "kv", "kv:http://kv:4512", "nowhere"]) {
    assertEquals(folders({ SESSION_STORE }), folders({}));
  }
});

Deno.test("toFlags() never opens the whole disk, nor takes flags out of a path", () => {
  for (const DATA_DIR of ["/a b", "/a,b", "./data --allow-all"]) {
    assertEquals(folders({ DATA_DIR }), folders({}));
    assertEquals(folders({ SESSION_STORE: `kv:${DATA_DIR}` }), folders({}));
  }
});

Deno.test("toFlags() names each variable that is declared or that .env refers to", () => {
  const names = variables(toFlags({ env: {} }));
  for (
    const name of ["PORT", "OLLAMA_HOST", "DENO_KV_ACCESS_TOKEN", "PGUSER"]
  ) {
    assert(names.includes(name), name);
  }
  assertEquals(names.includes("PATH"), false);
  const dotenv = 'SYSTEM_PROMPT="For ${NAME:-you} in $PLACE, for $5"\n';
  assertEquals(variables(toFlags({ env: {}, dotenv })), [
    ...names,
    "NAME",
    "PLACE",
  ]);
});

/** The hosts that the server may reach. */
function hosts(env: Record<string, string>): string {
  const flags = toFlags({ env, hasNet: true }).split(" ");
  return flags.find((flag) => /^--(allow|deny)-net/.test(flag)) ?? "";
}

Deno.test("toFlags() names the hosts that the settings name, and no other", () => {
  const table: [env: Record<string, string>, hosts: string][] = [
    // Where no model is named, an Ollama is looked for.
    [{}, "127.0.0.1:3000,127.0.0.1:11434"],
    [
      { LLM_PROVIDER: "gemini", GOOGLE_GENERATIVE_AI_API_KEY: "k" },
      "127.0.0.1:3000,generativelanguage.googleapis.com:443",
    ],
    [
      {
        LLM_PROVIDER: "openai,ollama",
        OPENAI_BASE_URL: "http://llm:8000/v1",
        OPENAI_MODEL: "m",
        OLLAMA_HOST: "https://[fd00::1]",
        HOST: "::1",
        PORT: "80",
      },
      "[::1]:80,[fd00::1]:443,llm:8000",
    ],
    [{ LLM_PROVIDER: "echo", PORT: "0" }, "127.0.0.1"],
    [
      {
        LLM_PROVIDER: "echo",
        LAYERCODE_WEBHOOK_SECRET: "a secret for tests",
        LAYERCODE_API_KEY: "k",
        SESSION_STORE: "postgres://me:pw@db/p",
      },
      "0.0.0.0:3000,api.layercode.com:443,db:5432",
    ],
    [
      {
        LLM_PROVIDER: "echo",
        SESSION_STORE: "postgres://db/p",
        // The driver takes it where the address has none.
        PGPORT: "6432",
      },
      "127.0.0.1:3000,db:6432",
    ],
    [
      { LLM_PROVIDER: "echo", TOOL_HOSTS: "a.example.com,10.0.0.7:80" },
      "127.0.0.1:3000,a.example.com,10.0.0.7:80",
    ],
    [
      {
        LLM_PROVIDER: "echo",
        SESSION_STORE: "postgres://localhost/p?host=/run/postgresql",
      },
      "127.0.0.1:3000",
    ],
  ];
  for (const [env, expected] of table) {
    const named = hosts(env).replace("--allow-net=", "").split(",");
    assertEquals(named.sort(), expected.split(",").sort());
  }
});

Deno.test("toFlags() opens all of the network only where a setting says so", () => {
  const echo = { LLM_PROVIDER: "echo" };
  assertEquals(hosts({ ...echo, TOOL_HOSTS: "*" }), "--allow-net");
  // Which hosts keep its data, a KV server tells when it is asked.
  const store = { SESSION_STORE: "kv:https://kv.example.com" };
  assertEquals(hosts({ ...echo, ...store }), "--allow-net");
  // The server refuses these, and needs no network to say so.
  for (
    const host of [
      ...["https://a", "a/b", "a b", "a;b", "-A", "", "*,--x"],
      ...["a:99999", "[1:2]", "a..b"],
    ]
  ) {
    assertEquals(hosts({ ...echo, TOOL_HOSTS: `b,${host}` }), "--deny-net");
  }
  for (const HOST of ["http://a", "[::1]", "a,b", "a..b", "--x"]) {
    assertEquals(hosts({ ...echo, HOST }), "--deny-net");
  }
  const comma = { LLM_PROVIDER: "ollama", OLLAMA_HOST: "http://a,*" };
  assertEquals(hosts(comma), "--allow-net=127.0.0.1:3000");
  const dots = { LLM_PROVIDER: "ollama", OLLAMA_HOST: "http://a..b" };
  assertEquals(hosts(dots), "--allow-net=127.0.0.1:3000");
});

Deno.test("permissions.ts finds DATA_DIR in the environment, in .env, or takes the default", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const run = async (env: Record<string, string> = {}) =>
      (await runProgram("src/cli/permissions.ts", [], { folder, env })).stdout
        .trim();
    const file = { DATA_DIR: "/from/file" };
    assertEquals(await run(), toFlags({ env: {} }));
    await Deno.writeTextFile(`${folder}/.env`, "DATA_DIR=/from/file\n");
    assertEquals(await run(), toFlags({ env: file }));
    assertEquals(await run({ DATA_DIR: " " }), toFlags({ env: file }));
    const env = { DATA_DIR: "/from/env" };
    assertEquals(await run(env), toFlags({ env }));
    const store = { SESSION_STORE: "kv:./kv" };
    assertEquals(await run(store), toFlags({ env: { ...file, ...store } }));
    // What can't be read is the server's to tell.
    await Deno.writeTextFile(`${folder}/.env`, "DATA_DIR=$DATA_DIR\n");
    assertEquals(await run(env), toFlags({ env }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("deno.json gives every command that an owner runs a named list of permissions", () => {
  const { start, dev, say, doctor, sessions, flags } = deno.tasks;
  for (const task of [start, dev, say, doctor, sessions]) {
    assertEquals(
      /\s-[a-zA-Z]*A|--allow-all|--allow-(env|read)/.test(task),
      false,
    );
    assertStringIncludes(task, "--no-prompt");
    assertStringIncludes(task, "deno task -q flags");
  }
  for (const task of [start, dev]) {
    assertStringIncludes(task, "deno task -q flags --net)");
    assertEquals(task.includes("--allow-"), false);
  }
  assertStringIncludes(flags, "src/cli/permissions.ts");
  assertStringIncludes(say, "--deny-write");
  // A tunnel (deno task --tunnel start) is for the server: without this, what
  // only prints flags would open one, too.
  for (const task of [start, dev]) {
    assertEquals(task.match(/\$\(deno task/), null);
    assertEquals(task.match(/\$\(unset DENO_CONNECTED && /g)?.length, 1);
  }
});

Deno.test("main.ts can't start with a data folder that it may not write", async () => {
  const failed = await startServer({
    flags: [
      ...["--allow-net", "--allow-env", `--allow-read=${ROOT},.`],
      "--allow-write=./data",
    ],
    env: { DATA_DIR: "./elsewhere" },
  }).then((server) => server.stop("SIGKILL").then(() => ""), String);
  assertStringIncludes(failed, "Cannot start");
  assertStringIncludes(failed, "elsewhere");
});

Deno.test("main.ts refuses a data folder that no flag can name, along with all else that is wrong", async () => {
  const env = { DATA_DIR: "./my data", PORT: "http" };
  const { code, stderr } = await runProgram("main.ts", [], { env });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "DATA_DIR: has white space or a comma");
  assertStringIncludes(stderr, 'PORT="http"');
});

Deno.test("main.ts reads a .env that refers to a variable of the real environment", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const dotenv = "WELCOME_MESSAGE=Hello, $CALLER\n";
    await Deno.writeTextFile(`${folder}/.env`, dotenv);
    await using server = await startServer({
      folder,
      env: { CALLER: "Ada", LAYERCODE_WEBHOOK_SECRET: SECRET },
    });
    assertEquals(
      await ask(server.url, { type: "session.start" }),
      "Hello, Ada",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** What an answer's words are. */
async function ask(
  url: string,
  more: Record<string, unknown> = {},
): Promise<string> {
  const event = message("Hello", more);
  const response = await sendEvent(event, {
    url: `${url}/agent`,
    secret: SECRET,
  });
  return spoken(await readEvents(response));
}

Deno.test("main.ts works with every store and provider under the flags of deno task start", async (t) => {
  const chunks = ["All ", "well."];
  await using gemini = startFakeGemini(() => ({ kind: "text", chunks }));
  await using ollama = startFakeOllama(() => ({ kind: "text", chunks }));
  const providers = [
    {
      LLM_PROVIDER: "gemini",
      GOOGLE_GENERATIVE_AI_API_KEY: "test-key",
      GEMINI_BASE_URL: gemini.url,
    },
    {
      LLM_PROVIDER: "ollama",
      OLLAMA_HOST: ollama.url,
      OLLAMA_MODEL: "llama3.2:3b",
    },
  ];
  await using others = new AsyncDisposableStack();
  const stores = ["file", "kv", "kv:./other.kv"];
  if (whyNoPostgres() === undefined) {
    const postgres = others.use(await startPostgres());
    const { host } = new URL(postgres.url);
    stores.push(postgres.url, `postgres://${host}/postgres`);
  }
  const denokv = findDenokv();
  if (denokv) stores.push(`kv:${others.use(await startDenokv(denokv)).url}`);

  for (const [n, SESSION_STORE] of stores.entries()) {
    await t.step(SESSION_STORE, async () => {
      await using server = await startServer({
        env: {
          ...providers[n % providers.length],
          SESSION_STORE,
          LAYERCODE_WEBHOOK_SECRET: SECRET,
          // For the address that names no user, and for denokv.
          PGUSER: "postgres",
          DENO_KV_ACCESS_TOKEN: "a token for tests",
        },
      });
      const conversation_id = crypto.randomUUID();
      const answer = await ask(server.url, { conversation_id });
      assertEquals(answer, "All well.", JSON.stringify(server.lines));
      const ready = await fetch(`${server.url}/ready`);
      assertEquals(ready.status, 200, await ready.text());
      const log = JSON.stringify(server.lines);
      assertEquals(log.includes("env access"), false, log);
    });
  }
});

Deno.test("main.ts goes on under these flags where Postgres wants a password that nobody gave", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = askForPasswords(listener);
  try {
    await using server = await startServer({
      env: { SESSION_STORE: `postgres://me@127.0.0.1:${listener.addr.port}/p` },
    });
    const ready = await fetch(`${server.url}/ready`);
    assertEquals(ready.status, 503);
    await ready.body?.cancel();
    assertEquals((await server.stop("SIGTERM")).code, 0);
  } finally {
    listener.close();
    await served;
  }
});

/** Asks whoever connects for a password, and hangs up. */
async function askForPasswords(listener: Deno.TcpListener): Promise<void> {
  for await (const connection of listener) {
    const bytes = new Uint8Array(1_024);
    await connection.read(bytes).catch(() => {});
    // AuthenticationCleartextPassword.
    await connection.write(Uint8Array.of(82, 0, 0, 0, 8, 0, 0, 0, 3))
      .catch(() => {});
    await connection.read(bytes).catch(() => {});
    connection.close();
  }
}
