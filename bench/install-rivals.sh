#!/bin/sh
# Installs what `npm run bench` compares with: Redis, NATS, PostgreSQL, Ray, ADIOS2 and HDF5 as their own
# users have them. Everything goes below bench/.rivals except redis-server, postgresql and HDF5 for MPI,
# which are Debian packages. Says what it does, can be run again, and leaves no service running. A rival that is
# missing is skipped by the benchmarks, by name.
set -eu

redis_debian='5:7.0.*'
postgresql_debian='postgresql-15'
python_packages='ray==2.60.0 adios2==2.12.1.1001 redis==8.1.0 hiredis==3.5.0 numpy==2.4.6 h5py==3.16.0'
node_packages='redis@6.3.1 postgres@3.4.9 @msgpack/msgpack@3.1.3 @nats-io/transport-node@3.4.0'
nats_server='github.com/nats-io/nats-server/v2@v2.15.3'

cd "$(dirname "$0")"
say() { printf 'rivals: %s\n' "$*"; }

mkdir -p .rivals

as_root=''
[ "$(id -u)" -eq 0 ] || as_root='sudo'
# RUNLEVEL=1 makes the packages' scripts leave services alone.
apt_install() {
  $as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "$@" >>.rivals/apt.log
}

if command -v redis-server >/dev/null; then
  say "redis-server is there: $(redis-server --version | cut -d' ' -f3)"
elif command -v apt-get >/dev/null; then
  say "installing redis-server ${redis_debian} by apt-get, without starting its service"
  apt_install "redis-server=${redis_debian}"
else
  say 'cannot install redis-server: no apt-get here; install it by hand'
fi

if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
  say "postgresql is there: $(ls -d /usr/lib/postgresql/*/ | xargs -n 1 basename | tr '\n' ' ')"
elif command -v apt-get >/dev/null; then
  say "installing ${postgresql_debian} by apt-get, without its service or a cluster of its own"
  apt_install postgresql-common
  # Else the package makes a cluster, which the next start of the machine would serve.
  $as_root sed -i 's/^#\{0,1\}create_main_cluster.*/create_main_cluster = false/' \
    /etc/postgresql-common/createcluster.conf
  apt_install "${postgresql_debian}"
else
  say 'cannot install postgresql: no apt-get here; install it by hand'
fi

if /usr/bin/python3 -c 'import importlib.util as u, sys; sys.exit(u.find_spec("mpi4py") is None)' 2>/dev/null; then
  say 'python3-mpi4py is there'
elif command -v apt-get >/dev/null; then
  say 'installing python3-h5py-mpi, python3-mpi4py and openmpi-bin by apt-get'
  apt_install python3-h5py-mpi python3-mpi4py openmpi-bin
else
  say 'cannot install HDF5 in parallel: no apt-get here; install it by hand'
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

if [ -x .rivals/bin/nats-server ]; then
  say "nats-server is there: $(.rivals/bin/nats-server --version)"
elif command -v go >/dev/null; then
  say "installing ${nats_server} with $(go version | cut -d' ' -f3)"
  GOBIN="$(pwd)/.rivals/bin" go install "${nats_server}" 2>>.rivals/go.log
else
  say 'cannot install nats-server: no go here; put it into bench/.rivals/bin by hand'
fi

say "done: $(du -sh .rivals | cut -f1) in bench/.rivals"
