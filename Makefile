# The two commands of the README. Each does its own set-up: see scripts/setup.

.PHONY: demo test unit bench bench-quick torture soak build package try-package format clean

demo:
	@scripts/setup build
	@bin/sluice demo

test:
	@scripts/setup test
	@scripts/test

# The unit tests alone: no root, no real servers, about a minute once it is built.
unit:
	@scripts/setup build
	@PHASE=test scripts/test -q -Dunit.forks=4

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
	@scripts/mvn -q verify -pl steering,config,bpf,proxy-core -Dtest=ProxyHeaderFuzzTest -Dit.test=SoakIT \
	  -Dsluice.fuzz.seconds=60 -Dsluice.soak.seconds=60 \
	  -Dsurefire.failIfNoSpecifiedTests=false -Dfailsafe.failIfNoSpecifiedTests=false

soak:
	@scripts/setup torture
	@scripts/build deploy/target/sluice/lib
	@deploy/torture/soak

build:
	@scripts/setup build
	@scripts/build deploy/target/sluice/lib

# A Debian package and an archive, of this machine's architecture, in deploy/target/package.
package:
	@scripts/setup build
	@deploy/package/build-package

# Installs that package in a fresh Debian 12: as root, with Debian's packages within reach.
try-package: package
	@deploy/package/try-package deploy/target/package/sluice_*.deb

format:
	@scripts/mvn -q spotless:apply

clean:
	@scripts/mvn -q clean
