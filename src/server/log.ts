/**
 * The log, one line per event. This is the only file that uses the console. What
 * callers say must not be logged, nor any key.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- this is the one place that may

/** From the least to the most serious. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** How serious an event is. */
export type LogLevel = typeof LOG_LEVELS[number];

/** Details of an event. An error is written with its causes. */
export type LogFields = Record<string, unknown>;

/** Writes events, each named like `server.listening`. */
export type Log = Record<LogLevel, (event: string, fields?: LogFields) => void>;

/** What the log writes, and how. */
export interface LogOptions {
  /** The least serious level that is written. */
  level: LogLevel;
  /** `json`: one object a line, for machines. `pretty`: text, for a person at a terminal. */
  format: "json" | "pretty";
  /** Writes a line. Default: to the console. */
  write?: (level: LogLevel, line: string) => void;
}

/** Creates a log from a function that writes an event. */
export function toLog(
  write: (level: LogLevel, event: string, fields?: LogFields) => void,
): Log {
  const at = (level: LogLevel): Log[LogLevel] => (event, fields) =>
    write(level, event, fields);
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}

/** Creates a log. */
export function createLog(options: LogOptions): Log {
  const { level: least, format } = options;
  const { write = (level, line) => console[level](line) } = options;
  const from = LOG_LEVELS.indexOf(least);
  return toLog((level, event, fields = {}) => {
    if (LOG_LEVELS.indexOf(level) < from) return;
    const head = { time: new Date().toISOString(), level, event };
    const details = toSerializable(fields);
    const line = format === "json"
      // The head is spread twice: to be first, and so that no field replaces it.
      ? JSON.stringify({ ...head, ...details, ...head })
      : toPretty(head, details);
    write(level, line);
  });
}

/** Prints a text for a person. */
export function printText(text: string): void {
  console.log(text);
}

/** Prints an error for a person. */
export function printError(message: string): void {
  console.error(message);
}

function toPretty(
  { time, level, event }: { time: string; level: LogLevel; event: string },
  fields: LogFields,
): string {
  const words = Object.entries(fields).map(([key, value]) => {
    if (value === undefined) return "";
    const isPlain = typeof value === "string" && !UNPRINTABLE.test(value);
    return ` ${key}=${isPlain ? value : toSafeJson(value)}`;
  });
  const head = [time.slice(11, 19), level.toUpperCase().padEnd(5), event];
  return head.join(" ") + words.join("");
}

// deno-lint-ignore no-control-regex -- it finds control characters
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f]/;

/** Returns JSON without control characters, which a terminal may obey. `JSON.stringify` escapes only the first 32. */
export function toSafeJson(value: unknown, indent?: number): string {
  return String(JSON.stringify(value, null, indent)).replaceAll(
    /[\x7f-\x9f]/g,
    (char) => `\\u00${char.charCodeAt(0).toString(16)}`,
  );
}

/** Replaces values that JSON can't hold by their type: logging must not throw. */
function toSerializable(fields: LogFields): LogFields {
  const entries = Object.entries(fields).map(([key, value]) => {
    if (value instanceof Error) return [key, explain(value)];
    try {
      JSON.stringify(value);
      return [key, value];
    } catch {
      return [key, `[${typeof value}]`];
    }
  });
  return Object.fromEntries(entries);
}

/** Returns the messages of an error and its causes, without repetitions and the passwords of URLs. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  let at: unknown = error;
  // Causes may form a cycle, and nobody reads more than a few.
  for (let depth = 0; at !== undefined && depth < 4; depth++) {
    const text = at instanceof Error ? at.message || at.name : String(at);
    if (!parts.at(-1)?.endsWith(`: ${text}`)) parts.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(" <- ").replaceAll(CREDENTIALS, "//");
}

const CREDENTIALS = /\/\/[^\s/@]+@/g;
