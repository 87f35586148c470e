# shellcheck shell=bash disable=SC2154
# The case `buildkit` of scripts/bench: builds with BuildKit, against the Docker CLI and, where
# there is one, Compose. On an engine of its own: a cold build leaves its whole context in the
# build cache, and nobody else's cache must go for that.

# Gigabytes that have to be free, and for how many of memory the engine keeps its data there:
# what a disk takes to keep it safe is the same for all clients, and more than all that they do.
# OCC_BENCH_DISK=1 measures that, too.
room=16
memory=12

start_own_engine() {
  [ "$(id -u)" = 0 ] || fail 'this case starts an engine of its own, which takes root' 'sudo scripts/bench buildkit'
  mkdir "$work/engine"
  if [ -z "$on_disk" ] && [ "$(awk '/^MemAvailable/ {print int($2 / 1e6)}' /proc/meminfo)" -ge $((memory + 2)) ]; then
    mount -t tmpfs -o size=${memory}G occ-bench "$work/engine"
    say 'the engine keeps its data in memory'
  else
    say 'the engine keeps its data on the disk'
    [ "$(df --output=avail -BG "$work" | tail -n 1 | tr -dc 0-9)" -ge $room ] ||
      fail "fewer than $room GB are free in $work" 'set TMPDIR to a larger disk'
  fi
  # A bridge of its own: two engines must not share one.
  ip link add occbench0 type bridge
  ip addr add 172.31.97.1/24 dev occbench0
  ip link set occbench0 up
  dockerd --data-root "$work/engine" --exec-root "$work/exec" --pidfile "$work/engine.pid" -H "unix://$work/engine.sock" \
    --bridge occbench0 --iptables=false --ip6tables=false >"$work/engine.log" 2>&1 &
  own=$!
  children+=("$own")
  for _ in $(seq 300); do
    curl -sf --unix-socket "$work/engine.sock" http://engine/_ping >/dev/null && return
    sleep 0.1
  done
  fail 'the engine of this case did not start' "$(tail -n 3 "$work/engine.log")"
}

stop_own_engine() {
  kill "$own" 2>/dev/null && wait "$own" || true
  umount "$work/engine" 2>/dev/null || true
  ip link del occbench0 2>/dev/null || true
  rm -rf "$work/engine" "$work/exec"
  own=''
}

# A tree as npm makes it: 27,000 small files, four directories deep.
packages() {
  python3 - "$1" <<'PY'
import os, random, sys
random.seed(1)
for package in range(900):
    for below in ("", "lib", "dist/esm", "node_modules/dep/lib"):
        path = os.path.join(sys.argv[1], "node_modules/p%d" % package, below)
        os.makedirs(path, exist_ok=True)
        for f in range(random.randint(4, 11)):
            with open("%s/%d.js" % (path, f), "wb") as out:
                out.write(os.urandom(int(random.lognormvariate(7.3, 1.2))))
PY
}

# rows FILE JSON…: further ratios, which were not timed.
rows() { jq -n '{commands: [], ratios: $ARGS.positional}' --jsonargs "${@:2}" >"$1"; }

# row WHAT VALUE UNIT MAX
row() {
  jq -cn --arg what "$1" --arg value "$2 $3" --argjson max "$4" --argjson number "$2" \
    '{what: $what, ratio: $value, range: "", max: $max, verdict: (if $max == null then "-" elif $number <= $max then "met" else "MISSED" end)}'
}

# The largest memory of a command, in MB.
memory() {
  python3 - "$@" <<'PY'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
print(round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000, 1))
PY
}

bench_buildkit() {
  local size cli compose='' fixture dir part kept=() numbers=() docker_host=$DOCKER_HOST
  start_own_engine
  export DOCKER_HOST=unix://$work/engine.sock DOCKER_BUILDKIT=1
  [ -d "$work/many" ] || files "$work/many" 100 100 10000
  [ -d "$work/half" ] || files "$work/half" 1 50 10000000
  packages "$work/node"
  for fixture in many half node; do
    printf 'FROM scratch\nCOPY . /\n' >"$work/$fixture/Dockerfile"
    printf 'version = 1\n[images.x]\nname = "occ-bench/%s"\ntag = "1"\nbuild = { context = "%s", builder = "buildkit" }\n' \
      "$fixture" "$fixture" >"$work/kit-$fixture.toml"
    printf 'services:\n  x:\n    image: occ-bench/%s:compose\n    build: ./%s\n' "$fixture" "$fixture" >"$work/compose-$fixture.yml"
  done
  mkdir "$work/tiny" && printf 'FROM scratch\nCOPY Dockerfile /\n' >"$work/tiny/Dockerfile"
  for cli in $(type -ap docker) ''; do
    [ -n "$cli" ] || fail 'no docker CLI here builds with BuildKit' 'apt-get install docker.io'
    ! "$cli" build -q "$work/tiny" >"$work/log" 2>&1 || break
  done
  compose=$(type -p docker-compose || true)
  [ -z "$compose" ] || "$compose" version --short 2>/dev/null | grep -q '^v\?[2-9]' || compose=''
  [ -n "$compose" ] || say 'there is no Compose 2 here, so occ is not compared with it'
  # What was left by the last run: the engine's cache, and what either client remembers.
  printf '#!/bin/sh\n%q system prune -af >/dev/null\nrm -rf %q %q\nsync\n' "$cli" "$work/cache/occ" "$work/.buildNodeID" >"$work/forget-all"
  printf '#!/bin/sh\n%q rmi -f occ-bench/many:1 occ-bench/half:1 occ-bench/node:1 >/dev/null 2>&1\nsync\n' "$cli" >"$work/forget-names"
  for fixture in many half node; do
    dir=$work/$fixture
    numbers+=("$(sh "$work/forget-all" && row "occ, cold build, $fixture: memory" "$(memory "$occ" --manifest "$work/kit-$fixture.toml" sync)" MB 16)")
    numbers+=("$(sh "$work/forget-all" && row "docker, cold build, $fixture: memory" "$(memory "$cli" build -q -t "occ-bench/$fixture:docker" "$dir")" MB null)")
    pair "cold-$fixture" 1 3 6 "sh $work/forget-all" 0.9 "cold build, $fixture"
    pair "same-$fixture" 3 4 12 "sh $work/forget-names" 0.6 "unchanged, $fixture"
    case $fixture in
    many) part=000/0000 size=10000 ;;
    half) part=000/0000 size=10000000 ;;
    node) continue ;;
    esac
    printf '#!/bin/sh\nhead -c %s /dev/urandom >%q\nsync\n' "$size" "$dir/$part" >"$work/change-$fixture"
    pair "change-$fixture" 1 4 12 "sh $work/change-$fixture" "$([ $fixture = many ] && echo 0.9 || echo null)" "one file changed, $fixture"
    [ $fixture = half ] || continue
    # What travels of 500 MB of which one file changed, and how long that takes.
    sh "$work/change-half"
    "$occ" --manifest "$work/kit-half.toml" sync --progress json 2>"$work/events" >/dev/null
    numbers+=("$(row 'one of 50 files changed, half: sent' "$(jq -s '[.[] | select(.event == "sending").bytes] | max / 1e6 * 10 | round / 10' "$work/events")" MB 10.5)")
    numbers+=("$(row 'one of 50 files changed, half: the context step' "$(jq -s '[.[] | select(.event == "build_step" and .text == "[internal] load build context").millis // 0] | max / 1000' "$work/events")" s 0.2)")
  done
  rows "$work/numbers.json" "${numbers[@]}"
  for fixture in many half node; do
    for part in cold same change; do
      [ ! -f "$work/$part-$fixture.json" ] || kept+=("$work/$part-$fixture.json")
    done
  done
  jq -s '{commands: map(.commands) | add, ratios: map(.ratios) | add}' "${kept[@]}" "$work/numbers.json" >"$work/buildkit.json"
  stop_own_engine
  export DOCKER_HOST=$docker_host
  unset DOCKER_BUILDKIT
}

# pair CASE RUNS MIN MAX PREPARE GOAL WORDS: occ against its peers, for `fixture`.
pair() {
  local goals
  local commands=("occ, $7" "$occ --manifest $work/kit-$fixture.toml sync" "docker build, $7" "$cli build -q -t occ-bench/$fixture:docker $dir")
  goals="{\"what\": \"occ / docker build: $7\", \"of\": \"occ, $7\", \"over\": \"docker build, $7\", \"max\": $6}"
  if [ -n "$compose" ]; then
    commands+=("docker-compose build, $7" "$compose -f $work/compose-$fixture.yml build -q")
    goals+=", {\"what\": \"occ / docker-compose build: $7\", \"of\": \"occ, $7\", \"over\": \"docker-compose build, $7\", \"max\": $6}"
  fi
  race "$1" "$2" "$3" "$4" "$5" "[$goals]" "${commands[@]}"
}
