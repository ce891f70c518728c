/**
 * Inspects a process that was started with `--inspect`: its heap after a garbage
 * collection, and the timers that it has set.
 *
 * https://chromedevtools.github.io/devtools-protocol/v8/
 *
 * @module
 */

/** A connection to a process. */
export interface Inspector extends AsyncDisposable {
  /** Returns the size of the live heap, in megabytes. */
  heapMb(): Promise<number>;
  /** Returns the number of pending timers that were set since the inspection began. */
  timers(): Promise<number>;
  /** Evaluates an expression in the process. */
  evaluate(expression: string): Promise<unknown>;
}

/** Counts timers from now on, by wrapping the functions that set and clear them. */
const COUNT_TIMERS = `(() => {
  const live = globalThis.liveTimers = new Set();
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  globalThis.setTimeout = (run, ...rest) => {
    const id = setTimeout((...args) => { live.delete(id); run(...args); }, ...rest);
    live.add(id);
    return id;
  };
  globalThis.setInterval = (...args) => {
    const id = setInterval(...args);
    live.add(id);
    return id;
  };
  globalThis.clearTimeout = (id) => { live.delete(id); clearTimeout(id); };
  globalThis.clearInterval = (id) => { live.delete(id); clearInterval(id); };
})()`;

/** Connects to the inspector. */
export async function inspect(port: number): Promise<Inspector> {
  const response = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [{ webSocketDebuggerUrl }] = await response.json();
  const socket = new WebSocket(webSocketDebuggerUrl);
  const waiting = new Map<number, (result: Record<string, unknown>) => void>();
  let last = 0;
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(data);
    waiting.get(id)?.(result);
    waiting.delete(id);
  };
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("The inspector can't be reached"));
  });

  function ask(
    method: string,
    params = {},
  ): Promise<Record<string, unknown>> {
    const id = ++last;
    socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => waiting.set(id, resolve));
  }
  async function evaluate(expression: string): Promise<unknown> {
    const { result } = await ask("Runtime.evaluate", { expression });
    return (result as { value?: unknown }).value;
  }

  await evaluate(COUNT_TIMERS);
  return {
    evaluate,
    async heapMb() {
      // The second collection frees what the first one finalized.
      await ask("HeapProfiler.collectGarbage");
      await ask("HeapProfiler.collectGarbage");
      const { usedSize } = await ask("Runtime.getHeapUsage");
      return Number(usedSize) / 1024 / 1024;
    },
    timers: async () => Number(await evaluate("liveTimers.size")),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => socket.onclose = resolve);
      socket.close();
      await closed;
    },
  };
}
