# Two images from one recipe:
#   appliance   (the default) one static binary on nothing; wants a PostgreSQL by VESTIBULE_DATABASE__URL_FILE
#   all-in-one  (--target all-in-one) the same binary beside a PostgreSQL of its own, for a homelab or a trial
# Both run as uid 10001 on a read-only root file system without any capability, and write to /var/lib/vestibule alone.

ARG BUILD_BASE=rust:1.95-bookworm
ARG RUN_BASE=debian:bookworm-slim

FROM ${BUILD_BASE} AS build
WORKDIR /src
COPY . .
# Static, so that the image needs no libc. The target is named, or the flag would reach build scripts and macros too,
# which have to stay dynamic.
RUN set -eu; \
    target=$(rustc -vV | sed -n 's/^host: //p'); \
    SQLX_OFFLINE=true RUSTFLAGS="-C target-feature=+crt-static" \
      cargo build --release --locked --bin vestibule --target "$target"; \
    mkdir -p /out/usr/bin /out/etc/ssl/certs /out/etc/vestibule /out/tmp /state; \
    install -m 755 "${CARGO_TARGET_DIR:-target}/$target/release/vestibule" /out/usr/bin/vestibule; \
    install -m 644 compose/vestibule.toml /out/etc/vestibule/vestibule.toml; \
    install -m 644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt; \
    echo 'vestibule:x:10001:10001::/var/lib/vestibule:/sbin/nologin' >/out/etc/passwd; \
    echo 'vestibule:x:10001:' >/out/etc/group; \
    echo 'hosts: files dns' >/out/etc/nsswitch.conf

FROM ${RUN_BASE} AS all-in-one
# The package's own cluster is not ours: the appliance makes one in its state folder.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates postgresql \
 && rm -rf /var/lib/apt/lists/* /var/lib/postgresql /etc/postgresql /var/log/postgresql \
 && groupadd --gid 10001 vestibule \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/vestibule --no-create-home --shell /usr/sbin/nologin vestibule
COPY --from=build /out/usr/bin/vestibule /usr/bin/vestibule
COPY --from=build /out/etc/vestibule /etc/vestibule
COPY --from=build --chown=10001:10001 /state /var/lib/vestibule
ENV VESTIBULE_CONFIG=/etc/vestibule/vestibule.toml
USER 10001:10001
VOLUME /var/lib/vestibule
EXPOSE 3389 3636 8080 8443 1812/udp 1813/udp 2083 8389
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/bin/vestibule", "healthcheck"]
ENTRYPOINT ["/usr/bin/vestibule"]
CMD ["serve"]

FROM scratch AS appliance
COPY --from=build /out /
COPY --from=build --chown=10001:10001 /state /var/lib/vestibule
ENV VESTIBULE_CONFIG=/etc/vestibule/vestibule.toml
USER 10001:10001
VOLUME /var/lib/vestibule
EXPOSE 3389 3636 8080 8443 1812/udp 1813/udp 2083 8389
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/bin/vestibule", "healthcheck"]
ENTRYPOINT ["/usr/bin/vestibule"]
CMD ["serve"]
