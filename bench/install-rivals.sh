#!/bin/sh
# Installs what `npm run bench` compares with: Redis, Ray and ADIOS2 as their own users have them.
# Everything goes below bench/.rivals except redis-server, which is a Debian package. Says what it
# does, can be run again, and leaves no service running. A rival that is missing is skipped by the
# benchmarks, by name.
set -eu

redis_debian='5:7.0.*'
python_packages='ray==2.60.0 adios2==2.12.1.1001 redis==8.1.0 hiredis==3.5.0 numpy==2.4.6'
node_packages='redis@6.3.1 @msgpack/msgpack@3.1.3'

cd "$(dirname "$0")"
say() { printf 'rivals: %s\n' "$*"; }

mkdir -p .rivals

if command -v redis-server >/dev/null; then
  say "redis-server is there: $(redis-server --version | cut -d' ' -f3)"
elif command -v apt-get >/dev/null; then
  say "installing redis-server ${redis_debian} by apt-get, without starting its service"
  as_root=''
  [ "$(id -u)" -eq 0 ] || as_root='sudo'
  # RUNLEVEL=1 makes the package's scripts leave the service alone.
  $as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "redis-server=${redis_debian}" >.rivals/apt.log
else
  say 'cannot install redis-server: no apt-get here; install it by hand'
fi

python=${PYTHON:-python3}
[ -x .rivals/python/bin/python ] || {
  say "making a Python environment in bench/.rivals/python with $("$python" --version)"
  "$python" -m venv .rivals/python
}
say "installing for Python: ${python_packages}"
# shellcheck disable=SC2086
.rivals/python/bin/python -m pip install --quiet --disable-pip-version-check ${python_packages}

say "installing for Node: ${node_packages}"
[ -f .rivals/package.json ] || printf '{ "private": true }\n' >.rivals/package.json
# shellcheck disable=SC2086
npm install --prefix .rivals --ignore-scripts --no-audit --no-fund --silent --save-exact \
  ${node_packages}

say "done: $(du -sh .rivals | cut -f1) in bench/.rivals"
