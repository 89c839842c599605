# The service alone: core install, no torch, no root. Mount a bundle at /bundle.
#   docker build -t couple .
#   docker run -p 8000:8000 -v "$PWD/bundle:/bundle:ro" -e COUPLE_REDIS_URL=redis://… -e COUPLE_KEYS=… couple
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY bundle bundle
COPY couple couple
COPY exporter exporter
COPY index index
COPY service service
COPY trainer trainer
RUN python -m venv /opt/couple && /opt/couple/bin/pip install --no-cache-dir .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home couple && install -d -o couple /state
COPY --from=build /opt/couple /opt/couple
ENV PATH=/opt/couple/bin:$PATH PYTHONUNBUFFERED=1 COUPLE_BUNDLE=/bundle COUPLE_HOST=0.0.0.0 COUPLE_PORT=8000 \
    COUPLE_STATE=/tmp/couple-state
USER couple
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["couple"]
CMD ["serve", "--workers", "2"]
