# Shared by the scripts beside it; to be sourced, not run. Needs bash.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${OXIWHISK_CACHE:-$HOME/.cache/oxiwhisk}
RUST_MINIMUM=1.95
NODE_MINIMUM=18

if [ -t 1 ]; then BOLD=$'\e[1m' RED=$'\e[31m' PLAIN=$'\e[0m'; else BOLD='' RED='' PLAIN=''; fi

say() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*"; }
fail() { printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# at_least MINIMUM VERSION: whether VERSION is as new as MINIMUM.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# Runs a command as root, if there is a way that asks nothing.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo && sudo -n true 2>/dev/null; then sudo "$@"; else return 127; fi
}

# packages NAME...: installs Debian packages, or says what to install.
packages() {
    [ $# -gt 0 ] || return 0
    have apt-get || fail "please install: $* (this is not Debian or Ubuntu, so the names may differ)"
    [ -z "${OXIWHISK_NO_INSTALL:-}" ] || fail "please install: apt-get install $*"
    say "installing $*"
    local log; log=$(mktemp)
    if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2; rm -f "$log"
        fail "please install as root: apt-get install $*"
    fi
    rm -f "$log"
}

# need COMMAND=PACKAGE...: installs the packages whose commands are missing.
need() {
    local missing=() pair
    for pair in "$@"; do have "${pair%%=*}" || missing+=("${pair#*=}"); done
    packages "${missing[@]}"
}

need_python() {
    need python3=python3
    # Debian splits the module that makes virtual environments from the interpreter.
    python3 -c 'import ensurepip, venv' 2>/dev/null || packages python3-venv
}

need_node() {
    need node=nodejs npm=npm
    local version; version=$(node --version); version=${version#v}
    at_least "$NODE_MINIMUM" "$version" || fail "node $version is too old: $NODE_MINIMUM or newer is needed"
}

rust_version() { cargo --version 2>/dev/null | cut -d ' ' -f 2; }

# A Rust toolchain that is new enough: what is there, else the distribution's rustup, else rustup's own installer.
need_rust() {
    [ -d "$HOME/.cargo/bin" ] && PATH=$HOME/.cargo/bin:$PATH
    if have cargo && at_least "$RUST_MINIMUM" "$(rust_version)"; then return; fi
    [ -z "${OXIWHISK_NO_INSTALL:-}" ] || fail "Rust $RUST_MINIMUM or newer is needed: https://rustup.rs"
    if ! have rustup && apt-cache show rustup >/dev/null 2>&1; then packages rustup; fi
    if have rustup; then
        say "bringing Rust up to date"
        rustup toolchain install stable --profile minimal --component rustfmt --component clippy && rustup default stable
    else
        say "installing Rust with the installer of rustup.rs"
        need curl=curl
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
            sh -s -- -y --quiet --profile minimal --component rustfmt --component clippy
        PATH=$HOME/.cargo/bin:$PATH
    fi
    at_least "$RUST_MINIMUM" "$(rust_version)" || fail "Rust $RUST_MINIMUM or newer is needed; found $(rust_version)"
}

# The npm packages `openwhisk` and `openwhisk-composer`, which quickstart and tests use as clients.
need_npm_client() {
    local dir=$ROOT/tests/e2e/npm
    [ "$dir/node_modules/.package-lock.json" -nt "$dir/package-lock.json" ] && return
    say "installing the npm packages of clients"
    npm ci --prefix "$dir" --no-audit --no-fund --loglevel=error >/dev/null
    touch "$dir/node_modules/.package-lock.json"
}

# Where cargo puts what it builds.
target_dir() { printf '%s' "${CARGO_TARGET_DIR:-$ROOT/target}"; }

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_server BINARY DIR [ARGUMENT...]: starts a server with its data and its log under DIR and waits until it answers.
# Sets SERVER_PID and SERVER_URL.
start_server() {
    local binary=$1 dir=$2 port deadline; shift 2
    port=$(free_port)
    SERVER_URL=http://127.0.0.1:$port
    # The server takes every variable of that name as a key of its configuration; those of the scripts are none.
    local mine=() name
    for name in "${!OXIWHISK_@}"; do mine+=(-u "$name"); done
    env "${mine[@]}" "$binary" standalone --host 127.0.0.1 --port "$port" --data-dir "$dir/data" "$@" >"$dir/server.log" 2>&1 &
    SERVER_PID=$!
    deadline=$((SECONDS + 30))
    until curl -sf --max-time 2 -o /dev/null "$SERVER_URL/ping"; do
        kill -0 "$SERVER_PID" 2>/dev/null || { cat "$dir/server.log" >&2; fail "the server ended at once"; }
        [ "$SECONDS" -lt "$deadline" ] || { cat "$dir/server.log" >&2; fail "the server does not answer"; }
        sleep 0.05
    done
}

# Stops the server that start_server has started, and no other.
stop_server() {
    [ -n "${SERVER_PID:-}" ] || return 0
    kill "$SERVER_PID" 2>/dev/null
    wait "$SERVER_PID" 2>/dev/null
    SERVER_PID=''
}
