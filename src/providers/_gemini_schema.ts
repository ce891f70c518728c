/**
 * Reduces JSON Schema to the keywords that Gemini knows: a single other keyword
 * makes it refuse the whole request. What is left out here is still checked when
 * the tool is called. Pure.
 *
 * Source: https://ai.google.dev/api/caching#Schema
 *
 * @module
 */

const KEYWORDS = new Set(
  ("type title description nullable enum format pattern minLength maxLength " +
    "minimum maximum items minItems maxItems properties required " +
    "minProperties maxProperties anyOf").split(" "),
);

/** How many references are resolved, and how deeply nested: a schema may refer to itself. */
const MAX_REFERENCES = 100;
const MAX_DEPTH = 4;

/** A schema, or a part of one, whose keywords are not validated. */
type Schema = Record<string, unknown>;

/** Converts the JSON Schema of a tool's parameters. */
export function toSchema(schema: Schema): unknown {
  let references = 0;

  /** Replaces each reference by the schema that it refers to. */
  function inline(value: unknown, depth: number): unknown {
    if (Array.isArray(value)) return value.map((one) => inline(one, depth));
    if (!isObject(value)) return value;
    const { $ref, ...own } = value;
    if (typeof $ref !== "string") {
      return mapValues(value, (part) => inline(part, depth));
    }
    const isFollowed = depth < MAX_DEPTH && references++ < MAX_REFERENCES;
    const target = isFollowed ? resolve(schema, $ref) : undefined;
    return inline({ ...target, ...own }, depth + 1);
  }

  const { $defs: _, definitions: __, ...rest } = schema;
  return convert(inline(rest, 0));
}

function convert(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(convert);
  if (!isObject(schema)) return schema;
  const keywords: [string, unknown][] = [];
  for (const [name, value] of Object.entries(schema)) {
    const key = name === "oneOf" ? "anyOf" : name;
    if (!isSupported(key, value)) continue;
    if (key === "type" && Array.isArray(value)) keywords.push(...toType(value));
    // Names of properties are not keywords.
    else if (key === "properties" && isObject(value)) {
      keywords.push([key, mapValues(value, convert)]);
    } else keywords.push([key, convert(value)]);
  }
  return Object.fromEntries(keywords);
}

/** Converts a list of types, which may include `null`: Gemini takes only one type. */
function toType(types: readonly unknown[]): [string, unknown][] {
  const others = types.filter((type) => type !== "null");
  const type: [string, unknown] = others.length === 1
    ? ["type", others[0]]
    : ["anyOf", others.map((type) => ({ type }))];
  return types.includes("null") ? [type, ["nullable", true]] : [type];
}

function isSupported(key: string, value: unknown): boolean {
  // Gemini supports only some values of these two keywords.
  if (key === "format") return value === "date-time";
  if (key === "enum" && Array.isArray(value)) {
    return value.every((item) => typeof item === "string");
  }
  return KEYWORDS.has(key);
}

/** Finds the schema that a reference such as `#/$defs/Room` points to. */
function resolve(schema: Schema, reference: string): Schema | undefined {
  let at: unknown = schema;
  for (const name of reference.split("/").slice(1)) {
    at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }
  return isObject(at) ? at : undefined;
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mapValues(of: Schema, change: (value: unknown) => unknown): Schema {
  return Object.fromEntries(
    Object.entries(of).map(([name, value]) => [name, change(value)]),
  );
}
