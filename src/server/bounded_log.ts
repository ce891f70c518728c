/**
 * A log for what strangers cause: they can't fill the disk with it.
 *
 * @module
 */
import type { Log, LogFields, LogLevel } from "./log.ts";
import { createRateLimit } from "./rate_limit.ts";

/** How many lines of each event there are in a minute at most. */
const LINES_PER_MINUTE = 10;

/**
 * Makes a log that leaves out all but the first ten lines of each event in a
 * minute.
 *
 * @param now the time in milliseconds since 1970
 */
export function createBoundedLog(log: Log, now: () => number): Log {
  const limit = createRateLimit({ perMinute: LINES_PER_MINUTE, now });
  const at = (level: LogLevel) => (event: string, fields?: LogFields) => {
    if (limit(event) === undefined) log[level](event, fields);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}
