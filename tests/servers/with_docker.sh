#!/usr/bin/env bash
# Run a command with a Docker engine and the image of the tests: with_docker.sh COMMAND...
#
# An engine that answers is used (DOCKER_HOST counts). Without one, root gets one for as long as
# the command runs; packages of Debian that this takes are installed. The image is python:3.11-slim,
# or Debian 12 by debootstrap where no registry is reached, with the dependencies of a server and
# this working tree. What takes long lies in .docker for the next time.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-.venv/bin/python}
BASE=turnwise-test-base
STATE=$PWD/.docker
mkdir -p "$STATE"

need() {  # need COMMAND PACKAGE
    command -v "$1" > /dev/null && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
        echo "$1 is missing: install it (on Debian: $2), or run this as root" >&2
        exit 1
    fi
    apt-get update -q && apt-get install -y -q --no-install-recommends "$2"
}

make_bridge() {  # for boxes with network: a bridge that leads to this machine and no further
    BRIDGE=turnwise-$$
    if ! { ip link add "$BRIDGE" type bridge && ip address add 172.31.213.1/24 dev "$BRIDGE" \
        && ip link set "$BRIDGE" up; } 2> "$STATE/bridge.log"; then
        end_bridge
        BRIDGE=none
    fi
}

end_bridge() {
    [ "$BRIDGE" = none ] || ip link delete "$BRIDGE" 2> /dev/null || true
}

start_engine() {
    if [ "$(id -u)" != 0 ]; then
        echo "no Docker engine answers: start one, point DOCKER_HOST to it, or run this as root" >&2
        exit 1
    fi
    need dockerd docker.io
    need iptables iptables
    RUN=$(mktemp -d /tmp/turnwise-engine.XXXXXX)  # a socket's path has to be short
    make_bridge
    dockerd --data-root "$STATE/engine" --exec-root "$RUN/exec" --pidfile "$RUN/pid" \
        -H "unix://$RUN/docker.sock" --bridge="$BRIDGE" --iptables=false --ip6tables=false \
        --ip-forward=false --ip-masq=false > "$STATE/engine.log" 2>&1 &
    ENGINE=$!
    trap 'kill "$ENGINE"; wait "$ENGINE" || true; rm -rf "$RUN"; end_bridge' EXIT
    export DOCKER_HOST="unix://$RUN/docker.sock"
    for _ in $(seq 120); do
        docker info > /dev/null 2>&1 && return
        kill -0 "$ENGINE" 2> /dev/null || break
        sleep 0.5
    done
    echo "the Docker engine did not start:" >&2
    tail -20 "$STATE/engine.log" >&2
    exit 1
}

make_base() {
    if timeout 120 docker pull -q python:3.11-slim; then
        docker tag python:3.11-slim "$BASE"
        return
    fi
    need debootstrap debootstrap
    rm -rf "$STATE/base"
    debootstrap --variant=minbase --include=python3 bookworm "$STATE/base"
    tar -C "$STATE/base" -c . | docker import - "$BASE"
    rm -rf "$STATE/base"
}

make_image() {
    local asked="$STATE/image/asked"
    mkdir -p "$STATE/image"
    "$PYTHON" - > "$asked.new" <<'END'
import pathlib, tomllib
left_out = ("torch", "transformers", "tokenizers", "safetensors")
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
print(*[one for one in project["dependencies"] if not one.startswith(left_out)], sep="\n")
END
    if ! cmp -s "$asked" "$asked.new"; then
        rm -rf "$STATE/image/packages"
        "$PYTHON" -m pip install -q -c constraints.txt -r "$asked.new" --target "$STATE/image/packages" \
            --python-version 3.11 --only-binary=:all:
        mv "$asked.new" "$asked"
    fi
    rm -rf "$STATE"/image/*.whl "$STATE/image/project"
    "$PYTHON" -m pip wheel -q --no-deps --no-build-isolation -w "$STATE/image" .
    "$PYTHON" -m zipfile -e "$STATE"/image/*.whl "$STATE/image/project"
    # a volume and a check of health as the Dockerfile has them, which containers must not get to use
    cat > "$STATE/image/Dockerfile" <<'END'
FROM turnwise-test-base
COPY packages /opt/packages
COPY project /opt/project
ENV PYTHONPATH=/opt/project:/opt/packages
VOLUME /data
HEALTHCHECK --interval=1s CMD ["false"]
END
    DOCKER_BUILDKIT=0 docker build -q -t turnwise-test "$STATE/image" > /dev/null
}

docker info > /dev/null 2>&1 || start_engine
need docker docker.io
need docker-registry docker-registry  # for the test of pulling an image
docker image inspect "$BASE" > /dev/null 2>&1 || make_base
make_image
"$@"
