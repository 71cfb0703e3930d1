.PHONY: test lint ci demo

test:  ## run the tests in the current environment
	python -m pytest

lint:  ## style, types and import layers
	ruff check . && ruff format --check . && mypy && lint-imports

ci:  ## what continuous integration runs, in an environment of its own
	bash .ci/run

demo:  ## build the demo dataset
	topdata build cards/recipes/demo.yaml -o demo-dataset
