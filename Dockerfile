# Sluice as an image: a Java runtime of its own, nothing written at run time, no root.
#
#   docker build -t sluice .
#   docker run --read-only --cap-drop ALL --network host -v ./sluice.yaml:/etc/sluice/sluice.yaml:ro sluice
#
# The last stage needs a shell and a C library, and nothing else. There is no HEALTHCHECK: ask /livez and /readyz
# from outside, on the address of admin.http.

FROM eclipse-temurin:25-jdk AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends maven \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN deploy/image/build-tree /opt/sluice

FROM debian:bookworm-slim
COPY --from=build /opt/sluice /opt/sluice
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/sluice/bin/sluice"]
CMD ["run"]
