/**
 * Loaded before the server: lets a test set its clock, which is `Date.now` plus
 * what the test says.
 *
 * @module
 */
const { now } = Date;
const clock = { offsetMs: 0 };
Object.assign(globalThis, { clock });
Date.now = () => now() + clock.offsetMs;
