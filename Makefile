# The two commands of the README. Each does its own set-up: see scripts/setup.

.PHONY: demo test build format clean

demo:
	@scripts/setup build
	@bin/sluice demo

test:
	@scripts/setup test
	@scripts/test

build:
	@scripts/setup build
	@scripts/build deploy/target/sluice/lib

format:
	@scripts/mvn -q spotless:apply

clean:
	@scripts/mvn -q clean
