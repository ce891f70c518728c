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
CMD ["/bin/deno", "run", "--cached-only", "--no-prompt", "--allow-net", "--allow-env", "--allow-read=/app,/data", "--allow-write=/data", "main.ts"]
