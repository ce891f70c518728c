/**
 * `layercode.config.json`, the file in which Layercode's own examples keep an
 * agent's prompt and welcome.
 *
 * @module
 */

/** The fields that Layercode's examples use, and the settings that they are here. */
const FIELDS = { prompt: "SYSTEM_PROMPT", welcome_message: "WELCOME_MESSAGE" };

/**
 * Reads the file, as if its fields were variables.
 *
 * @param source its text
 * @param problems takes what is wrong with it
 */
export function readLayercodeConfig(
  source: string,
  problems: string[],
): Record<string, string> {
  let file: unknown;
  try {
    file = JSON.parse(source.replace(/^\uFEFF/, ""));
  } catch {
    problems.push("layercode.config.json: is not valid JSON");
    return {};
  }
  if (typeof file !== "object" || file === null || Array.isArray(file)) {
    problems.push("layercode.config.json: must be a JSON object");
    return {};
  }
  const env: Record<string, string> = {};
  for (const [key, value] of Object.entries<unknown>({ ...file })) {
    if (key !== "prompt" && key !== "welcome_message") continue;
    if (typeof value === "string") env[FIELDS[key]] = value;
    else if (value !== null) {
      problems.push(`layercode.config.json: "${key}" must be a string`);
    }
  }
  return env;
}
