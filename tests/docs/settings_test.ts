import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeFiles, toExample, toPage } from "../../docs/settings.ts";
import { GROUPS, SETTINGS } from "../../src/settings/config.ts";
import { runProgram, stdFlags } from "../fakes/server.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

Deno.test("makeFiles() finds .env.example, docs/settings.md and the Dockerfile as they should be", async () => {
  for (const [file, text] of await makeFiles()) {
    const there = await Deno.readTextFile(file);
    assert(there === text, `${file.pathname} is stale: run deno task settings`);
  }
});

Deno.test("SETTINGS have each a variable of their own", () => {
  const names = SETTINGS.map(({ env }) => env);
  assertEquals(names.length, new Set(names).size);
});

Deno.test("toExample() and toPage() tell of a setting all that it declares", () => {
  const groups = {
    Tea: [
      { env: "TEA", default: "black", help: "The kind:\n- `green`\n- `black`" },
      {
        env: "SUGAR",
        help: "How much.",
        defaultNote: "`1`, or none",
        example: "two spoons",
      },
      { env: "KETTLE", belongsTo: "the kitchen" },
    ],
  };
  assertStringIncludes(
    toExample(groups),
    `# ── Tea ${"─".repeat(71)}
# The kind:
# - green
# - black
#TEA=black
# How much. Default: 1, or none.
#SUGAR="two spoons"
`,
  );
  assertEquals(toExample(groups).includes("KETTLE"), false);
  const page = toPage(groups);
  assertStringIncludes(
    page,
    "| `TEA` | `black` | The kind:<br>- `green`<br>- `black` |\n" +
      "| `SUGAR` | `1`, or none | How much. |\n",
  );
  assertStringIncludes(page, "\n- the kitchen: `KETTLE`\n");
});

Deno.test("toExample() breaks no line of more than 80 letters but a word or a value", () => {
  const comments = toExample(GROUPS).split("\n")
    .filter((line) => line.startsWith("# "));
  assert(comments.length > 50);
  for (const line of comments) assert(line.length <= 80, line);
});

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await copy(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Runs Deno in a copy of the sources. */
async function run(tree: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: tree,
    env: { NO_COLOR: "1" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("deno task settings and all else follow when one file declares one setting more", async () => {
  const tree = `${await Deno.makeTempDir()}/`;
  try {
    const made = [".env.example", "docs/settings.md", "Dockerfile"];
    const sources = ["deno.json", "deno.lock", "main.ts", "src"];
    await Deno.mkdir(`${tree}docs`);
    for (const name of [...sources, "docs/settings.ts", ...made]) {
      await copy(ROOT + name, tree + name);
    }
    const file = `${tree}src/server/settings.ts`;
    const before = await Deno.readTextFile(file);
    const after = before.replace(
      "export const serverSettings = {",
      `$&
  maxGuests: {
    env: "MAX_GUESTS",
    default: "100",
    help: "How many guests there may be at once.",
    ...wholeNumber(1),
  },
  passPhrase: { env: "PASS_PHRASE", secret: true, help: "Lets others in." },`,
    );
    await Deno.writeTextFile(file, after);
    await Deno.writeTextFile(
      `${tree}use.ts`,
      `import { readConfig } from "./src/settings/config.ts";
      const { maxGuests, passPhrase } = readConfig({ MAX_GUESTS: "7" });
      const value: number = maxGuests;
      const other: string | undefined = passPhrase;
      Deno.stdout.writeSync(new TextEncoder().encode(\`\${value} \${other}\`));`,
    );
    assertEquals(
      await run(tree, "run", "--check", "-q", ...stdFlags(), "use.ts"),
      "7 undefined",
    );
    const rights = ["--allow-read=.", `--allow-write=${made}`];
    await run(tree, "run", ...rights, ...stdFlags(), "docs/settings.ts");
    for (const name of made) {
      const text = await Deno.readTextFile(tree + name);
      assertStringIncludes(text, "MAX_GUESTS");
      assertStringIncludes(text, "PASS_PHRASE");
    }
    // The server sees it, and says what is wrong with it.
    const options = { sources: tree, folder: tree };
    const { code, stderr } = await runProgram("main.ts", [], {
      ...options,
      env: { MAX_GUESTS: "none" },
    });
    assertEquals(code, 1);
    assertStringIncludes(stderr, 'MAX_GUESTS="none": must be a whole number');
    // And doctor hides what is secret.
    const { stdout } = await runProgram("src/cli/doctor.ts", [], {
      ...options,
      env: {
        PASS_PHRASE: "loud-loud",
        PORT: "loud-loud",
        LLM_PROVIDER: "echo",
      },
    });
    assertStringIncludes(stdout, 'PORT="[secret]"');
  } finally {
    await Deno.remove(tree, { recursive: true });
  }
});
