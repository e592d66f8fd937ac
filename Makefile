# Thin over CMake presets and scripts/. `make` alone builds the release binary, build/aimass.
JOBS ?= $(shell nproc)
# Compiled objects are shared between checkouts.
export CCACHE_BASEDIR := $(CURDIR)
.PHONY: build demo stop run check test tsan coverage test-models soak bench quality fuzz package fmt clean

build:
	@scripts/install.sh build
	@mkdir -p build && cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release -j $(JOBS) --target aimass

demo: build
	@scripts/demo.py

stop:
	@scripts/demo.py --stop

run: build
	@build/aimass serve --data $${AIMASS_DATA:-build/data} --listen $${AIMASS_LISTEN:-127.0.0.1:8080}

check:
	@scripts/check.sh

test: build
	@scripts/test.sh

tsan:
	@scripts/test.sh tsan

coverage:
	@scripts/coverage.py

test-models: build
	@scripts/test.sh models

soak: build
	@scripts/test.sh soak

bench: build
	@scripts/test.sh bench

# Over an hour: 13 real tables, 60 s each for ours and for every search beside it.
quality: build
	@scripts/test.sh quality

fuzz: build
	@scripts/test.sh fuzz

package: build
	@scripts/package.sh

fmt:
	@scripts/install.sh test
	@git ls-files -co --exclude-standard '*.cc' '*.h' | xargs -r clang-format-19 -i

clean:
	@rm -rf build build-dev build-tsan build-fuzz build-quick build-coverage
