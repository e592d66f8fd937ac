#!/bin/bash
# The tests: `scripts/test.sh [all|unit|link|http|tsan|models|soak|bench|quality|fuzz] [pytest arguments]`.
#
#   unit   every module's unit tests under AddressSanitizer and UndefinedBehaviorSanitizer (build-dev)
#   link   the tests of native/ in the release build: each used function of a library whose header is of another release
#   http   tests/: the release binary from outside, and what is fuzzed (build-fuzz): 20 s for each target
#   all    unit, link, http
#   tsan   the unit tests of base, jobs, runtimes, endpoints and HTTP under ThreadSanitizer (build-tsan)
#   bench  bench/run.py: measurements beside peers, into bench/results/
#   quality  bench/quality/quality.py: models on real tables beside other libraries (over an hour at 60 s)
# The others run the tests below tests/ with that pytest marker. JOBS limits parallel compilers.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
shift || true
jobs=${JOBS:-$(nproc)}

scripts/install.sh test

configure() {
  mkdir -p "$2"
  cmake --preset "$1" > "$2/configure.log" 2>&1 || { cat "$2/configure.log"; exit 1; }
}

run_unit() {
  configure dev build-dev
  cmake --build build-dev -j "$jobs" --target unit_tests
  scripts/with_postgres.sh ctest --test-dir build-dev -j "$jobs" --output-on-failure --no-tests=error 2>&1 |
    grep -vE '^ *(Start|[0-9]+/[0-9]+ Test .*Passed)'
}

run_tsan() {
  configure tsan build-tsan
  cmake --build build-tsan -j "$jobs" --target base_test jobs_test runtimes_test endpoints_test api_test
  scripts/with_postgres.sh ctest --test-dir build-tsan -L '^(base|jobs|runtimes|endpoints|api)$' -j "$jobs" --output-on-failure \
    --no-tests=error 2>&1 | grep -vE '^ *(Start|[0-9]+/[0-9]+ Test .*Passed)'
}

run_link() {
  configure release build
  cmake --build build -j "$jobs" --target native_test
  ctest --test-dir build -L '^native$' --output-on-failure --no-tests=error 2>&1 | grep -vE '^ *Start'
}

build_fuzz() {
  configure fuzz build-fuzz
  cmake --build build-fuzz -j "$jobs" --target fuzz_targets
}

run_pytest() {
  local venv
  venv=$(scripts/venv.sh)
  "$venv/bin/pytest" tests "$@"
}

case "$what" in
  all) run_unit; run_link; build_fuzz; run_pytest -m "not models and not soak and not fuzz" "$@" ;;
  unit) run_unit ;;
  link) run_link ;;
  tsan) run_tsan ;;
  http) build_fuzz; run_pytest -m "not models and not soak and not fuzz" "$@" ;;
  quality) exec "$(scripts/venv.sh bench/quality)/bin/python" bench/quality/quality.py "$@" ;;
  bench)
    scripts/install.sh bench
    exec "$(scripts/venv.sh bench)/bin/python" bench/run.py "$@"
    ;;
  soak | fuzz) build_fuzz; run_pytest -m "$what" "$@" ;;
  models) run_pytest -m "$what" "$@" ;;
  *) sed -n '2,/^set/{/^#/p}' "$0" >&2; exit 2 ;;
esac
