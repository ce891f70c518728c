/**
 * Tools in Gemini's terms, which knows only a part of JSON Schema. Pure.
 *
 * @module
 */
import type { ToolDeclaration } from "./provider.ts";

/** The tools in Gemini's terms: no empty parameters, no keyword that it refuses. */
export function toTools(tools: readonly ToolDeclaration[]): unknown[] {
  if (tools.length === 0) return [];
  return [{
    functionDeclarations: tools.map(({ name, description, parameters }) => ({
      name,
      description,
      ...(Object.keys(parameters.properties ?? {}).length === 0
        ? {}
        : { parameters: toSchema(parameters) }),
    })),
  }];
}

/**
 * All that Gemini knows of JSON Schema; one other word, and it refuses the
 * whole request.
 *
 * Source: https://ai.google.dev/api/caching#Schema
 */
const KEYWORDS = new Set(
  ("type title description nullable enum format pattern minLength maxLength " +
    "minimum maximum items minItems maxItems properties required " +
    "minProperties maxProperties anyOf").split(" "),
);

/** What is left out here is still checked when the tool is called. */
function toSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(toSchema);
  if (typeof schema !== "object" || schema === null) return schema;
  const words: [string, unknown][] = [];
  for (const [name, value] of Object.entries(schema)) {
    const key = name === "oneOf" ? "anyOf" : name;
    if (!isKnown(key, value)) continue;
    words.push([key, key === "properties" ? toEach(value) : toSchema(value)]);
  }
  return Object.fromEntries(words);
}

/** The schemas of properties, which may have any name. */
function toEach(properties: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [name, toSchema(value)]),
  );
}

function isKnown(key: string, value: unknown): boolean {
  // Of these two it knows the words, but not every value.
  if (key === "format") return value === "date-time";
  if (key === "enum" && Array.isArray(value)) {
    return value.every((item) => typeof item === "string");
  }
  return KEYWORDS.has(key);
}
