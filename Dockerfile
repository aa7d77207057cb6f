# The server of environments, without torch: 200 MB instead of gigabytes.
#   docker build -t turnwise .
#   docker run -p 127.0.0.1:8000:8000 -v turnwise:/data -v ./keys:/keys:ro -e TURNWISE_SERVE_KEY_FILE=/keys turnwise
# It does not start without keys, unless -e TURNWISE_SERVE_OPEN_TO_EVERYONE=true says that everybody may come.
# Every setting of `turnwise serve` is an environment variable, too: docs/serving.md
FROM python:3.11-slim

RUN useradd --create-home --uid 1000 turnwise && mkdir /data && chown turnwise /data
WORKDIR /opt/turnwise
COPY . .
# what pyproject.toml asks for, traces included, but for what only policies and trainers need
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*[one for one in project['dependencies'] + project['optional-dependencies']['telemetry'] if not one.startswith(('torch', 'transformers', 'tokenizers', 'safetensors'))], sep='\n')" > /tmp/requirements.txt \
 && grep -v -i -E '^(torch|transformers|tokenizers|safetensors|nvidia|triton)' constraints.txt > /tmp/constraints.txt \
 && pip install --no-cache-dir -c /tmp/constraints.txt -r /tmp/requirements.txt \
 && pip install --no-cache-dir --no-deps .

USER turnwise
WORKDIR /data
VOLUME /data
EXPOSE 8000
ENV OMP_NUM_THREADS=1
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
  ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["turnwise", "serve", "--host", "0.0.0.0", "--port", "8000", "--log-json"]
CMD ["--journal", "/data/journal.db"]
