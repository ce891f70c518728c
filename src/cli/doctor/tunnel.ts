/**
 * What stands between the web and this server, by what it answers in the
 * server's place: tunnels, proxies, wrong paths.
 *
 * @module
 */
import { shown } from "./net.ts";

/** An answer, as far as it tells who gave it. */
export interface Answer {
  /** HTTP status. */
  status: number;
  /** The headers. */
  headers: Headers;
  /** The beginning of the body. */
  text: string;
}

/** What is wrong, and how to mend it. */
export interface Obstacle {
  /** What is wrong. */
  detail: string;
  /** How to mend it. */
  mend: string;
}

/** A redirect, which loses what Layercode posts. */
export function findRedirect(
  { status, headers }: Answer,
  url: URL,
): Obstacle | undefined {
  if (status < 300 || status > 399) return undefined;
  const location = headers.get("location") ?? "";
  const target = URL.canParse(location, url)
    ? shown(new URL(location, url))
    : "elsewhere";
  return {
    detail: `${
      shown(url)
    } redirects (${status}) to ${target}: what is posted gets lost`,
    mend: "give Layercode the address that it redirects to",
  };
}

/** A tunnel's own page, where it can't reach the server or won't. */
export function findTunnelPage(
  { status, headers, text }: Answer,
): Obstacle | undefined {
  const ngrok = headers.get("ngrok-error-code") ??
    /ERR_NGROK_\d+/.exec(text)?.[0];
  if (ngrok === "ERR_NGROK_6024") {
    return {
      detail: "ngrok shows its warning page instead of the server",
      mend:
        "send the header ngrok-skip-browser-warning, or use another tunnel (cloudflared)",
    };
  }
  if (ngrok) {
    return {
      detail: `ngrok can't reach the server (${ngrok})`,
      mend: "start the server, and the tunnel to its PORT: ngrok http 3000",
    };
  }
  const cloudflare = headers.get("server") === "cloudflare" ||
    /cloudflare/i.test(text);
  if (cloudflare && (status === 530 || /error(?: code:?)? 1033/i.test(text))) {
    return {
      detail: `the tunnel is gone (${status} from Cloudflare)`,
      mend:
        "start it again (cloudflared tunnel --url http://localhost:3000); its address " +
        "is a new one each time, so enter that in Layercode's dashboard",
    };
  }
  if (cloudflare && status >= 502 && status <= 526) {
    return {
      detail:
        `the tunnel is up, and can't reach the server behind it (${status} from Cloudflare)`,
      mend: "start the server, and the tunnel to its PORT",
    };
  }
  if (status === 502 || status === 504) {
    return {
      detail: `a proxy can't reach the server behind it (${status})`,
      mend: "start the server, and point the proxy to its HOST and PORT",
    };
  }
  return undefined;
}

/** Why a signed turn was not answered with a stream. */
export function explainRefusal(answer: Answer, url: URL): Obstacle {
  const obstacle = findRedirect(answer, url) ?? findTunnelPage(answer);
  if (obstacle) return obstacle;
  const { status, text } = answer;
  const { pathname } = url;
  switch (status) {
    case 401:
      if (/clocks/.test(text)) {
        return {
          detail: "the server refuses the signature's time: the clocks differ",
          mend: "set both machines' clocks by the network",
        };
      }
      return {
        detail: `the server refuses our signature (401)${messageOf(text)}`,
        mend:
          "both need the same LAYERCODE_WEBHOOK_SECRET; start the server again after changing it",
      };
    case 404:
    case 405:
      return {
        detail: `${pathname} is not the webhook's path (${status})`,
        mend: `try /agent: ${shown(new URL("/agent", url))}`,
      };
    case 403:
      return {
        detail: `something before the server refuses strangers (403)${
          messageOf(text)
        }`,
        mend:
          "let Layercode's POST through at the proxy or firewall; it brings its signature",
      };
    case 413:
      return {
        detail: "something before the server takes smaller requests only (413)",
        mend: "let it take 1 MiB (nginx: client_max_body_size 1m)",
      };
    default:
      return {
        detail: `a turn was answered with status ${status}${messageOf(text)}`,
        mend: status === 200
          ? "the address must be Parley's, with /agent at its end"
          : "look at the server's log",
      };
  }
}

function messageOf(text: string): string {
  const message = /"message":\s*"([^"]*)"/.exec(text)?.[1];
  return message ? `: ${message}` : "";
}
