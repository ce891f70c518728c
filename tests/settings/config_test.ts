import { assert, assertEquals, assertThrows } from "@std/assert";
import { agentSettings } from "../../src/agent/prompt.ts";
import { type Config, readConfig } from "../../src/settings/config.ts";
import { SettingError } from "../../src/settings/setting.ts";

type Env = Record<string, string | undefined>;

/** What is said against settings that can't be used. */
function problemsOf(env: Env) {
  return assertThrows(() => readConfig(env), SettingError)
    .problems;
}

/** `NAME=value` for a test's name. */
function spell(env: Env): string {
  return Object.entries(env)
    .map(([name, value]) => `${name}=${value === "" ? '""' : value}`)
    .join(" ");
}

Deno.test("readConfig() needs no settings at all", () => {
  assertEquals(readConfig({}), {
    port: 3000,
    hostname: "127.0.0.1",
    dataDir: "./data",
    maxTurns: 500,
    webhookSecrets: [],
    layercode: {
      apiUrl: "https://api.layercode.com",
      perAddress: 30,
      inAll: 600,
    },
    openai: { platformPrompt: "append" },
    providers: [],
    vendors: {
      gemini: {
        // Whichever is current; the next test looks at it.
        model: readConfig({}).vendors.gemini.model,
        baseUrl: "https://generativelanguage.googleapis.com",
      },
      ollama: { host: "http://127.0.0.1:11434", keepAlive: "30m" },
      openai: { baseUrl: "https://api.openai.com/v1", model: "gpt-6-luna" },
      echo: {},
    },
    agent: {
      systemPrompt: agentSettings.systemPrompt.default,
      welcomeMessage: agentSettings.welcomeMessage.default,
      welcomeBackMessage: agentSettings.welcomeBackMessage.default,
      codeMessage: agentSettings.codeMessage.default,
      errorMessage: agentSettings.errorMessage.default,
      fillerMessages: agentSettings.fillerMessages.default.split("; "),
      fillerAfterMs: 2_500,
      toolFillerMessage: agentSettings.toolFillerMessage.default,
      toolFillerAfterMs: 800,
      speechCleanup: true,
      contextTokens: 8192,
      maxAnswerTokens: 1024,
      maxTurnSeconds: 120,
    },
    thinking: "off",
    firstTokenTimeoutMs: 10_000,
    stallTimeoutMs: 8_000,
    sessionTtlDays: 0,
    cacheMb: 64,
    maxSessionMb: 16,
    isDeploy: false,
    playground: true,
    unknown: [],
    log: { level: "info", format: "json" },
  });
});

Deno.test("readConfig() has a default Gemini model", () => {
  assert(readConfig({}).vendors.gemini.model.startsWith("gemini-"));
});

const GEMINI_KEY = { GOOGLE_GENERATIVE_AI_API_KEY: "key" };

const VALID: [env: Env, pick: (config: Config) => unknown, value: unknown][] = [
  [{ PORT: "8080" }, (c) => c.port, 8080],
  [{ PORT: "0" }, (c) => c.port, 0],
  [{ PORT: "65535" }, (c) => c.port, 65_535],
  [{ PORT: " 8080 " }, (c) => c.port, 8080],

  [{ HOST: "::1" }, (c) => c.hostname, "::1"],
  [{ LAYERCODE_WEBHOOK_SECRET: "s" }, (c) => c.hostname, "0.0.0.0"],
  [
    { LAYERCODE_WEBHOOK_SECRET: "s", HOST: "10.0.0.1" },
    (c) => c.hostname,
    "10.0.0.1",
  ],

  [{ DATA_DIR: "/srv/data" }, (c) => c.dataDir, "/srv/data"],

  [{ LAYERCODE_WEBHOOK_SECRET: "s" }, (c) => c.webhookSecrets, ["s"]],
  [
    { LAYERCODE_WEBHOOK_SECRET: " a , b,c " },
    (c) => c.webhookSecrets,
    ["a", "b", "c"],
  ],

  [{ LAYERCODE_API_KEY: "k" }, (c) => c.layercode.apiKey, "k"],
  [{ LAYERCODE_AGENT_ID: "a" }, (c) => c.layercode.agentId, "a"],
  [
    { LAYERCODE_API_URL: "http://127.0.0.1:9000" },
    (c) => c.layercode.apiUrl,
    "http://127.0.0.1:9000",
  ],
  [
    { LAYERCODE_API_URL: "https://proxy.example/layercode/" },
    (c) => c.layercode.apiUrl,
    "https://proxy.example/layercode",
  ],

  [{ LLM_PROVIDER: "ollama" }, (c) => c.providers, ["ollama"]],
  [{ LLM_PROVIDER: "echo" }, (c) => c.providers, ["echo"]],
  [{ LLM_PROVIDER: "gemini", ...GEMINI_KEY }, (c) => c.providers, ["gemini"]],
  [
    { LLM_PROVIDER: "ollama, gemini,echo", ...GEMINI_KEY },
    (c) => c.providers,
    ["ollama", "gemini", "echo"],
  ],
  [{ LLM_PROVIDER: "echo,ollama,echo" }, (c) => c.providers, [
    "echo",
    "ollama",
  ]],

  [GEMINI_KEY, (c) => c.vendors.gemini.apiKey, "key"],
  [{ OPENAI_API_KEY: "sk" }, (c) => c.vendors.openai.apiKey, "sk"],
  [{ OPENAI_MODEL: "m" }, (c) => c.vendors.openai.model, "m"],
  [
    { OPENAI_BASE_URL: "http://127.0.0.1:1234/v1/chat/completions" },
    (c) => c.vendors.openai.baseUrl,
    "http://127.0.0.1:1234/v1",
  ],

  // Whoever gives a key, a model or a host means that provider, there or not.
  [{}, (c) => c.providers, []],
  [GEMINI_KEY, (c) => c.providers, ["gemini"]],
  [
    GEMINI_KEY,
    (c) => c.providersNamedBy,
    "GOOGLE_GENERATIVE_AI_API_KEY",
  ],
  [{ OLLAMA_MODEL: "llama3.2" }, (c) => c.providers, ["ollama"]],
  [
    { OLLAMA_HOST: "http://127.0.0.1:11434" },
    (c) => c.providers,
    ["ollama"],
  ],
  [{ OLLAMA_KEEP_ALIVE: "2h" }, (c) => c.providers, []],
  [{ GEMINI_MODEL: "gemini-x" }, (c) => c.providers, []],
  [
    { OLLAMA_MODEL: "llama3.2", ...GEMINI_KEY },
    (c) => c.providers,
    ["gemini"],
  ],
  [
    { OLLAMA_MODEL: "llama3.2", LLM_PROVIDER: "echo" },
    (c) => c.providers,
    ["echo"],
  ],
  [{ LLM_PROVIDER: "echo" }, (c) => c.providersNamedBy, "LLM_PROVIDER"],

  [{ GEMINI_MODEL: "gemini-x" }, (c) => c.vendors.gemini.model, "gemini-x"],
  [
    { GEMINI_BASE_URL: "http://127.0.0.1:9200/" },
    (c) => c.vendors.gemini.baseUrl,
    "http://127.0.0.1:9200",
  ],

  [
    { OLLAMA_HOST: "http://10.0.0.1:11434/" },
    (c) => c.vendors.ollama.host,
    "http://10.0.0.1:11434",
  ],
  [
    { OLLAMA_HOST: "10.0.0.1" },
    (c) => c.vendors.ollama.host,
    "http://10.0.0.1:11434",
  ],
  [{ OLLAMA_MODEL: "llama3.2" }, (c) => c.vendors.ollama.model, "llama3.2"],
  [{ OLLAMA_KEEP_ALIVE: "2h" }, (c) => c.vendors.ollama.keepAlive, "2h"],
  [{ OLLAMA_KEEP_ALIVE: "1h30m" }, (c) => c.vendors.ollama.keepAlive, "1h30m"],
  [{ OLLAMA_KEEP_ALIVE: "300" }, (c) => c.vendors.ollama.keepAlive, "300"],
  [{ OLLAMA_KEEP_ALIVE: "0" }, (c) => c.vendors.ollama.keepAlive, "0"],
  [{ OLLAMA_KEEP_ALIVE: "-1" }, (c) => c.vendors.ollama.keepAlive, "-1"],
  [{ OLLAMA_KEEP_ALIVE: "-1m" }, (c) => c.vendors.ollama.keepAlive, "-1m"],

  [{ SYSTEM_PROMPT: "Be brief" }, (c) => c.agent.systemPrompt, "Be brief"],
  [{ WELCOME_MESSAGE: "Hi" }, (c) => c.agent.welcomeMessage, "Hi"],
  [{ WELCOME_MESSAGE: "" }, (c) => c.agent.welcomeMessage, ""],
  [{ WELCOME_MESSAGE: "  " }, (c) => c.agent.welcomeMessage, ""],
  [{ WELCOME_BACK_MESSAGE: "Hi" }, (c) => c.agent.welcomeBackMessage, "Hi"],
  [{ WELCOME_BACK_MESSAGE: "" }, (c) => c.agent.welcomeBackMessage, ""],
  [{ CODE_MESSAGE: "Code folgt." }, (c) => c.agent.codeMessage, "Code folgt."],
  [{ CODE_MESSAGE: "" }, (c) => c.agent.codeMessage, ""],
  [{ WELCOME_BACK_MESSAGE: "  " }, (c) => c.agent.welcomeBackMessage, ""],
  [{ ERROR_MESSAGE: "Sorry" }, (c) => c.agent.errorMessage, "Sorry"],
  [{ FILLER_MESSAGE: "Hm" }, (c) => c.agent.fillerMessages, ["Hm"]],
  [{ FILLER_MESSAGE: " Hm ;; Ah; " }, (c) => c.agent.fillerMessages, [
    "Hm",
    "Ah",
  ]],
  [{ MAX_ANSWER_TOKENS: "50" }, (c) => c.agent.maxAnswerTokens, 50],
  [{ FILLER_AFTER_MS: "1500" }, (c) => c.agent.fillerAfterMs, 1500],
  [{ FILLER_AFTER_MS: "0" }, (c) => c.agent.fillerAfterMs, 0],
  [{ TOOL_FILLER_MESSAGE: "Hm" }, (c) => c.agent.toolFillerMessage, "Hm"],
  [{ TOOL_FILLER_AFTER_MS: "1500" }, (c) => c.agent.toolFillerAfterMs, 1500],
  [{ TOOL_FILLER_AFTER_MS: "0" }, (c) => c.agent.toolFillerAfterMs, 0],
  [{ SPEECH_CLEANUP: "off" }, (c) => c.agent.speechCleanup, false],
  [{ SPEECH_CLEANUP: "on" }, (c) => c.agent.speechCleanup, true],
  [{ LLM_THINKING: "off" }, (c) => c.thinking, "off"],
  [{ LLM_THINKING: "low" }, (c) => c.thinking, "low"],
  [{ LLM_THINKING: "medium" }, (c) => c.thinking, "medium"],
  [{ LLM_THINKING: " high " }, (c) => c.thinking, "high"],
  [{ CONTEXT_TOKENS: "512" }, (c) => c.agent.contextTokens, 512],
  [{ CONTEXT_TOKENS: " 32768 " }, (c) => c.agent.contextTokens, 32_768],

  [{ FIRST_TOKEN_TIMEOUT_MS: "1" }, (c) => c.firstTokenTimeoutMs, 1],
  [
    { FIRST_TOKEN_TIMEOUT_MS: "2147483647" },
    (c) => c.firstTokenTimeoutMs,
    2 ** 31 - 1,
  ],
  [{ STALL_TIMEOUT_MS: "500" }, (c) => c.stallTimeoutMs, 500],

  [{ SESSION_STORE: "file" }, (c) => c.sessionStore, { type: "file" }],
  [{}, (c) => c.sessionStore, undefined],
  [{ SESSION_STORE: "kv" }, (c) => c.sessionStore, { type: "kv" }],
  [{ SESSION_STORE: "kv:./my.kv" }, (c) => c.sessionStore, {
    type: "kv",
    path: "./my.kv",
  }],
  [{ SESSION_STORE: "kv:http://kv.example:4512" }, (c) => c.sessionStore, {
    type: "kv",
    path: "http://kv.example:4512",
  }],
  [{ SESSION_STORE: "postgres://me:hush@db/parley" }, (c) => c.sessionStore, {
    type: "postgres",
    url: "postgres://me:hush@db/parley",
  }],
  [{ SESSION_STORE: "postgresql://db/parley" }, (c) => c.sessionStore, {
    type: "postgres",
    url: "postgresql://db/parley",
  }],
  [{}, (c) => c.isDeploy, false],
  [{ DENO_DEPLOY: "1" }, (c) => c.isDeploy, true],
  // On Deno Deploy every interface is its proxy's.
  [{ DENO_DEPLOYMENT_ID: "x" }, (c) => c.hostname, "0.0.0.0"],
  [{ DENO_DEPLOY: "1", SESSION_STORE: "file" }, (c) => c.sessionStore, {
    type: "file",
  }],
  [{ SESSION_TTL_DAYS: "30" }, (c) => c.sessionTtlDays, 30],
  [{ CACHE_MB: "1" }, (c) => c.cacheMb, 1],

  [
    { ALLOWED_ORIGINS: "https://a.example, http://localhost:5173" },
    (c) => c.layercode.allowedOrigins,
    ["https://a.example", "http://localhost:5173"],
  ],
  [{ ALLOWED_ORIGINS: "*" }, (c) => c.layercode.allowedOrigins, ["*"]],
  [
    { ALLOWED_ORIGINS: "capacitor://localhost,chrome-extension://abcdef" },
    (c) => c.layercode.allowedOrigins,
    ["capacitor://localhost", "chrome-extension://abcdef"],
  ],

  [{ ADMIN_TOKEN: "t".repeat(16) }, (c) => c.adminToken, "t".repeat(16)],

  [{ PLAYGROUND: "off" }, (c) => c.playground, false],
  [{ PLAYGROUND: "on" }, (c) => c.playground, true],
  [{ LAYERCODE_WEBHOOK_SECRET: "s" }, (c) => c.playground, false],
  [
    { LAYERCODE_WEBHOOK_SECRET: "s", PLAYGROUND: "on" },
    (c) => c.playground,
    true,
  ],

  [
    { PLAYGROUND_TOKEN: "0123456789abcdef" },
    (c) => c.playgroundToken,
    "0123456789abcdef",
  ],

  [{ LOG_LEVEL: "debug" }, (c) => c.log.level, "debug"],
  [{ LOG_LEVEL: "warn" }, (c) => c.log.level, "warn"],
  [{ LOG_LEVEL: "error" }, (c) => c.log.level, "error"],
  [{ LOG_FORMAT: "pretty" }, (c) => c.log.format, "pretty"],
];

for (const [env, pick, value] of VALID) {
  const field = String(pick).replace("(c) => c.", "");
  Deno.test(`readConfig() makes ${JSON.stringify(value)} of ${spell(env)} (${field})`, () => {
    assertEquals(pick(readConfig(env)), value);
  });
}

Deno.test("readConfig() chooses a pretty log on a terminal", () => {
  const terminal = { isTerminal: true };
  assertEquals(readConfig({}, terminal).log.format, "pretty");
  assertEquals(readConfig({ LOG_FORMAT: "json" }, terminal).log.format, "json");
});

/** Settings that can't be used, and what must be said about each. */
const INVALID: [env: Env, ...mentions: string[]][] = [
  [
    { PLAYGROUND_TOKEN: "fifteen letters" },
    "PLAYGROUND_TOKEN",
    "16 characters",
    "openssl rand",
  ],
  [{ PORT: "http" }, "PORT", '"http"', "65535"],
  [{ PORT: "-1" }, "PORT", '"-1"'],
  [{ PORT: "65536" }, "PORT", '"65536"'],
  [{ PORT: "80.5" }, "PORT", '"80.5"'],
  [{ PORT: "3000 4000" }, "PORT"],
  [{ PORT: "0x10" }, "PORT"],
  [{ PORT: "1e3" }, "PORT"],
  [{ PORT: "-0" }, "PORT"],
  [{ DATA_DIR: "/srv/my data" }, "DATA_DIR", "white space or a comma"],
  [{ DATA_DIR: "/srv/a,b" }, "DATA_DIR", "white space or a comma"],
  [{ DATA_DIR: "./data --allow-all" }, "DATA_DIR", "white space or a comma"],
  [{ LAYERCODE_WEBHOOK_SECRET: "s," }, "LAYERCODE_WEBHOOK_SECRET", "comma"],
  [{ LAYERCODE_WEBHOOK_SECRET: "," }, "LAYERCODE_WEBHOOK_SECRET", "comma"],
  [{ LAYERCODE_API_URL: "api.example" }, "LAYERCODE_API_URL", "https://"],
  [{ LAYERCODE_API_URL: "ftp://api.example" }, "LAYERCODE_API_URL", "https://"],
  [
    { LLM_PROVIDER: "gpt" },
    "LLM_PROVIDER",
    '"gpt"',
    "gemini, ollama, openai, echo",
  ],
  [{ LLM_PROVIDER: "echo,gpt" }, "LLM_PROVIDER", '"gpt"'],
  [{ LLM_PROVIDER: "echo," }, "LLM_PROVIDER", "comma too many"],
  [{ LLM_PROVIDER: "Echo" }, "LLM_PROVIDER", '"Echo"'],
  [
    { LLM_PROVIDER: "gemini" },
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "is missing",
    "https://aistudio.google.com/apikey",
  ],
  [{ LLM_PROVIDER: "echo,gemini" }, "GOOGLE_GENERATIVE_AI_API_KEY"],
  [
    { GOOGLE_GENERATIVE_AI_API_KEY: "schlüssel" },
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "https://aistudio.google.com/apikey",
  ],
  [
    { GOOGLE_GENERATIVE_AI_API_KEY: "two words" },
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "white space",
  ],
  [{ GEMINI_BASE_URL: "localhost" }, "GEMINI_BASE_URL", "https://"],
  [{ HOST: "http://localhost" }, "HOST", "0.0.0.0"],
  [{ HOST: "[::1]" }, "HOST", "::1"],
  [{ HOST: "::g" }, "HOST", "::1"],
  [{ HOST: "a..b" }, "HOST", "0.0.0.0"],
  [{ TOOL_HOSTS: "a:99999" }, "TOOL_HOSTS", "10.0.0.7:8080"],
  [{ TOOL_HOSTS: "[1:2]" }, "TOOL_HOSTS", "10.0.0.7:8080"],
  [{ TOOL_HOSTS: "*.[::1]" }, "TOOL_HOSTS", "10.0.0.7:8080"],
  [{ OLLAMA_HOST: "http://" }, "OLLAMA_HOST", "11434"],
  [{ OLLAMA_HOST: "host:port" }, "OLLAMA_HOST", "11434"],
  [{ OLLAMA_KEEP_ALIVE: "long" }, "OLLAMA_KEEP_ALIVE", "30m"],
  [{ OLLAMA_KEEP_ALIVE: "30 m" }, "OLLAMA_KEEP_ALIVE"],
  [{ OLLAMA_KEEP_ALIVE: "30d" }, "OLLAMA_KEEP_ALIVE"],
  [{ FILLER_AFTER_MS: "soon" }, "FILLER_AFTER_MS", '"soon"', "0"],
  [{ FILLER_AFTER_MS: "-1" }, "FILLER_AFTER_MS"],
  [{ FILLER_AFTER_MS: "1.5" }, "FILLER_AFTER_MS"],
  [{ TOOL_FILLER_AFTER_MS: "soon" }, "TOOL_FILLER_AFTER_MS", '"soon"', "0"],
  [{ TOOL_FILLER_AFTER_MS: "-1" }, "TOOL_FILLER_AFTER_MS"],
  [{ SPEECH_CLEANUP: "yes" }, "SPEECH_CLEANUP", '"yes"', "on, off"],
  [{ LLM_THINKING: "on" }, "LLM_THINKING", '"on"', "off, low, medium, high"],
  [{ LLM_THINKING: "High" }, "LLM_THINKING", '"High"'],
  [{ FIRST_TOKEN_TIMEOUT_MS: "0" }, "FIRST_TOKEN_TIMEOUT_MS", '"0"', "from 1"],
  [{ FIRST_TOKEN_TIMEOUT_MS: "1e4" }, "FIRST_TOKEN_TIMEOUT_MS"],
  [
    { FIRST_TOKEN_TIMEOUT_MS: "2147483648" },
    "FIRST_TOKEN_TIMEOUT_MS",
    "to 2147483647",
  ],
  [{ STALL_TIMEOUT_MS: "0" }, "STALL_TIMEOUT_MS", "from 1"],
  [{ STALL_TIMEOUT_MS: "8s" }, "STALL_TIMEOUT_MS", '"8s"'],
  [{ CONTEXT_TOKENS: "511" }, "CONTEXT_TOKENS", '"511"', "from 512"],
  [{ CONTEXT_TOKENS: "8k" }, "CONTEXT_TOKENS", '"8k"'],
  [{ SESSION_STORE: "redis" }, "SESSION_STORE", "file, kv"],
  [{ SESSION_STORE: "file:/tmp" }, "SESSION_STORE", "file, kv"],
  [{ SESSION_STORE: "kv:" }, "SESSION_STORE", "file, kv"],
  [{ SESSION_STORE: "kv:./my kv" }, "SESSION_STORE", "white space or a comma"],
  [{ SESSION_STORE: "postgres://" }, "SESSION_STORE", "postgres://"],
  [{ SESSION_STORE: "postgres:db" }, "SESSION_STORE", "postgres://"],
  [{ SESSION_TTL_DAYS: "-1" }, "SESSION_TTL_DAYS", "whole number"],
  [{ CACHE_MB: "0" }, "CACHE_MB", "whole number"],
  [{ MAX_SESSION_MB: "3" }, "MAX_SESSION_MB", "whole number"],
  [{ ALLOWED_ORIGINS: "*,x" }, "ALLOWED_ORIGINS", '"x"'],
  [{ PLAYGROUND: "yes" }, "PLAYGROUND", '"yes"', "on, off"],
  [{ LOG_LEVEL: "loud" }, "LOG_LEVEL", '"loud"', "debug, info, warn, error"],
  [{ LOG_FORMAT: "xml" }, "LOG_FORMAT", '"xml"', "json, pretty"],
];

for (const [env, ...mentions] of INVALID) {
  Deno.test(`readConfig() refuses ${spell(env)} and says what is wrong`, () => {
    const problems = problemsOf(env);
    assertEquals(problems.length, 1);
    for (const mention of mentions) {
      assert(problems[0]?.includes(mention), `${mention}: ${problems[0]}`);
    }
  });
}

for (
  const wrong of [
    "https://a.example/",
    "https://a.example/app?x#y",
    "https://A.Example",
    "HTTPS://a.example",
    "https://a.example:443",
    "http://localhost:5173/",
    "https://grüße.example",
    "Capacitor://Localhost/app",
    "capacitor://Localhost",
    "https://me@a.example",
    "a.example",
    "localhost:5173",
    "null",
    "file://",
    "about:blank",
    "https://",
    "https://*.a.example",
    "foo://*",
  ]
) {
  Deno.test(`readConfig() refuses ALLOWED_ORIGINS=${wrong}`, () => {
    const ALLOWED_ORIGINS = `https://b.example,${wrong}`;
    assertEquals(problemsOf({ ALLOWED_ORIGINS }), [
      `ALLOWED_ORIGINS: "${wrong}" is not an origin such as ` +
      "https://example.com: small letters, no path, no slash at the end, " +
      "no * within",
    ]);
  });
}

Deno.test("readConfig() lists every problem in one message", () => {
  const env = {
    PORT: "http",
    LAYERCODE_WEBHOOK_SECRET: "s,",
    LAYERCODE_API_URL: "nowhere",
    LLM_PROVIDER: "gemini,gpt",
    GEMINI_BASE_URL: "nowhere",
    OLLAMA_HOST: "http://",
    OLLAMA_KEEP_ALIVE: "long",
    FILLER_AFTER_MS: "soon",
    TOOL_FILLER_AFTER_MS: "later",
    SPEECH_CLEANUP: "maybe",
    LLM_THINKING: "hard",
    CONTEXT_TOKENS: "8k",
    FIRST_TOKEN_TIMEOUT_MS: "10s",
    STALL_TIMEOUT_MS: "8s",
    SESSION_STORE: "redis",
    ALLOWED_ORIGINS: "a.example,b.example",
    PLAYGROUND: "yes",
    LOG_LEVEL: "loud",
    LOG_FORMAT: "xml",
  };
  const error = assertThrows(
    () => readConfig(env, { problems: ["layercode.config.json: is wrong"] }),
    SettingError,
  );
  const mentioned = [
    ...Object.keys(env),
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "layercode.config.json",
    "a.example",
    "b.example",
  ];
  for (const name of mentioned) assert(error.message.includes(name), name);
  assertEquals(error.problems.length, 22);
  for (const problem of error.problems) assert(error.message.includes(problem));
  assertEquals(error.message.split("\n").length, 23);
});

Deno.test("readConfig() repeats no secret when it refuses", () => {
  const secrets = {
    LAYERCODE_WEBHOOK_SECRET: "whsec_hush,,",
    LAYERCODE_API_KEY: "lc_hush",
    GOOGLE_GENERATIVE_AI_API_KEY: "AIza_hush",
    ADMIN_TOKEN: "admin_hush_long_enough",
    // A database's address holds its password.
    SESSION_STORE: "mysql://me:hush@db.example/parley",
    LAYERCODE_API_URL: "ftp://me:hush@api.example",
    GEMINI_BASE_URL: "http://me:hush@[x",
    OLLAMA_HOST: "http://me:hush@host:port",
  };
  const problems = problemsOf({ ...secrets, PORT: "http" });
  assertEquals(problems.length, 6);
  assertEquals(problems.join("\n").includes("hush"), false);
});

Deno.test("readConfig() does not change the environment it is given", () => {
  const env = Object.freeze({ PORT: "1", LLM_PROVIDER: "echo" });
  assertEquals(readConfig(env).port, 1);
});
