# Everything is fetched while building; a running container fetches nothing.
FROM denoland/deno:2.9.6 AS build
WORKDIR /app
ENV DENO_DIR=/deno-dir
COPY deno.json deno.lock main.ts layercode.config.jso[n] ./
COPY src ./src
# All files, because some packages are loaded when they are first needed.
RUN find main.ts src -name '*.ts' -exec deno cache --frozen {} + && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=denoland/deno:bin-2.9.6 /deno /bin/deno
COPY --from=build /deno-dir /deno-dir
COPY --from=build /app /app
COPY --from=build --chown=65532:65532 /data /data
WORKDIR /app
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1 DATA_DIR=/data HOST=0.0.0.0
VOLUME /data
EXPOSE 3000
HEALTHCHECK --start-period=5s --start-interval=1s \
  CMD ["/bin/deno", "eval", "--cached-only", "const r = await fetch(`http://127.0.0.1:${Deno.env.get('PORT') ?? 3000}/health`); Deno.exit(r.ok ? 0 : 1)"]
CMD ["/bin/deno", "run", "--cached-only", "--no-prompt", "--allow-net", "--allow-env=ADMIN_TOKEN,ALLOWED_ORIGINS,API_KEYS,APPDATA,AUTHORIZE_IN_ALL,AUTHORIZE_PER_ADDRESS,CACHE_MB,CODE_MESSAGE,CONTEXT_TOKENS,DATA_DIR,DENO_DEPLOY,DENO_DEPLOYMENT_ID,DENO_KV_ACCESS_TOKEN,ERROR_MESSAGE,FILLER_AFTER_MS,FILLER_MESSAGE,FIRST_TOKEN_TIMEOUT_MS,GEMINI_BASE_URL,GEMINI_MODEL,GOOGLE_GENERATIVE_AI_API_KEY,HOME,HOST,LAYERCODE_AGENT_ID,LAYERCODE_API_KEY,LAYERCODE_API_URL,LAYERCODE_WEBHOOK_SECRET,LLM_PROVIDER,LLM_THINKING,LOG_FORMAT,LOG_LEVEL,MAX_ANSWER_TOKENS,MAX_SESSION_MB,MAX_TURNS,MAX_TURN_SECONDS,NODE_PG_FORCE_NATIVE,OLLAMA_HOST,OLLAMA_KEEP_ALIVE,OLLAMA_MODEL,OPENAI_API_KEY,OPENAI_BASE_URL,OPENAI_MODEL,PGAPPNAME,PGBINARY,PGCLIENT_ENCODING,PGCONNECT_TIMEOUT,PGDATABASE,PGHOST,PGOPTIONS,PGPASSFILE,PGPASSWORD,PGPASS_NO_DEESCAPE,PGPORT,PGREPLICATION,PGSSLMODE,PGSSLNEGOTIATION,PGUSER,PLATFORM_PROMPT,PLAYGROUND,PLAYGROUND_TOKEN,PORT,PUBLIC_URL,SESSION_STORE,SESSION_TTL_DAYS,SPEECH_CLEANUP,STALL_TIMEOUT_MS,SYSTEM_PROMPT,TOOL_FILLER_AFTER_MS,TOOL_FILLER_MESSAGE,TOOL_HOSTS,TRUSTED_PROXIES,USER,USERNAME,WELCOME_BACK_MESSAGE,WELCOME_MESSAGE", "--allow-read=/app/.env,/app/layercode.config.json,/app/src,/data", "--allow-write=/data", "main.ts"]
