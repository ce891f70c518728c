import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type Config,
  readConfig,
  SETTINGS,
} from "../../src/settings/config.ts";
import { SettingError } from "../../src/settings/setting.ts";
import {
  type Environment,
  readEnvironment,
} from "../../src/settings/environment.ts";
import { runProgram, startServer } from "../fakes/server.ts";

/** What is found, besides the real environment. */
interface Files {
  dotenv?: string;
  layercodeConfig?: string;
}

/** Reads an environment and files in a folder of their own. */
async function read(
  real: Record<string, string>,
  { dotenv, layercodeConfig }: Files = {},
): Promise<Environment> {
  const folder = await Deno.makeTempDir();
  const files = {
    dotenv: `${folder}/.env`,
    layercodeConfig: `${folder}/layercode.config.json`,
  };
  try {
    if (dotenv !== undefined) await Deno.writeTextFile(files.dotenv, dotenv);
    if (layercodeConfig !== undefined) {
      await Deno.writeTextFile(files.layercodeConfig, layercodeConfig);
    }
    const get = (name: string) => real[name];
    return await readEnvironment({ get }, SETTINGS, files);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The settings that come of it. */
async function toConfig(
  real: Record<string, string>,
  files: Files,
): Promise<Config> {
  const { env, problems } = await read(real, files);
  return readConfig(env, { problems });
}

Deno.test("readEnvironment() finds the declared variables of the real environment, and no others", async () => {
  assertEquals(await read({ PORT: "4000", PATH: "/bin" }), {
    env: { PORT: "4000" },
    problems: [],
    unknown: [],
  });
});

Deno.test("readEnvironment() reads .env and layercode.config.json where a server does", async () => {
  const asked: string[] = [];
  const { readTextFile } = Deno;
  Deno.readTextFile = (path) => {
    asked.push(String(path));
    return Promise.reject(new Deno.errors.NotFound());
  };
  try {
    await readEnvironment({ get: () => undefined }, SETTINGS);
  } finally {
    Deno.readTextFile = readTextFile;
  }
  const root = new URL("../../", import.meta.url);
  assertEquals(asked, [".env", `${root}layercode.config.json`]);
});

Deno.test("readEnvironment() reads .env", async () => {
  const { env } = await read({}, {
    dotenv: "# A comment\n\nPORT=4000\nexport HOST=::1\n" +
      "WELCOME_MESSAGE=\"Hi,\\nyou\"\nSYSTEM_PROMPT='Be $brief'\n",
  });
  assertEquals(env, {
    PORT: "4000",
    HOST: "::1",
    WELCOME_MESSAGE: "Hi,\nyou",
    SYSTEM_PROMPT: "Be $brief",
  });
});

Deno.test("readEnvironment() reads a .env from Windows", async () => {
  const dotenv = "\uFEFFPORT=4000\r\nHOST=::1\r\n";
  assertEquals((await read({}, { dotenv })).env, {
    PORT: "4000",
    HOST: "::1",
  });
});

Deno.test("readEnvironment() lets the real environment win over .env, and .env over layercode.config.json", async () => {
  const { env } = await read({ PORT: "5000" }, {
    dotenv: "PORT=4000\nSYSTEM_PROMPT=Be brief",
    layercodeConfig: '{"prompt":"Be long","welcome_message":"Hi"}',
  });
  assertEquals(env, {
    PORT: "5000",
    SYSTEM_PROMPT: "Be brief",
    WELCOME_MESSAGE: "Hi",
  });
});

Deno.test("readEnvironment() lets an empty variable of the real environment hide no value of .env", async () => {
  const { env } = await read({ PORT: "", HOST: " " }, {
    dotenv: "PORT=4000\nHOST=::1\n",
  });
  assertEquals(env, { PORT: "4000", HOST: "::1" });
});

Deno.test("readEnvironment() accepts an empty welcome as silence", async () => {
  const silence = {
    WELCOME_MESSAGE: "",
    WELCOME_BACK_MESSAGE: "",
    CODE_MESSAGE: "",
  };
  const dotenv =
    "WELCOME_MESSAGE=Hi\nWELCOME_BACK_MESSAGE=Hi again\nCODE_MESSAGE=Code\n";
  assertEquals((await read(silence, { dotenv })).env, silence);
  assertEquals((await read({}, { dotenv: "WELCOME_MESSAGE=\n" })).env, {
    WELCOME_MESSAGE: "",
  });
});

for (const value of ["", "  "]) {
  Deno.test(`readEnvironment() counts ${JSON.stringify(value)} as unset, unless the setting may be empty`, async () => {
    for (const { env: name, mayBeEmpty } of SETTINGS) {
      const { env } = await read({ [name]: value });
      assertEquals(env, mayBeEmpty ? { [name]: value } : {});
    }
  });
}

Deno.test("readEnvironment() accepts every line of .env.example", async () => {
  const url = new URL("../../.env.example", import.meta.url);
  const example = await Deno.readTextFile(url);
  const dotenv = example.replaceAll(/^#(?=[A-Z_]+=)/gm, "");
  assert((dotenv.match(/^[A-Z_]+=/gm) ?? []).length > 35);
  // The one line that has a name with nothing to go with it.
  await toConfig({ GOOGLE_GENERATIVE_AI_API_KEY: "k" }, { dotenv });
});

Deno.test("readEnvironment() takes what belongs to Deno and packages from the real environment alone", async () => {
  const files = { dotenv: "PGUSER=me\nDENO_DEPLOY=1\nPORT=4000\n" };
  assertEquals((await read({}, files)).env, { PORT: "4000" });
  assertEquals((await read({ PGUSER: "you" }, files)).env, {
    PGUSER: "you",
    PORT: "4000",
  });
});

Deno.test("readEnvironment() says what is wrong with files that it can't read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const files = {
      dotenv: `${folder}/.env`,
      layercodeConfig: `${folder}/layercode.config.json`,
    };
    for (const path of Object.values(files)) await Deno.mkdir(path);
    const get = (name: string) => name === "PORT" ? "4000" : undefined;
    const { env, problems } = await readEnvironment({ get }, SETTINGS, files);
    assertEquals(env, { PORT: "4000" });
    assertEquals(problems.length, 2);
    assertMatch(problems[0] ?? "", /^\.env: \w/);
    assertMatch(problems[1] ?? "", /^layercode\.config\.json: \w/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readEnvironment() refuses a variable that refers to itself, over which the parser would never end", async () => {
  const dotenv = "PORT=4000\nPATH=$PATH:/opt/bin\n";
  assertEquals(await read({}, { dotenv }), {
    env: {},
    problems: [
      ".env: PATH refers to itself; write its value out, or in single quotes",
    ],
    unknown: [],
  });
});

Deno.test("main.ts reports a .env that it can't read, along with every other problem", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/.env`);
    const options = { folder, env: { PORT: "http" } };
    const { code, stderr } = await runProgram("main.ts", [], options);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "Cannot start: 2 setting(s) can't be used");
    assertMatch(stderr, /\n {2}- \.env: \w.*\n {2}- PORT="http"/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readEnvironment() takes references to other variables", async () => {
  const dotenv = 'NAME=Ada\nSYSTEM_PROMPT=For $NAME\nX="$X"\n';
  const { env } = await read({}, { dotenv });
  assertEquals(env, { SYSTEM_PROMPT: "For Ada" });
});

Deno.test("readEnvironment() lists the variables of .env that are not settings, except those that others refer to", async () => {
  const dotenv = "NAME=Ada\nSYSTEM_PROMPT=For $NAME\nPORT=1\n" +
    "OLAMA_MODEL=a\nPGSSLMODE=require\nGEMINI_API_KEY=b\n";
  const { unknown } = await read({ PATH: "/bin" }, { dotenv });
  assertEquals(unknown, ["OLAMA_MODEL", "PGSSLMODE", "GEMINI_API_KEY"]);
});

Deno.test("main.ts and doctor report a misspelt setting in .env", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const text = "OLAMA_MODEL=a\nLLM_PROVIDER=echo\nPORT=0\n";
    await Deno.writeTextFile(`${folder}/.env`, text);
    const told = ".env sets OLAMA_MODEL: Parley has no such setting";
    const { stdout } = await runProgram("src/cli/doctor.ts", [], { folder });
    assertStringIncludes(stdout, `! settings: ${told}\n    → look up the name`);
    await using server = await startServer({ folder });
    const [unknown] = server.lines
      .filter(({ event }) => event === "settings.unknown");
    assertEquals(unknown?.message, told);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("readEnvironment() takes both messages from layercode.config.json", async () => {
  const { agent } = await toConfig({}, {
    layercodeConfig: '\uFEFF{"prompt":"Be brief","welcome_message":"Hi"}',
  });
  assertEquals(agent, {
    ...readConfig({}).agent,
    systemPrompt: "Be brief",
    welcomeMessage: "Hi",
  });
});

Deno.test("readEnvironment() takes silence from layercode.config.json, and silences its welcome", async () => {
  for (
    const [real, file] of [
      [{}, '{"welcome_message":""}'],
      [{ WELCOME_MESSAGE: "" }, '{"welcome_message":"Hi"}'],
    ] as const
  ) {
    const { agent } = await toConfig(real, { layercodeConfig: file });
    assertEquals(agent.welcomeMessage, "");
  }
});

for (
  const layercodeConfig of [
    "{}",
    '{"prompt":null,"welcome_message":null}',
    '{"prompt":""}',
    '{"prompt":" \\n"}',
    '{"agent_id":"a","prompts":["x"],"config":{"prompt":"x"}}',
  ]
) {
  Deno.test(`readEnvironment() finds no settings in ${layercodeConfig}`, async () => {
    assertEquals(await toConfig({}, { layercodeConfig }), readConfig({}));
  });
}

for (
  const [layercodeConfig, ...mentions] of [
    ["", "JSON"],
    ["{", "JSON"],
    ["prompt: Be brief", "JSON"],
    ["[]", "expected object"],
    ["null", "expected object"],
    ['"Be brief"', "expected object"],
    ['{"prompt":1}', "prompt", "expected string"],
    ['{"welcome_message":["Hi"]}', "welcome_message", "expected string"],
  ] as const
) {
  Deno.test(`readEnvironment() says what is wrong with layercode.config.json where it is ${layercodeConfig || "empty"}`, async () => {
    const { env, problems } = await read({}, { layercodeConfig });
    const error = assertThrows(
      () => readConfig(env, { problems }),
      SettingError,
    );
    assertEquals(error.problems.length, 1);
    for (const mention of ["layercode.config.json", ...mentions]) {
      assertStringIncludes(error.problems[0] ?? "", mention);
    }
  });
}
