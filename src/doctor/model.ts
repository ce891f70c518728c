/**
 * Which language models would answer, and whether they can.
 *
 * @module
 */
import type { Config, ProviderName } from "../config.ts";
import { checkGemini } from "./gemini.ts";
import { ask, shown } from "./net.ts";
import { checkOllama } from "./ollama.ts";
import { findings, type Patient, type Result } from "./result.ts";

const { ok, warn, skipped } = findings("language model");

/** Where Ollama is looked for when nobody says. */
const USUAL_OLLAMA = "http://127.0.0.1:11434";

/** Looks at each provider that `LLM_PROVIDER` names, or that would be chosen. */
export async function checkModels(
  patient: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const { config } = patient;
  const results: Result[] = [];
  let names = config.providers;
  if (names.length === 0) {
    const [name, result] = await choose(config, signal);
    names = [name];
    results.push(result);
  } else if (names[0] !== "echo") {
    results.push(ok(`${names.join(", then ")} (LLM_PROVIDER)`));
  }
  const found = await Promise.all(
    names.map((name) => checkOne(name, patient, signal)),
  );
  if (config.providers[0] === "echo") {
    results.push(standIn("LLM_PROVIDER names echo"));
  }
  return [...results, ...found.flat()];
}

/** As the server chooses: see `src/providers/mod.ts`. */
async function choose(
  { gemini, ollama }: Config,
  signal: AbortSignal,
): Promise<[ProviderName, Result]> {
  if (gemini.apiKey !== undefined) {
    return ["gemini", ok("gemini, since its key is set")];
  }
  const isThere = await ask(`${ollama.host}/api/version`, { signal })
    .then(({ status }) => status === 200, () => false);
  const where = shown(ollama.host);
  if (isThere) return ["ollama", ok(`ollama, since it answers at ${where}`)];
  // Whoever names a model or an address means to have it.
  if (ollama.model !== undefined || ollama.host !== USUAL_OLLAMA) {
    return ["ollama", ok("ollama, since the settings name its model or host")];
  }
  return [
    "echo",
    standIn(`no Gemini key is set, and no Ollama answers at ${where}`),
  ];
}

function standIn(why: string): Result {
  return warn(
    `only echo, a stand-in that repeats what it hears: ${why}`,
    "set GOOGLE_GENERATIVE_AI_API_KEY, or start Ollama (ollama serve) and leave LLM_PROVIDER unset",
  );
}

function checkOne(
  name: ProviderName,
  patient: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  switch (name) {
    case "gemini":
      return checkGemini(patient, signal);
    case "ollama":
      return checkOllama(patient, signal);
    case "echo":
      return Promise.resolve(
        patient.config.providers.length > 1
          ? [skipped("echo needs nothing")]
          : [],
      );
  }
}
