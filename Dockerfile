# The relay: one file of JavaScript, the files of its embedded PostgreSQL, a Node binary. No package manager, no
# development dependencies, nobody but an unprivileged user.
FROM node:20-bookworm-slim AS build
WORKDIR /src
COPY package.json pnpm-workspace.yaml pnpm-lock.yaml .pnpmfile.mjs tsconfig.base.json ./
COPY packages/protocol/package.json packages/protocol/
COPY packages/relay/package.json packages/relay/
RUN npx -y pnpm@12 install --frozen-lockfile --filter sotto-workspace --filter '@sotto/relay...'
COPY packages/protocol packages/protocol
COPY packages/relay packages/relay
RUN npx -y pnpm@12 --filter @sotto/relay run bundle

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Sotto relay" org.opencontainers.image.licenses="MIT"
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /src/packages/relay/dist-bundle /app
RUN mkdir -m 700 /data && chown 10001:10001 /data
USER 10001:10001
WORKDIR /app
ENV NODE_ENV=production SOTTO_DATA=/data PORT=7420
EXPOSE 7420
VOLUME /data
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "sotto-relay.js"]
