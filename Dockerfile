# Everything is fetched while building; a running container fetches nothing.
FROM denoland/deno:2.9.6

WORKDIR /app
COPY deno.json deno.lock main.ts ./
COPY src ./src
# `ollama` and `@google/generative-ai` are loaded when first used, so they are
# named here besides the program.
RUN deno cache main.ts src/providers/gemini.ts src/providers/ollama.ts src/agent/mod.ts src/cli/say.ts \
  && mkdir /data && chown deno:deno /data

USER deno
ENV DATA_DIR=/data HOST=0.0.0.0
VOLUME /data
EXPOSE 3000
HEALTHCHECK --start-period=5s --start-interval=1s \
  CMD ["deno", "eval", "--cached-only", "const r = await fetch(`http://127.0.0.1:${Deno.env.get('PORT') ?? 3000}/health`); Deno.exit(r.ok ? 0 : 1)"]
CMD ["deno", "run", "--cached-only", "--no-prompt", "--allow-net", "--allow-env", "--allow-read=/app,/data", "--allow-write=/data", "main.ts"]
