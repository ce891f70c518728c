/**
 * The log: one line per happening, for machines as JSON or for a person at a
 * terminal. The only file that touches the console. What callers say, and
 * keys, have no place in it.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- this is the one place that may

/** From the least to the most serious. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** How serious a happening is. */
export type LogLevel = typeof LOG_LEVELS[number];

/** What is known about a happening. Errors are unfolded with their causes. */
export type LogFields = Record<string, unknown>;

/** Writes happenings, each named `thing.what`. */
export type Log = Record<LogLevel, (event: string, fields?: LogFields) => void>;

/** How and from which level on to write. */
export interface LogOptions {
  /** The least serious that is written. */
  level: LogLevel;
  /** `json`: one object a line, for machines. `pretty`: words, for a person at a terminal. */
  format: "json" | "pretty";
  /** Takes a finished line. Default: the console. */
  write?: (level: LogLevel, line: string) => void;
}

/** Makes a log of what writes a happening. */
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

/** Makes a log. */
export function createLog(options: LogOptions): Log {
  const { level: least, format, write = toConsole } = options;
  const from = LOG_LEVELS.indexOf(least);
  return toLog((level, event, fields = {}) => {
    if (LOG_LEVELS.indexOf(level) < from) return;
    const head = { time: new Date().toISOString(), level, event };
    const known = toWritable(fields);
    const line = format === "json"
      // Named twice: to come first, and so that no field replaces them.
      ? JSON.stringify({ ...head, ...known, ...head })
      : toPretty(head, known);
    write(level, line);
  });
}

function toConsole(level: LogLevel, line: string): void {
  console[level](line);
}

/** Tells a person something. */
export function printText(text: string): void {
  console.log(text);
}

/** Tells a person that the program can't go on. */
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
    return ` ${key}=${isPlain ? value : quote(value)}`;
  });
  const head = `${time.slice(11, 19)} ${
    level.toUpperCase().padEnd(5)
  } ${event}`;
  return head + words.join("");
}

// deno-lint-ignore no-control-regex -- those are what is looked for
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f]/;

/** JSON that a terminal can't take for orders: JSON itself escapes only the first 32. */
function quote(value: unknown): string {
  return String(JSON.stringify(value)).replaceAll(
    /[\x7f-\x9f]/g,
    (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`,
  );
}

/** A log must not fail what it logs: of what JSON can't hold, it tells the type. */
function toWritable(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      if (value instanceof Error) return [key, explain(value)];
      try {
        JSON.stringify(value);
        return [key, value];
      } catch {
        return [key, `[${typeof value}]`];
      }
    }),
  );
}

/** An error and what caused it, in one line, without the passwords of addresses. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  let at: unknown = error;
  // Causes may loop; nobody reads more than a few.
  for (let depth = 0; at !== undefined && depth < 4; depth++) {
    parts.push(at instanceof Error ? at.message || at.name : String(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(" <- ").replaceAll(CREDENTIALS, "//");
}

/** The name and the password before an address's host. */
const CREDENTIALS = /\/\/[^\s/@]+@/g;
