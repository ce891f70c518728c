/**
 * `layercode.config.json`, the file in which Layercode's own examples keep an
 * agent's prompt and welcome.
 *
 * @module
 */

/** The two fields of `layercode.config.json` that Layercode's examples use. */
export interface LayercodeConfig {
  /** What the agent is told. */
  prompt?: string;
  /** Its first words. */
  welcome_message?: string;
}

/**
 * Reads the file.
 *
 * @param source its text; absent where there is none
 * @param problems takes what is wrong with it
 */
export function readLayercodeConfig(
  source: string | undefined,
  problems: string[],
): LayercodeConfig {
  if (source === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(source.replace(/^\uFEFF/, ""));
  } catch {
    problems.push("layercode.config.json: is not valid JSON");
    return {};
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    problems.push("layercode.config.json: must be a JSON object");
    return {};
  }
  const config: LayercodeConfig = {};
  for (const key of ["prompt", "welcome_message"] as const) {
    const field = (value as Record<string, unknown>)[key];
    if (typeof field === "string") config[key] = field;
    else if (field !== undefined && field !== null) {
      problems.push(`layercode.config.json: "${key}" must be a string`);
    }
  }
  return config;
}
