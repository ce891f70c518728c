import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Environment } from "../../src/settings/environment.ts";

/**
 * A project of its own: `src/settings/environment.ts` as it is, in a folder that a test
 * can put files into, and a program beside it that prints what it reads.
 */
class Project implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  static async create(): Promise<Project> {
    const folder = await Deno.makeTempDir();
    const source = new URL(
      "../../src/settings/environment.ts",
      import.meta.url,
    );
    const imports = { "@std/dotenv": import.meta.resolve("@std/dotenv") };
    await Deno.mkdir(`${folder}/src/settings`, { recursive: true });
    await Deno.mkdir(`${folder}/cwd`);
    await Deno.copyFile(source, `${folder}/src/settings/environment.ts`);
    await Deno.writeTextFile(
      `${folder}/deno.json`,
      JSON.stringify({ imports, lock: false }),
    );
    await Deno.writeTextFile(
      `${folder}/print.ts`,
      `import { readEnvironment } from "./src/settings/environment.ts";
      const real = JSON.parse(Deno.args[0]);
      console.log(JSON.stringify(await readEnvironment(real)));`,
    );
    return new Project(folder);
  }

  /** Writes into the working folder. */
  dotenv(text: string): Promise<void> {
    return Deno.writeTextFile(`${this.folder}/cwd/.env`, text);
  }

  /** Writes beside where `main.ts` would be. */
  layercodeConfig(text: string): Promise<void> {
    return Deno.writeTextFile(`${this.folder}/layercode.config.json`, text);
  }

  /** What `readEnvironment(real)` finds in the working folder. */
  async read(real: Record<string, string> = {}): Promise<Environment> {
    const { success, stdout, stderr } = await this.#run(real);
    assert(success, stderr);
    return JSON.parse(stdout);
  }

  /** What `readEnvironment(real)` says when it can't. */
  async readFailing(real: Record<string, string> = {}): Promise<string> {
    const { success, stderr } = await this.#run(real);
    assertEquals(success, false);
    return stderr;
  }

  async #run(real: Record<string, string>) {
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        "--allow-read",
        "--allow-env",
        `--config=${this.folder}/deno.json`,
        `${this.folder}/print.ts`,
        JSON.stringify(real),
      ],
      cwd: `${this.folder}/cwd`,
      env: { NO_COLOR: "1" },
      stdin: "null",
    });
    const { success, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    return {
      success,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

function test(what: string, body: (project: Project) => Promise<void>): void {
  Deno.test({
    name: `readEnvironment() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      await using project = await Project.create();
      await body(project);
    },
  });
}

test("finds only the real environment where there are no files", async (project) => {
  const { env, sources } = await project.read({ PORT: "4000" });
  assertEquals(env, { PORT: "4000" });
  assertEquals(sources, { isTerminal: false });
});

test("reads .env of the working folder", async (project) => {
  await project.dotenv(
    "# A comment\n\nPORT=4000\nexport HOST=::1\n" +
      "WELCOME_MESSAGE=\"Hi,\\nyou\"\nSYSTEM_PROMPT='Be $brief'\n",
  );
  assertEquals((await project.read()).env, {
    PORT: "4000",
    HOST: "::1",
    WELCOME_MESSAGE: "Hi,\nyou",
    SYSTEM_PROMPT: "Be $brief",
  });
});

test("lets the real environment win over .env", async (project) => {
  await project.dotenv("PORT=4000\nHOST=::1\nWELCOME_MESSAGE=Hi");
  const { env } = await project.read({ PORT: "5000", WELCOME_MESSAGE: "" });
  assertEquals(env, { PORT: "5000", HOST: "::1", WELCOME_MESSAGE: "" });
});

test("lets nothing in the real environment hide a value of .env", async (project) => {
  await project.dotenv("PORT=4000\nHOST=::1\nLOG_LEVEL=");
  const { env } = await project.read({
    PORT: "",
    HOST: " ",
    LOG_LEVEL: "",
    LOG_FORMAT: "",
  });
  assertEquals(env, {
    PORT: "4000",
    HOST: "::1",
    LOG_LEVEL: "",
    LOG_FORMAT: "",
  });
});

test("lets the real environment silence both welcomes of .env", async (project) => {
  await project.dotenv("WELCOME_MESSAGE=Hi\nWELCOME_BACK_MESSAGE=Hi again");
  const silence = { WELCOME_MESSAGE: "", WELCOME_BACK_MESSAGE: "" };
  assertEquals((await project.read(silence)).env, silence);
});

test("keeps what is set to nothing in .env", async (project) => {
  await project.dotenv("WELCOME_MESSAGE=\nPORT=\n");
  assertEquals((await project.read()).env, { WELCOME_MESSAGE: "", PORT: "" });
});

test("reads a .env from Windows", async (project) => {
  await project.dotenv("\uFEFFPORT=4000\r\nHOST=::1\r\n");
  assertEquals((await project.read()).env, { PORT: "4000", HOST: "::1" });
});

test("hands on layercode.config.json from beside main.ts", async (project) => {
  await project.layercodeConfig('{"prompt":"Be brief"}');
  const { sources } = await project.read();
  assertEquals(sources.layercodeConfig, '{"prompt":"Be brief"}');
});

test("hands on a broken layercode.config.json for readConfig to refuse", async (project) => {
  await project.layercodeConfig("{");
  assertEquals((await project.read()).sources.layercodeConfig, "{");
});

test("takes layercode.config.json from no other folder", async (project) => {
  const path = `${project.folder}/cwd/layercode.config.json`;
  await Deno.writeTextFile(path, "{}");
  assertEquals((await project.read()).sources, { isTerminal: false });
});

test("fails when .env is there and can't be read", async (project) => {
  await Deno.mkdir(`${project.folder}/cwd/.env`);
  assertStringIncludes(await project.readFailing(), "directory");
});

test("refuses a variable that refers to itself, over which the parser would never end", async (project) => {
  await project.dotenv("PORT=4000\nPATH=$PATH:/opt/bin\n");
  assertStringIncludes(await project.readFailing(), "PATH refers to itself");
});

test("takes references to other variables", async (project) => {
  await project.dotenv('NAME=Ada\nSYSTEM_PROMPT=For $NAME\nX="$X"\n');
  const { env } = await project.read();
  assertEquals(env.SYSTEM_PROMPT, "For Ada");
});
