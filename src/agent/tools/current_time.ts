/**
 * A tool that tells the time in a time zone.
 *
 * @module
 */
import * as z from "zod";
import { type Tool, tool } from "../../conversation/tools.ts";

/** Tells the date and the time in a time zone. */
export const currentTime: Tool = tool({
  name: "current_time",
  description: "Tells the date and the time of day in a place's time zone",
  parameters: z.object({
    time_zone: z.string().describe("IANA name, such as Europe/Berlin"),
  }),
  run({ time_zone }) {
    return new Date().toLocaleString("en-GB", {
      dateStyle: "full",
      timeStyle: "short",
      timeZone: time_zone,
    });
  },
});
