# The two commands of the README. Each does its own set-up: see scripts/setup.

.PHONY: demo test bench bench-quick torture soak build format clean

demo:
	@scripts/setup build
	@bin/sluice demo

test:
	@scripts/setup test
	@scripts/test

# Both need root: see deploy/bench/README.md.
bench:
	@scripts/setup bench
	@scripts/build deploy/target/sluice/lib
	@deploy/bench/bench --record

bench-quick:
	@scripts/setup bench
	@scripts/build deploy/target/sluice/lib
	@deploy/bench/bench --quick

# As root, too: see deploy/torture/README.md. Options by hand: deploy/torture/torture --only NAME --seed N
torture:
	@scripts/setup torture
	@scripts/build deploy/target/sluice/lib
	@deploy/torture/torture

soak:
	@scripts/setup torture
	@scripts/build deploy/target/sluice/lib
	@deploy/torture/soak

build:
	@scripts/setup build
	@scripts/build deploy/target/sluice/lib

format:
	@scripts/mvn -q spotless:apply

clean:
	@scripts/mvn -q clean
