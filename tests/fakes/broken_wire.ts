/**
 * Broken connections to Postgres: an address that never answers, and a proxy that
 * loses the answer to a write.
 *
 * @module
 */

/** Runs a test with an address of Postgres that accepts connections and never answers. */
export async function withMute(
  body: (url: string) => Promise<void>,
): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) connections.push(connection);
  })();
  await body(`postgres://parley:hunter2@127.0.0.1:${listener.addr.port}/calls`);
  listener.close();
  for (const connection of connections) connection.close();
  await accepting;
}

/** A proxy between a store and a server. */
export interface Proxy extends AsyncDisposable {
  /** Its port. */
  port: number;
  /** The number of lost answers. */
  lost: number;
  /** Breaks the next connection that inserts something, after the server has done it. */
  loseNextAnswer(): void;
}

/** Starts a proxy in front of a port of this machine. */
export function startProxy(to: number): Proxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let losing = false;
  const proxy = {
    port: listener.addr.port,
    lost: 0,
    loseNextAnswer: () => {
      losing = true;
    },
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await serving;
    },
  };
  async function serve(client: Deno.Conn): Promise<void> {
    const upstream = await Deno.connect({ hostname: "127.0.0.1", port: to });
    let isDoomed = false;
    async function pump(from: Deno.Conn, to: Deno.Conn): Promise<void> {
      const bytes = new Uint8Array(65_536);
      try {
        for (let n; (n = await from.read(bytes)) !== null;) {
          const part = bytes.subarray(0, n);
          const text = new TextDecoder().decode(part);
          if (from === client && losing && /insert into/.test(text)) {
            isDoomed = true;
            losing = false;
          } else if (from === upstream && isDoomed) {
            proxy.lost++;
            break;
          }
          await to.write(part);
        }
      } catch {
        // The other direction has closed it.
      }
      for (const each of [client, upstream]) {
        try {
          each.close();
        } catch {
          // The other direction has closed it.
        }
      }
    }
    await Promise.all([pump(client, upstream), pump(upstream, client)]);
  }
  const serving = (async () => {
    const all: Promise<void>[] = [];
    for await (const client of listener) all.push(serve(client));
    await Promise.all(all);
  })();
  return proxy;
}
